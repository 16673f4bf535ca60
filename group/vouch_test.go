package group_test

import (
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
)

// revoked is a scene in which bob's first device has signed an entry that nobody has, and was revoked.
func revoked(t *testing.T) (s *scene, before *group.State, entry []byte) {
	s = newScene(t)
	s.add(bob)
	before = s.state()
	entry = must(before.Propose(s.b, s.people[bob].log, start, group.Add(erin, s.people[erin].root())))[0]
	s.revoke(s.b)
	return s, before, entry
}

// revoked-actor-unvouched: such an entry waits, and its place is free.
func TestEntryOfARevokedDeviceIsNone(t *testing.T) {
	s, state, entry := revoked(t)
	tip := state.Tip()
	state = s.learn(state, entry)
	s.want(state, group.Active, tip)
	s.wantBranches(state, group.Idle)
	if _, members, err := state.MembersAt(hashOf(entry)); err != nil || len(members) != 5 {
		t.Errorf("%d members: %v", len(members), err) // a statement that vouches for it is read with these
	}
	other := must(state.Propose(s.c, s.people[carol].log, start, group.Remove(dave)))
	state = s.learn(state, other...)
	s.want(state, group.Active, hashOf(other[0]))
	s.wantBranches(state, group.Idle)
}

func TestVouchingMakesItCount(t *testing.T) {
	s, before, entry := revoked(t)
	waiting := s.learn(before, entry)
	s.want(s.hear(waiting, s.d, hashOf(entry)), group.Active, hashOf(entry))
	s.want(s.hear(waiting, s.e, hashOf(entry)), group.Active, before.Tip()) // nobody vouches who owes his membership to it
	s.want(s.hear(waiting, s.b, hashOf(entry)), group.Active, before.Tip()) // nor a device that was revoked
	early := &chain{s.world, s.id, append(s.branch().entries, entry)}
	early.put(s.c, group.Remove(dave))
	s.want(s.learn(before, entry, early.last()), group.Active, early.tip())
	s.want(s.learn(waiting, early.last()), group.Active, early.tip())
}

// Nobody who came by the entry itself makes it count by an entry of his own, either.
func TestWhoCameByAnEntryDoesNotVouchForIt(t *testing.T) {
	s, before, entry := revoked(t)
	early := &chain{s.world, s.id, append(s.branch().entries, entry)}
	early.put(s.e, group.Remove(erin))
	s.want(s.learn(before, entry, early.last()), group.Active, before.Tip())
}

// What was taken in before the device was revoked stays, until somebody else takes the place.
func TestWhatCountedStays(t *testing.T) {
	s := newScene(t)
	s.add(bob)
	before, old := s.state(), s.snapshot()
	entry := must(before.Propose(s.b, s.people[bob].log, start, group.Add(erin, s.people[erin].root())))[0]
	holder := must(before.Extend([][]byte{entry}, old))
	s.want(holder, group.Active, hashOf(entry))
	s.revoke(s.b)
	holder = s.learn(holder)
	s.want(holder, group.Active, hashOf(entry))
	other := must(before.Propose(s.c, s.people[carol].log, start, group.Remove(dave)))[0]
	s.want(s.learn(holder, other), group.Active, hashOf(other))                           // nobody had said a word for it
	s.want(s.learn(s.hear(holder, s.d, hashOf(entry)), other), group.Frozen, hashOf(entry)) // dave had
}

// A chain that is verified from scratch may begin with entries of devices that are long gone.
func TestNewcomersVerifyOldEntries(t *testing.T) {
	s := newScene(t)
	laptop := s.add(alice)
	s.put(s.a, group.Transfer(bob))
	s.put(s.b, group.SetRole(alice, group.RoleMember))
	s.put(s.a, group.Remove(alice))
	s.put(s.b, group.Add(erin, s.people[erin].root()))
	s.revoke(s.a)
	s.want(s.state(), group.Active, s.tip())
	if laptop.Record() == nil {
		t.Fatal()
	}
	// But who is there already does not take them from the hand of somebody who came by them.
	one := must(group.Verify(s.id, s.entries[:1], s.logs))
	s.want(s.learn(one, s.entries[1:]...), group.Active, hashOf(s.entries[0]))
	_, err := one.Hear(dave, s.d.Record().Cert(), s.tip(), s.logs)
	wantFault(t, err, fault.TooFarAhead)
}

func TestHearRefuses(t *testing.T) {
	s := newScene(t)
	state := s.state()
	tip := state.Tip()
	_, err := state.Hear(erin, s.e.Record().Cert(), tip, s.logs)
	wantFault(t, err, fault.UntrustedSigner)
	_, err = state.Hear(bob, s.c.Record().Cert(), tip, s.logs)
	wantFault(t, err, fault.UntrustedSigner)
	_, err = state.Hear(bob, s.b.Record().Cert(), tip, nil)
	wantFault(t, err, fault.TooFarAhead)
	_, err = state.Hear(bob, s.b.Record().Cert(), group.Info{}.Hash, s.logs)
	wantFault(t, err, fault.TooFarAhead)
	heard := s.hear(state, s.b, tip)
	if again := s.hear(heard, s.b, hashOf(s.entries[4])); again != heard { // before that, bob was a member, too
		t.Error("a statement that is covered makes another state")
	}
}
