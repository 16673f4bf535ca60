package device_test

import (
	"sync"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// A log in use never changes: what extends it is another one, and two of them know nothing of each other.
func TestLogsAreImmutable(t *testing.T) {
	s := newScene(t)
	l := s.log()
	before := snapshot(t, s, l)
	type branch struct {
		*writer
		device stranger
	}
	branches := make([]branch, 8)
	for i := range branches {
		b := branch{s.branch(len(s.entries)), newStranger(t, alice)}
		b.put(s.founder.signer, opAdd, b.device.record, nil)
		b.put(s.founder.signer, opRevoke, s.laptop.kid, nil)
		b.put(b.device.signer, opUpdate, b.device.renewed(t, suite2).record, nil)
		b.put(s.recovery, opRecover, newStranger(t, alice).record, recoverySigner(t, recoveryKey(t, byte(10+i))).public())
		branches[i] = b
	}
	var wg sync.WaitGroup
	for _, b := range branches {
		wg.Go(func() {
			next, err := l.Extend(b.entries)
			if err != nil {
				t.Error(err)
				return
			}
			if next.Pin() != b.pin() || len(next.Active()) != 1 {
				t.Errorf("extended to %v", next.Pin())
			}
		})
		wg.Go(func() {
			if snapshot(t, s, l) != before {
				t.Error("the log changed while others extended it")
			}
		})
	}
	wg.Wait()
	if snapshot(t, s, l) != before {
		t.Error("the log changed")
	}
	// What a log gives out may be written to, and what it was made of, too.
	l.Active()[0] = nil
	clear(s.entries[3])
	clear(l.Active()[1].Bytes())
	if snapshot(t, s, l) != before {
		t.Error("the log changed with what it gave out")
	}
}

// However many entries, recovery keys and recoveries a log has, two logs that extend it share no place to write to.
func TestTwoExtensionsOfOneLogKeepApart(t *testing.T) {
	w := &writer{TB: t}
	root := newStranger(t, alice)
	key := recoverySigner(t, recoveryKey(t, 1))
	w.put(root.signer, opRoot, root.record, key.public())
	for n := range byte(9) {
		next := recoverySigner(t, recoveryKey(t, 2+n))
		w.put(key, opRecover, newStranger(t, alice).record, next.public())
		key = next
		l, last := w.log(), newStranger(t, alice)
		a, b := w.branch(len(w.entries)), w.branch(len(w.entries))
		ofA := recoverySigner(t, recoveryKey(t, 101))
		a.put(key, opRecover, last.record, nil)
		a.put(key, opSetRecovery, nil, ofA.public())
		b.put(key, opSetRecovery, nil, recoverySigner(t, recoveryKey(t, 102)).public())
		b.put(recoverySigner(t, recoveryKey(t, 102)), opRecover, newStranger(t, alice).record, nil)
		one := extended(t, l, a.entries[len(w.entries)])
		extended(t, l, b.entries[len(w.entries)])
		two := extended(t, one, a.entries[len(w.entries)+1])
		extended(t, l, b.entries[len(w.entries):]...)
		if one.Pin() != a.branch(len(a.entries)-1).pin() || two.Pin() != a.pin() {
			t.Fatal("another entry counts in a log after a second one was made")
		}
		c := a.branch(len(a.entries))
		c.put(ofA, opRecover, newStranger(t, alice).record, nil)
		extended(t, two, c.entries[len(c.entries)-1]) // whose recovery key is still that of its own entry

		// The recovery of the one counts where it stands: what parts after it is a fork.
		x, y := a.branch(len(a.entries)-1), a.branch(len(a.entries)-1)
		x.put(last.signer, opAdd, newStranger(t, alice).record, nil)
		y.put(last.signer, opAdd, newStranger(t, alice).record, nil)
		_, err := extended(t, one, x.entries[len(x.entries)-1]).Extend(y.entries[len(y.entries)-1:])
		wantFault(t, err, fault.LogFork)
	}
}

func extended(t testing.TB, l *device.Log, entries ...[]byte) *device.Log {
	t.Helper()
	next, err := l.Extend(entries)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// snapshot is everything that can be seen of a log.
func snapshot(t testing.TB, s *scene, l *device.Log) [32]byte {
	t.Helper()
	pin, anchor := l.Pin(), l.Anchor()
	var b []byte
	b = wire.AppendText(b, l.User())
	b = append(append(append(b, pin.Root[:]...), pin.Head[:]...), anchor[:]...)
	for _, r := range l.Active() {
		b = append(b, r.Bytes()...)
	}
	for _, known := range []stranger{s.founder, s.laptopOld, s.laptop, s.phoneOld, s.phone} {
		_, err := l.Find(device.CertID(known.kid))
		b = append(b, byte(fault.Of(err)))
	}
	return sum(b)
}
