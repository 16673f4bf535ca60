package group_test

import (
	"fmt"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
)

// late is a scene in which bob's first device has signed an entry that nobody has, and was revoked. Others signed on top of
// that entry.
type late struct {
	*scene
	before  *group.State
	entry   []byte
	byCarol []byte
	byErin  []byte // whom the entry added
}

func newLate(t *testing.T) *late {
	s := newScene(t)
	s.add(bob)
	l := &late{scene: s, before: s.state()}
	top := s.branch()
	top.put(s.b, group.Add(erin, s.people[erin].root()))
	l.entry = top.last()
	l.byCarol = must(top.propose(s.c, group.Remove(dave)))[0]
	l.byErin = must(top.propose(s.e, group.Remove(erin)))[0]
	s.revoke(s.b)
	return l
}

// revoked-actor-unvouched: such an entry waits, and its place is free.
func TestEntryOfARevokedDeviceIsNone(t *testing.T) {
	s := newLate(t)
	tip := s.before.Tip()
	state := s.learn(s.before, s.entry)
	s.want(state, group.Active, tip)
	s.wantBranches(state, group.Idle)
	if _, members, err := state.MembersAt(hashOf(s.entry)); err != nil || len(members) != 5 {
		t.Errorf("%d members: %v", len(members), err) // a statement that vouches for it is read with these
	}
	other := must(state.Propose(s.c, s.people[carol].log, start, group.Remove(dave)))
	state = s.learn(state, other...)
	s.want(state, group.Active, hashOf(other[0]))
	s.wantBranches(state, group.Idle)
}

func TestVouchingMakesItCount(t *testing.T) {
	s := newLate(t)
	waiting, before := s.learn(s.before, s.entry), s.before.Tip()
	s.want(s.hear(waiting, s.d, hashOf(s.entry)), group.Active, hashOf(s.entry))
	s.want(s.hear(waiting, s.e, hashOf(s.entry)), group.Active, before) // nobody vouches who owes his membership to it
	s.want(s.hear(waiting, s.b, hashOf(s.entry)), group.Active, before) // nor a device that was revoked
	s.want(s.learn(s.before, s.entry, s.byCarol), group.Active, hashOf(s.byCarol))
	s.want(s.learn(waiting, s.byCarol), group.Active, hashOf(s.byCarol))
	s.want(s.learn(waiting, s.byErin), group.Active, before)
	s.want(s.hear(s.learn(waiting, s.byErin), s.d, hashOf(s.byErin)), group.Active, hashOf(s.byErin))
}

// Each entry of a revoked device needs somebody who was in before it, and who signed above it.
func TestVouchingReachesAsFarAsItsSigner(t *testing.T) {
	s := newScene(t)
	s.add(bob)
	before := s.state()
	top := s.branch()
	out := top.put(s.b, group.Remove(dave))
	other := top.fork(len(top.entries) - 1)
	in := top.put(s.b, group.Add(dave, s.people[dave].root()))
	byDave := top.put(s.d, group.Remove(dave))
	other.put(s.b, group.Add(erin, s.people[erin].root()))
	byCarol := must(top.fork(len(top.entries)-2).propose(s.c, group.Remove(dave)))[0]
	s.revoke(s.b)
	entries := top.entries[len(s.entries):]
	s.want(s.learn(before, entries...), group.Active, out) // he was in before it, and not before the next one
	state := s.learn(before, entries[:2]...)
	s.want(s.hear(state, s.c, out), group.Active, out) // what she said is no word for the next one
	state = s.learn(s.hear(state, s.c, out), other.last())
	s.want(state, group.Active, out)
	s.want(s.hear(state, s.c, in), group.Active, in) // nor what she says for one a word for its sibling
	s.want(s.learn(before, entries[0], other.last(), entries[1], byCarol), group.Active, hashOf(byCarol))
	s.want(s.learn(before, entries[0], entries[1], byCarol, other.last()), group.Active, hashOf(byCarol))
	s.want(s.hear(s.learn(before, entries...), s.c, byDave), group.Active, byDave)
}

// What vouches for one branch is no word for another one beside it.
func TestVouchingIsForOneBranch(t *testing.T) {
	s := newScene(t)
	s.add(bob)
	before := s.state()
	one := s.branch()
	one.put(s.b, group.Remove(dave))
	other := one.fork(len(one.entries) - 1)
	one.put(s.b, group.Add(dave, s.people[dave].root()))
	one.put(s.c, group.Add(erin, s.people[erin].root()))
	other.put(s.b, group.Add(erin, s.people[erin].root()))
	other.put(s.e, group.Remove(erin)) // erin is in on the first one, too
	n := len(s.entries)
	s.revoke(s.b)
	s.want(s.learn(before, append(one.entries[n:], other.entries[n+1:]...)...), group.Active, one.tip())
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
	other := must(before.Propose(s.c, s.people[carol].log, start, group.Add(erin, s.people[erin].root())))[0]
	s.want(s.learn(holder, other), group.Active, hashOf(other))                             // nobody had said a word for it
	s.want(s.learn(s.hear(holder, s.d, hashOf(entry)), other), group.Frozen, hashOf(entry)) // dave had
}

// A chain that is verified from scratch may begin with entries of devices that are long gone.
func TestNewcomersVerifyOldEntries(t *testing.T) {
	s := newScene(t)
	s.add(alice)
	s.put(s.a, group.Transfer(bob))
	s.put(s.b, group.SetRole(alice, group.RoleMember))
	s.put(s.a, group.Remove(alice))
	s.put(s.b, group.Add(erin, s.people[erin].root()))
	s.revoke(s.a)
	s.want(s.state(), group.Active, s.tip())
	// But who is there already does not take them from the hand of somebody who came by them.
	one := must(group.Verify(s.id, s.entries[:1], s.logs))
	s.want(s.learn(one, s.entries[1:]...), group.Active, hashOf(s.entries[0]))
	_, err := one.Hear(dave, s.d.Record().Cert(), s.tip(), s.logs)
	wantFault(t, err, fault.TooFarAhead)
}

// But where an entry counts by itself, such a one is not taken instead.
func TestNewcomersPreferWhatCountsByItself(t *testing.T) {
	s := newLate(t)
	real := s.branch()
	real.put(s.c, group.Add(erin, s.people[erin].root()))
	all := append(append(s.branch().entries, s.entry, s.byErin), real.last())
	s.want(must(group.Verify(s.id, all, s.logs)), group.Active, real.tip())
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
	s.add(carol)
	s.revoke(s.c)
	if again := s.hear(heard, s.c, tip); again != heard {
		t.Error("a statement of a revoked device makes another state")
	}
	if again := s.hear(heard, s.b, hashOf(s.entries[4])); again != heard { // before that, bob was a member, too
		t.Error("a statement that is covered makes another state")
	}
}

// What is remembered of statements is limited: what was said on the trunk longest ago goes.
func TestStatementsAreLimited(t *testing.T) {
	s := newScene(t)
	var speakers []*device.Keys
	for i := range group.MaxHeard/device.MaxActive + 1 {
		user := fmt.Sprint("user ", i)
		speakers = append(speakers, s.found(user).first())
		for range device.MaxActive - 1 {
			speakers = append(speakers, s.add(user))
		}
		s.join(s.a, user)
	}
	state := s.state()
	old := s.hear(state, s.b, hashOf(s.entries[len(s.entries)-2]))
	state = old
	for _, k := range speakers[len(speakers)-group.MaxHeard:] {
		state = s.hear(state, k, s.tip())
	}
	heard := state.Heard()
	if len(heard) != group.MaxHeard {
		t.Fatalf("%d statements", len(heard))
	}
	for _, h := range heard {
		if h.User == bob {
			t.Error("the oldest statement is remembered")
		}
	}
}
