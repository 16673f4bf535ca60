package group_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groupentry"
)

// scene is a group of alice, the owner, bob and carol, admins, and dave. Erin is outside.
type scene struct {
	*chain
	a, b, c, d, e *device.Keys
}

const erin = "erin"

func newScene(t testing.TB) *scene {
	w := newWorld(t, alice, bob, carol, dave, erin)
	key := func(user string) *device.Keys { return w.people[user].first() }
	s := &scene{w.create(alice), key(alice), key(bob), key(carol), key(dave), key(erin)}
	s.join(s.a, bob, carol, dave)
	s.put(s.a, group.SetRole(bob, group.RoleAdmin))
	s.put(s.a, group.SetRole(carol, group.RoleAdmin))
	return s
}

// Each entry differs in one thing from a good one, and is signed over that.
func TestEntriesThatBreakARuleAreRefused(t *testing.T) {
	const add, remove, role, transfer, resolve = groupentry.Add, groupentry.Remove, groupentry.Role, groupentry.Transfer, groupentry.Resolve
	for name, c := range map[string]struct {
		want  fault.Code
		forge func(s *scene) []byte
	}{
		"prev-wrong unknown": {fault.TooFarAhead, func(s *scene) []byte {
			return s.forge(s.b, add, erin, 0, func(e *groupentry.Entry) { e.Prev[0] ^= 1 })
		}},
		"prev-wrong earlier entry": {fault.Malformed, func(s *scene) []byte {
			return s.forge(s.b, add, erin, 0, func(e *groupentry.Entry) { e.Prev = hashOf(s.entries[1]) })
		}},
		"epoch-gap": {fault.Malformed, func(s *scene) []byte {
			return s.forge(s.b, add, erin, 0, func(e *groupentry.Entry) { e.Epoch++ })
		}},
		"epoch-repeat": {fault.Malformed, func(s *scene) []byte {
			return s.forge(s.b, add, erin, 0, func(e *groupentry.Entry) { e.Epoch-- })
		}},
		"epoch over the limit": {fault.OverLimit, func(s *scene) []byte {
			return s.forge(s.b, add, erin, 0, func(e *groupentry.Entry) { e.Epoch = group.MaxEntries })
		}},
		"group-other": {fault.Malformed, func(s *scene) []byte {
			return s.forge(s.b, add, erin, 0, func(e *groupentry.Entry) { e.Group[0] ^= 1 })
		}},
		"created twice": {fault.Malformed, func(s *scene) []byte {
			return s.forge(s.a, groupentry.Create, alice, 0, func(e *groupentry.Entry) {
				first := fields(s, s.entries[0])
				e.Epoch, e.Prev, e.Role, e.Nonce, e.Members, e.Issued = 0, [32]byte{}, first.Role, first.Nonce, first.Members, 1
			})
		}},
		"members-digest-wrong": {fault.Malformed, func(s *scene) []byte {
			return s.forge(s.b, add, erin, 0, func(e *groupentry.Entry) { e.Members[31] ^= 1 })
		}},
		"members-digest of before": {fault.Malformed, func(s *scene) []byte {
			return s.forge(s.b, add, erin, 0, func(e *groupentry.Entry) { e.Members = fields(s, s.last()).Members })
		}},
		"admin-removes-admin": {fault.UntrustedSigner, func(s *scene) []byte { return s.forge(s.b, remove, carol, 0, nil) }},
		"admin-removes-owner": {fault.UntrustedSigner, func(s *scene) []byte { return s.forge(s.b, remove, alice, 0, nil) }},
		"admin-sets-role":     {fault.UntrustedSigner, func(s *scene) []byte { return s.forge(s.b, role, dave, 1, nil) }},
		"admin-transfers":     {fault.UntrustedSigner, func(s *scene) []byte { return s.forge(s.b, transfer, bob, 0, nil) }},
		"member-adds":         {fault.UntrustedSigner, func(s *scene) []byte { return s.forge(s.d, add, erin, 0, nil) }},
		"member-removes":      {fault.UntrustedSigner, func(s *scene) []byte { return s.forge(s.d, remove, bob, 0, nil) }},
		"outsider-adds":       {fault.UntrustedSigner, func(s *scene) []byte { return s.forge(s.e, add, erin, 0, nil) }},
		"remove-absent":       {fault.Malformed, func(s *scene) []byte { return s.forge(s.a, remove, erin, 0, nil) }},
		"remove-other-root": {fault.Malformed, func(s *scene) []byte {
			return s.forge(s.a, remove, dave, 0, func(e *groupentry.Entry) { e.Root[0] ^= 1 })
		}},
		"add-present": {fault.Malformed, func(s *scene) []byte { return s.forge(s.a, add, dave, 0, nil) }},
		"add-present-other-root": {fault.Malformed, func(s *scene) []byte {
			return s.forge(s.a, add, dave, 0, func(e *groupentry.Entry) {
				e.Root[0] ^= 1
				e.Members = s.after(e)
			})
		}},
		"owner-leaves": {fault.UntrustedSigner, func(s *scene) []byte { return s.forge(s.a, remove, alice, 0, nil) }},
		"two-owners by role": {fault.Malformed, func(s *scene) []byte {
			return s.forge(s.a, role, dave, 2, nil)
		}},
		"two-owners by add": {fault.Malformed, func(s *scene) []byte { return s.forge(s.a, add, erin, 2, nil) }},
		"added as admin":    {fault.Malformed, func(s *scene) []byte { return s.forge(s.a, add, erin, 1, nil) }},
		"no owner":          {fault.Malformed, func(s *scene) []byte { return s.forge(s.a, role, alice, 1, nil) }},
		"transfer to oneself": {fault.Malformed, func(s *scene) []byte {
			return s.forge(s.a, transfer, alice, 0, nil)
		}},
		"transfer to outsider": {fault.Malformed, func(s *scene) []byte { return s.forge(s.a, transfer, erin, 0, nil) }},
		"role of outsider":     {fault.Malformed, func(s *scene) []byte { return s.forge(s.a, role, erin, 1, nil) }},
		"kid of nobody": {fault.UntrustedSigner, func(s *scene) []byte {
			return signed(s, signerOf(s, s.e), s.fields(s.b, add, erin, 0))
		}},
		"signature-by-other": {fault.UntrustedSigner, func(s *scene) []byte {
			b := s.forge(s.b, add, erin, 0, nil)
			copy(b[len(b)-64:], s.last()[len(s.last())-64:])
			return b
		}},
		"actor-of-other-member": {fault.UntrustedSigner, func(s *scene) []byte {
			return s.forge(s.b, add, erin, 0, func(e *groupentry.Entry) {
				pin := s.people[carol].log.Pin()
				e.Actor, e.Seq, e.Head = carol, pin.Seq, pin.Head
			})
		}},
		"actor-head-other": {fault.UntrustedSigner, func(s *scene) []byte {
			return s.forge(s.b, add, erin, 0, func(e *groupentry.Entry) { e.Head[0] ^= 1 })
		}},
		"actor-log-ahead": {fault.TooFarAhead, func(s *scene) []byte {
			return s.forge(s.b, add, erin, 0, func(e *groupentry.Entry) { e.Seq++ })
		}},
		"actor-root-other, reset-member-as-member": {fault.TooFarAhead, func(s *scene) []byte {
			return s.forge(s.found(bob).first(), add, erin, 0, nil) // the log of the root that he is a member under is gone
		}},
		"actor-seq-decreases": {fault.Rollback, func(s *scene) []byte {
			old := s.people[bob].log
			s.add(bob)
			s.take(s.forge(s.b, add, erin, 0, nil))
			return s.forge(s.b, remove, erin, 0, func(e *groupentry.Entry) { e.Seq, e.Head = old.Pin().Seq, old.Pin().Head })
		}},
		"revoked-then": {fault.RevokedDevice, func(s *scene) []byte {
			s.add(bob)
			s.revoke(s.b)
			return s.forge(s.b, add, erin, 0, nil)
		}},
		"device-added-later": {fault.UntrustedSigner, func(s *scene) []byte {
			old := s.people[bob].log
			return s.forge(s.add(bob), add, erin, 0, func(e *groupentry.Entry) { e.Seq, e.Head = old.Pin().Seq, old.Pin().Head })
		}},
		"resolve-by-admin": {fault.UntrustedSigner, func(s *scene) []byte { return s.forge(s.b, resolve, erin, 0, asResolve(s.entries[1])) }},
		"resolve-of-unrelated": {fault.TooFarAhead, func(s *scene) []byte {
			return s.forge(s.a, resolve, erin, 0, asResolve([]byte("an entry that nobody knows")))
		}},
		"resolve-of-own-branch": {fault.Malformed, func(s *scene) []byte { return s.forge(s.a, resolve, erin, 0, asResolve(s.entries[2])) }},
		"resolve-of-the-beginning": {fault.Malformed, func(s *scene) []byte {
			return s.forge(s.a, resolve, erin, 0, asResolve(s.entries[0]))
		}},
		"after the end": {fault.Expired, func(s *scene) []byte {
			s.put(s.a, group.SetRole(bob, group.RoleMember))
			s.put(s.a, group.SetRole(carol, group.RoleMember))
			s.put(s.a, group.Remove(alice))
			return s.forge(s.b, add, erin, 0, nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			b := c.forge(s)
			next, err := s.state().Extend([][]byte{b}, s.logs)
			wantFault(t, err, c.want)
			if next != nil {
				t.Error("a state beside the error")
			}
		})
	}
}

// asResolve makes an entry reject another one.
func asResolve(rejected []byte) func(e *groupentry.Entry) {
	return func(e *groupentry.Entry) {
		h := [32]byte(hashOf(rejected))
		e.User, e.Root = nil, &h
	}
}

// What everybody may do, and the end.
func TestRights(t *testing.T) {
	s := newScene(t)
	s.put(s.b, group.Add(erin, s.people[erin].root()))
	s.put(s.c, group.Remove(dave))
	s.put(s.e, group.Remove(erin))
	s.put(s.a, group.Transfer(bob))
	s.put(s.b, group.SetRole(alice, group.RoleMember))
	s.put(s.b, group.Remove(carol))
	s.put(s.a, group.Remove(alice))
	state := s.state()
	if m := state.Members(); len(m) != 1 || m[0] != (group.Member{User: bob, Root: s.people[bob].root(), Role: group.RoleOwner}) {
		t.Fatalf("members are %v", m)
	}
	s.put(s.b, group.Remove(bob))
	state = s.state()
	if state.Status() != group.Ended || len(state.Members()) != 0 || state.Epoch() != uint64(len(s.entries)-1) {
		t.Errorf("%v, members %v", state.Status(), state.Members())
	}
	_, err := state.Propose(s.b, s.people[bob].log, start, group.Add(alice, s.people[alice].root()))
	wantFault(t, err, fault.Expired)
}

// A user who was reset is out until he was removed and added again.
func TestResetMemberIsAddedAgain(t *testing.T) {
	s := newScene(t)
	s.put(s.a, group.SetRole(bob, group.RoleMember))
	again := s.found(bob)
	_, err := s.state().Propose(again.first(), again.log, start, group.Remove(bob))
	wantFault(t, err, fault.UntrustedSigner)
	s.put(s.a, group.Remove(bob))
	s.join(s.a, bob)
	s.put(again.first(), group.Remove(bob))
	if _, in := s.state().Find(bob); in {
		t.Error("bob is a member")
	}
}

// An entry, a log that is missing and one that is too short are told apart.
func TestMissingLogsAreAskedFor(t *testing.T) {
	s := newScene(t)
	old := s.snapshot()
	state := s.state()
	s.add(bob)
	b := s.forge(s.b, groupentry.Add, erin, 0, nil)
	for name, logs := range map[string]group.Logs{"too short": old, "none": nil} {
		_, err := state.Extend([][]byte{b}, logs)
		wantFault(t, err, fault.TooFarAhead)
		want := group.LogError{User: bob, Root: s.people[bob].root(), Seq: 1}
		if have := new(group.LogError); !errors.As(err, &have) || *have != want {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	_, err := state.Extend([][]byte{b}, func(string, device.Hash) *device.Log { return s.people[carol].log })
	wantFault(t, err, fault.Misuse)
}

func TestVerifyRefuses(t *testing.T) {
	s := newScene(t)
	for name, c := range map[string]struct {
		id      device.Hash
		entries [][]byte
		want    fault.Code
	}{
		"nothing":           {s.id, nil, fault.Malformed},
		"not the beginning": {s.id, s.entries[1:], fault.TooFarAhead},
		"out of order":      {s.id, [][]byte{s.entries[0], s.entries[2], s.entries[1]}, fault.TooFarAhead},
		"another group":     {s.create(alice).id, s.entries, fault.Malformed},
		"group-id-not-hash": {device.Hash{1}, [][]byte{func() []byte {
			e := fields(t, s.entries[0])
			e.Group = device.Hash{1}
			return signed(t, signerOf(t, s.a), e)
		}()}, fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			state, err := group.Verify(c.id, c.entries, s.logs)
			wantFault(t, err, c.want)
			if state != nil {
				t.Error("a state beside the error")
			}
		})
	}
}

// A wrong signature anywhere is found, also among thousands that are checked on all cores, and the first one is told.
func TestOneWrongSignatureSpoilsAll(t *testing.T) {
	s := newScene(t)
	for i := range s.entries {
		entries := append([][]byte{}, s.entries...)
		entries[i] = flipped(entries[i], len(entries[i])-1, 1)
		_, err := group.Verify(s.id, entries[:i+1], s.logs)
		wantFault(t, err, fault.UntrustedSigner)
		state, err := group.Verify(s.id, entries, s.logs)
		if want := fmt.Sprintf("entry %d of", i); err == nil || state != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("entry %d: %v", i, err)
		}
	}
}

func TestTheFirstWrongSignatureIsTold(t *testing.T) {
	s := newScene(t)
	all := s.siblings(s.b, 100)
	for i := 3; i < len(all); i++ {
		all[i] = flipped(all[i], len(all[i])-1, 1)
	}
	for range 20 {
		_, err := s.state().Extend(all, s.logs)
		wantFault(t, err, fault.UntrustedSigner)
		if !strings.Contains(err.Error(), "entry 3 of") {
			t.Fatal(err)
		}
	}
}

func flipped(b []byte, i int, mask byte) []byte {
	b = append([]byte{}, b...)
	b[i] ^= mask
	return b
}
