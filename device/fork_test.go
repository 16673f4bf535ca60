package device_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

func sum(b []byte) [32]byte { return sha256.Sum256(b) }

// verdict is what who holds one branch says of the other.
type verdict string

const (
	holds verdict = "holds"
	moves verdict = "moves"
	forks verdict = "forks"
)

// judge shows a branch to who holds another one.
func judge(t testing.TB, held, served *writer) verdict {
	t.Helper()
	l := held.log()
	got, err := l.Extend(served.entries)
	switch {
	case err == nil && got.Pin() == served.pin():
		return moves
	case got != nil:
		t.Error("a log beside the error")
	case errors.Is(err, fault.Rollback):
		return holds
	case errors.Is(err, fault.LogFork):
		return forks
	}
	t.Errorf("neither taken nor refused nor a fork: %v", err)
	return ""
}

func TestForkKeepsBothEntries(t *testing.T) {
	s := newScene(t)
	n := len(s.entries)
	held, other := s.branch(n), s.branch(n)
	for _, w := range []*writer{held, other} {
		w.put(s.founder.signer, opAdd, newStranger(t, alice).record, nil)
		w.put(s.founder.signer, opAdd, newStranger(t, alice).record, nil)
	}
	evidence := bytes.Clone(other.entries[n])
	for _, from := range []int{0, n - 1, n} {
		got, err := held.log().Extend(other.entries[from:])
		wantFault(t, err, fault.LogFork)
		var fork *device.ForkError
		if got != nil || !errors.As(err, &fork) {
			t.Fatalf("served from %d: %v", from, err)
		}
		if fork.Seq != uint64(n) || fork.Held != sum(held.entries[n]) || !bytes.Equal(fork.Other, evidence) {
			t.Errorf("evidence %d %s %x", fork.Seq, fork.Held, fork.Other)
		}
		other.entries[n][0] ^= 1
		if !bytes.Equal(fork.Other, evidence) {
			t.Error("the evidence changes with the input")
		}
		other.entries[n][0] ^= 1
		if fork.Error() == "" || fault.Of(err) != fault.LogFork {
			t.Error("a fork without a text or with another code")
		}
	}
}

// A fork that was found stays one, however the branch goes on.
func TestForkIsFoundBeforeABrokenTail(t *testing.T) {
	s := newScene(t)
	n := len(s.entries)
	held, other := s.branch(n), s.branch(n)
	held.put(s.founder.signer, opAdd, newStranger(t, alice).record, nil)
	other.put(s.founder.signer, opAdd, newStranger(t, alice).record, nil)
	after := func(by signer, op int, record, recoveryKey []byte) []byte {
		return by.entry(t, entry(other.entries, op, record, recoveryKey))
	}
	fresh := newStranger(t, alice).record
	for name, tail := range map[string][]byte{
		"no entry":                {0xff},
		"an entry by a stranger":  after(newStranger(t, alice).signer, opAdd, fresh, nil),
		"a device twice":          after(s.founder.signer, opAdd, s.phone.record, nil),
		"a recover to known keys": after(s.recovery, opRecover, s.phone.record, nil),
		"a recover to a used key": after(s.recovery, opRecover, fresh, s.phone.public()),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := held.log().Extend(append(other.entries[n:n+1:n+1], tail))
			wantFault(t, err, fault.LogFork)
		})
	}
	// What is broken from its first entry on is no branch.
	_, err := held.log().Extend([][]byte{s.nextEntry(newStranger(t, alice))})
	wantFault(t, err, fault.UntrustedSigner)
}

// One line for each way in which two branches can part: what happens on either, and who wins.
func TestBranchOfTheRecoveryKeyWins(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b func(s *scene, w *writer)
		want verdict // of who holds a and is served b
	}{
		{"fork", add, add, forks},
		{"branch-below-recover", recovers, add, holds},
		{"branch-below-recover that is longer", recovers, both(add, add, add), holds},
		{"branch-below-recover, devices first", both(add, recovers), both(add, revoke), holds},
		{"branch-below-recover, key replaced by it", recoversAnew, add, holds},
		{"more recovers", both(recovers, recovers), recovers, holds},
		{"recover-by-key-replaced-on-other-branch", replaces, recovers, forks},
		{"recovers by a key replaced in the same entry", recoversAnew, both(recovers, recovers), forks},
		{"recovers by the next key do not count", both(recoversAnew, recoversByNext), recovers, forks},
		{"recovers by the next key do not help", both(replaces, recoversByNext, recoversByNext), recovers, forks},
		{"both recover", recovers, recovers, forks},
		{"both replace", replaces, replacesOtherwise, forks},
		{"one replaces", replaces, add, forks},
		{"recover and replace later", both(recovers, replaces), add, holds},
		{"recover after replacing", both(replaces, recoversByNext), add, holds},
		{"recover after replacing on both", both(replaces, recoversByNext), both(replacesOtherwise, recoversByOther), forks},
		{"recover after replacing, replaced on the other", both(replaces, recoversByNext), replacesOtherwise, forks},
	} {
		for before, s := range map[string]*scene{"": newScene(t), ", recovered once before": recoveredScene(t)} {
			t.Run(c.name+before, func(t *testing.T) {
				a, b := s.branch(len(s.entries)), s.branch(len(s.entries))
				c.a(s, a)
				c.b(s, b)
				if got := judge(t, a, b); got != c.want {
					t.Errorf("who has the first %s", got)
				}
				mirror := map[verdict]verdict{holds: moves, moves: holds, forks: forks}[c.want]
				if got := judge(t, b, a); got != mirror {
					t.Errorf("who has the second %s", got)
				}
			})
		}
	}
}

// recoveredScene has a recovery that both branches share, which counts for neither.
func recoveredScene(t testing.TB) *scene {
	t.Helper()
	s := newScene(t)
	s.founder, s.laptop = newStranger(t, alice), newStranger(t, alice)
	s.put(s.recovery, opRecover, s.founder.record, nil)
	s.put(s.founder.signer, opAdd, s.laptop.record, nil)
	return s
}

func add(s *scene, w *writer) { w.put(s.founder.signer, opAdd, newStranger(w, alice).record, nil) }
func revoke(s *scene, w *writer) {
	w.put(s.founder.signer, opRevoke, s.laptop.kid, nil)
}
func recovers(s *scene, w *writer) { w.put(s.recovery, opRecover, newStranger(w, alice).record, nil) }
func recoversAnew(s *scene, w *writer) {
	w.put(s.recovery, opRecover, newStranger(w, alice).record, nextRecovery(w).public())
}
func recoversByNext(_ *scene, w *writer) {
	w.put(nextRecovery(w), opRecover, newStranger(w, alice).record, nil)
}
func replaces(s *scene, w *writer) { w.put(s.recovery, opSetRecovery, nil, nextRecovery(w).public()) }
func replacesOtherwise(s *scene, w *writer) {
	w.put(s.recovery, opSetRecovery, nil, recoverySigner(w, recoveryKey(w, 4)).public())
}
func recoversByOther(_ *scene, w *writer) {
	w.put(recoverySigner(w, recoveryKey(w, 4)), opRecover, newStranger(w, alice).record, nil)
}

func nextRecovery(w *writer) signer { return recoverySigner(w, recoveryKey(w, 3)) }

func both(steps ...func(*scene, *writer)) func(*scene, *writer) {
	return func(s *scene, w *writer) {
		for _, step := range steps {
			step(s, w)
		}
	}
}

// Where no recovery key was in force when the branches part, none decides.
func TestKeySetAfterThePartingDecidesNothing(t *testing.T) {
	s := bare(t)
	a, b := s.branch(1), s.branch(1)
	a.put(s.founder.signer, opSetRecovery, nil, s.recovery.public())
	a.put(s.recovery, opRecover, newStranger(t, alice).record, nil)
	b.put(s.founder.signer, opAdd, newStranger(t, alice).record, nil)
	if judge(t, a, b) != forks || judge(t, b, a) != forks {
		t.Error("a key that only one branch knows decided")
	}
}

// Only the key that was in force where the branches part counts, not one of before.
func TestKeyReplacedBeforeThePartingDecidesNothing(t *testing.T) {
	s := newScene(t)
	early := s.branch(5) // before the recovery key was replaced
	early.put(s.recoveryOld, opRecover, newStranger(t, alice).record, nil)
	if got := judge(t, &s.writer, early); got != forks {
		t.Errorf("who saw the key replaced %s", got)
	}
	if got := judge(t, early, &s.writer); got != forks {
		t.Errorf("who was served the branch of the old key first %s", got)
	}
}

// What wins must be whole, what loses need not be.
func TestBrokenTailOfAJudgedBranch(t *testing.T) {
	s := newScene(t)
	n := len(s.entries)
	won, lost := s.branch(n), s.branch(n)
	recovers(s, won)
	add(s, lost)
	tail := func(w *writer) [][]byte {
		return append(w.entries[n:n+1:n+1], w.nextEntry(newStranger(t, alice)))
	}
	_, err := lost.log().Extend(tail(won))
	wantFault(t, err, fault.UntrustedSigner)
	_, err = won.log().Extend(tail(lost))
	wantFault(t, err, fault.Rollback)
}
