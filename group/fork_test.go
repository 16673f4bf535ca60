package group_test

import (
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groupentry"
)

// learn is a state that takes entries, then says what it makes of them.
func (s *scene) learn(state *group.State, entries ...[]byte) *group.State {
	s.Helper()
	next, err := state.Extend(entries, s.logs)
	if err != nil {
		s.Fatal(err)
	}
	return next
}

func (s *scene) hear(state *group.State, k *device.Keys, entry device.Hash) *group.State {
	s.Helper()
	next, err := state.Hear(k.Record().User(), k.Record().Cert(), entry, s.logs)
	if err != nil {
		s.Fatal(err)
	}
	return next
}

func (s *scene) want(state *group.State, status group.Status, tip device.Hash) {
	s.Helper()
	if state.Status() != status || state.Tip() != tip {
		s.Errorf("%v at epoch %d, want %v; branches %v", state.Status(), state.Epoch(), status, state.Branches())
	}
}

func (s *scene) wantBranches(state *group.State, want ...group.Verdict) {
	s.Helper()
	branches := state.Branches()
	if len(branches) != len(want) {
		s.Fatalf("branches are %v", branches)
	}
	for i, b := range branches {
		if b.Verdict != want[i] {
			s.Errorf("branch %d: verdict %d, want %d", i, b.Verdict, want[i])
		}
	}
}

// parted are two branches of a scene, as devices on one and on the other see them when they learn of both.
func (s *scene) parted(one, other *chain) (first, second *group.State) {
	s.Helper()
	n := len(s.entries)
	return s.learn(one.state(), other.entries[n:]...), s.learn(other.state(), one.entries[n:]...)
}

func (s *scene) branch() *chain { return s.fork(len(s.entries) - 1) }

func TestForkFreezesUntilTheOwnerResolves(t *testing.T) {
	s := newScene(t)
	one, other := s.branch(), s.branch()
	one.put(s.b, group.Remove(dave))
	rejected := other.put(s.c, group.Add(erin, s.people[erin].root()))
	first, second := s.parted(one, other)
	s.want(first, group.Frozen, one.tip())
	s.want(second, group.Frozen, other.tip())
	s.wantBranches(first, group.Open)
	if _, members, err := first.MembersAt(rejected); err != nil || len(members) != 5 {
		t.Errorf("an open branch has %d members: %v", len(members), err)
	}

	_, err := first.Propose(s.b, s.people[bob].log, start, group.Resolve(rejected))
	wantFault(t, err, fault.UntrustedSigner) // resolve-by-admin
	_, err = first.Propose(s.a, s.people[alice].log, start, group.Add(erin, s.people[erin].root()))
	wantFault(t, err, fault.LogFork)
	resolve := must(first.Propose(s.a, s.people[alice].log, start, group.Resolve(rejected)))
	first, second = s.learn(first, resolve...), s.learn(second, resolve...)
	s.want(first, group.Active, hashOf(resolve[0]))
	s.want(second, group.Active, hashOf(resolve[0])) // whoever held the other branch moves
	s.wantBranches(first, group.Refused)
	s.wantBranches(second, group.Refused)
	_, _, err = first.MembersAt(rejected)
	wantFault(t, err, fault.Rollback)
}

func TestBranchesTellWhoSigned(t *testing.T) {
	s := newScene(t)
	one, other := s.branch(), s.branch()
	one.put(s.b, group.Remove(dave))
	first := other.put(s.c, group.Add(erin, s.people[erin].root()))
	other.put(s.b, group.Remove(erin))
	last := other.put(s.c, group.Remove(dave))
	state, _ := s.parted(one, other)
	branches := state.Branches()
	if len(branches) != 1 || branches[0].First != first || branches[0].Last != last || branches[0].Parts != uint64(len(s.entries)-1) {
		t.Fatalf("branches are %v", branches)
	}
	if by := branches[0].Signers; len(by) != 2 || by[0] != bob || by[1] != carol {
		t.Errorf("signers are %v", by)
	}
}

// sibling-by-outsider: who is out freezes nothing, not even for those who learn last that he is out.
func TestWhoIsOutFreezesNothing(t *testing.T) {
	s := newScene(t)
	one, other := s.branch(), s.branch()
	one.put(s.a, group.Remove(bob))
	other.put(s.b, group.Add(erin, s.people[erin].root()))
	other.put(s.e, group.Remove(erin))
	first, second := s.parted(one, other)
	s.want(first, group.Active, one.tip())
	s.want(second, group.Active, one.tip())
	s.wantBranches(first, group.Idle)
	first = s.hear(first, s.b, other.tip()) // nor can he by saying so
	s.want(first, group.Active, one.tip())
	first = s.hear(first, s.d, other.tip()) // but a member can
	s.want(first, group.Frozen, one.tip())
	s.add(dave)
	s.revoke(s.d)
	s.want(s.learn(first), group.Active, one.tip()) // unless it was not he
}

// What does not count lends no weight to what it stands on.
func TestEntriesThatDoNotCountSayNothing(t *testing.T) {
	s := newScene(t)
	one, other := s.branch(), s.branch()
	one.put(s.a, group.Remove(bob))
	one.join(s.a, erin)
	other.put(s.b, group.Remove(dave))
	other.put(s.c, group.Add(erin, s.people[erin].root()))
	other.put(s.e, group.Remove(erin))
	s.add(carol)
	s.revoke(s.c)
	state := s.learn(one.state(), other.entries[len(s.entries):]...)
	s.want(state, group.Active, one.tip())
	s.wantBranches(state, group.Idle)
}

// Where nobody who is in has said anything nothing stops, and the first word decides.
func TestUndecidedBranchesStopNothing(t *testing.T) {
	s := newScene(t)
	laptop := s.add(bob)
	one, other := s.branch(), s.branch()
	one.put(s.b, group.Remove(bob))
	other.put(laptop, group.Remove(bob))
	first, second := s.parted(one, other)
	s.want(first, group.Active, one.tip())
	s.want(second, group.Active, other.tip())
	s.wantBranches(first, group.Idle)
	s.want(s.hear(first, s.c, other.tip()), group.Active, other.tip())
	s.want(s.hear(second, s.c, other.tip()), group.Active, other.tip())
	s.want(s.hear(s.hear(first, s.c, other.tip()), s.d, one.tip()), group.Frozen, other.tip())
}

func TestEndIsTheEndBesideBranches(t *testing.T) {
	s := newScene(t)
	s.put(s.a, group.SetRole(bob, group.RoleMember))
	s.put(s.a, group.SetRole(carol, group.RoleMember))
	one, other := s.branch(), s.branch()
	one.put(s.a, group.Remove(alice))
	other.put(s.b, group.Remove(bob))
	first, second := s.parted(one, other)
	s.want(first, group.Ended, one.tip())
	s.want(second, group.Ended, one.tip())
}

// A branch that is forked itself has several ends, and who is in at one of them is in.
func TestEveryEndOfAForkedBranchIsLookedAt(t *testing.T) {
	s := newScene(t)
	one, other := s.branch(), s.branch()
	one.put(s.c, group.Remove(dave))
	other.put(s.b, group.Add(erin, s.people[erin].root()))
	left, right := other.fork(len(other.entries)-1), other.fork(len(other.entries)-1)
	left.put(s.a, group.Remove(carol))
	right.put(s.b, group.Remove(dave))
	for _, entries := range [][][]byte{{left.last(), right.last()}, {right.last(), left.last()}} {
		state := s.learn(s.learn(one.state(), other.last()), entries...)
		s.want(state, group.Frozen, one.tip())
		s.wantBranches(state, group.Open, group.Open)
		state = s.learn(other.state(), entries...)
		s.wantBranches(s.learn(state, one.last()), group.Open, group.Open)
	}
}

// sibling-below-resolve: what else parts below a resolve is refused, too.
func TestResolveRefusesWhatPartsBelowIt(t *testing.T) {
	s := newScene(t)
	one, other, late := s.branch(), s.branch(), s.branch()
	one.put(s.b, group.Remove(dave))
	rejected := other.put(s.c, group.Add(erin, s.people[erin].root()))
	late.put(s.c, group.Remove(dave))
	state, _ := s.parted(one, other)
	resolve := must(state.Propose(s.a, s.people[alice].log, start, group.Resolve(rejected)))
	state = s.learn(s.learn(state, resolve...), late.last())
	s.want(state, group.Active, hashOf(resolve[0]))
	s.wantBranches(state, group.Refused, group.Refused)
	state = s.hear(state, s.b, late.tip())
	s.want(state, group.Active, hashOf(resolve[0]))
}

// resolve-o-on-both: the owner at the parting has one word.
func TestOwnerOnBothSidesEndsTheGroup(t *testing.T) {
	s := newScene(t)
	phone := s.a
	laptop := s.add(alice)
	one, other := s.branch(), s.branch()
	one.put(s.b, group.Remove(dave))
	rejected := other.put(s.c, group.Add(erin, s.people[erin].root()))
	first, second := s.parted(one, other)

	spoken := s.hear(first, laptop, rejected) // her word on the other side is not lost by a resolve
	_, err := spoken.Propose(phone, s.people[alice].log, start, group.Resolve(rejected))
	wantFault(t, err, fault.LogFork)

	resolve := must(first.Propose(phone, s.people[alice].log, start, group.Resolve(rejected)))
	against := must(second.Propose(laptop, s.people[alice].log, start, group.Resolve(one.tip())))
	first, second = s.learn(first, resolve...), s.learn(second, against...)
	first, second = s.learn(first, against...), s.learn(second, resolve...)
	s.want(first, group.Ended, hashOf(resolve[0]))
	s.want(second, group.Ended, hashOf(against[0]))
	s.wantBranches(first, group.Open)
	_, err = first.Propose(phone, s.people[alice].log, start, group.Resolve(rejected))
	wantFault(t, err, fault.Expired)
	s.want(s.learn(spoken, resolve...), group.Ended, hashOf(resolve[0]))

	// When one of the devices was a thief's, revoking it undoes that: what is judged is what is live.
	s.revoke(laptop)
	s.want(s.learn(first), group.Active, hashOf(resolve[0]))
	s.want(s.learn(second), group.Active, hashOf(resolve[0]))
}

// The new owner of a branch resolves, but O of the fork is the one who made him owner: he must not have signed elsewhere.
func TestResolveByTheNextOwner(t *testing.T) {
	s := newScene(t)
	one, other := s.branch(), s.branch()
	one.put(s.a, group.Transfer(bob))
	rejected := other.put(s.c, group.Remove(dave))
	first, second := s.parted(one, other)
	s.want(first, group.Frozen, one.tip())
	resolve := must(first.Propose(s.b, s.people[bob].log, start, group.Resolve(rejected)))
	s.want(s.learn(second, resolve...), group.Active, hashOf(resolve[0]))

	other.put(s.a, group.Remove(erinOrDave(other)))
	s.want(s.learn(second, append([][]byte{other.last()}, resolve...)...), group.Ended, other.tip())
}

// An owner who signed on both sides with devices that are revoked by now has said nothing, until he speaks with another one.
func TestLiveWordOfTheOwnerDecides(t *testing.T) {
	s := newScene(t)
	laptop, tablet := s.add(alice), s.add(alice)
	one, other := s.branch(), s.branch()
	one.put(s.b, group.Remove(dave))
	other.put(s.a, group.Add(erin, s.people[erin].root()))
	other.put(s.c, group.Remove(erin)) // carol vouches for that
	state := s.learn(one.state(), other.entries[len(s.entries)])
	one.take(one.forge(laptop, groupentry.Resolve, erin, 0, asResolve(other.entries[len(s.entries)])))
	s.revoke(s.a)
	s.revoke(laptop)
	state = s.learn(state, one.last(), other.last())
	state = s.hear(state, s.b, one.tip())
	s.want(state, group.Frozen, one.tip())
	s.want(s.hear(state, tablet, one.tip()), group.Active, one.tip())
	s.want(s.hear(state, tablet, other.tip()), group.Frozen, one.tip()) // there is no resolve on that one
}

// erinOrDave is somebody whom alice can remove.
func erinOrDave(c *chain) string {
	for _, m := range c.state().Members() {
		if m.Role < group.RoleOwner {
			return m.User
		}
	}
	return ""
}

// A fork above a resolve is another fork.
func TestForkAboveAResolveFreezes(t *testing.T) {
	s := newScene(t)
	one, other := s.branch(), s.branch()
	one.put(s.b, group.Remove(dave))
	rejected := other.put(s.c, group.Add(erin, s.people[erin].root()))
	state, _ := s.parted(one, other)
	resolve := must(state.Propose(s.a, s.people[alice].log, start, group.Resolve(rejected)))
	state = s.learn(state, resolve...)
	left := must(state.Propose(s.b, s.people[bob].log, start, group.Add(erin, s.people[erin].root())))
	right := must(state.Propose(s.c, s.people[carol].log, start, group.Add(erin, s.people[erin].root())))
	state = s.learn(s.learn(state, left...), right...)
	s.want(state, group.Frozen, hashOf(left[0]))
	s.wantBranches(state, group.Refused, group.Open)
}

// What stands on a refused branch is refused, whatever it is there.
func TestForksOnARefusedBranchAreRefused(t *testing.T) {
	s := newScene(t)
	one, other := s.branch(), s.branch()
	one.put(s.c, group.Remove(dave))
	other.put(s.b, group.Add(erin, s.people[erin].root()))
	left, right := other.fork(len(other.entries)-1), other.fork(len(other.entries)-1)
	left.put(s.c, group.Remove(dave))
	right.put(s.b, group.Remove(dave))
	state := s.learn(one.state(), other.last(), left.last(), right.last())
	s.wantBranches(state, group.Open, group.Open)
	state = s.learn(state, must(state.Propose(s.a, s.people[alice].log, start, group.Resolve(other.tip())))...)
	s.wantBranches(state, group.Refused, group.Refused)
}

// What an actor's log was is remembered for each branch.
func TestLogOfTheActorGrowsOnSideBranchesToo(t *testing.T) {
	s := newScene(t)
	old := s.people[bob].log.Pin()
	s.add(bob)
	s.take(s.forge(s.b, groupentry.Remove, dave, 0, nil))
	one := s.branch()
	one.put(s.b, group.Add(erin, s.people[erin].root()))
	one.put(s.a, group.Remove(erin))
	bad := s.forge(s.b, groupentry.Add, dave, 0, func(e *groupentry.Entry) { e.Seq, e.Head = old.Seq, old.Head })
	_, err := one.state().Extend([][]byte{bad}, s.logs)
	wantFault(t, err, fault.Rollback)
}

// On a side branch the same holds as on the trunk.
func TestEntriesOnSideBranchesAreChecked(t *testing.T) {
	s := newScene(t)
	one, other := s.branch(), s.branch()
	one.put(s.b, group.Remove(dave))
	other.put(s.c, group.Add(erin, s.people[erin].root()))
	state, _ := s.parted(one, other)
	good := other.forge(s.c, groupentry.Remove, dave, 0, nil)
	for name, bad := range map[string][]byte{
		"epoch-gap":            other.forge(s.c, groupentry.Remove, dave, 0, func(e *groupentry.Entry) { e.Epoch++ }),
		"members-digest-wrong": other.forge(s.c, groupentry.Remove, dave, 0, func(e *groupentry.Entry) { e.Members[0] ^= 1 }),
		"add-present":          other.forge(s.c, groupentry.Add, erin, 0, nil),
	} {
		_, err := state.Extend([][]byte{bad}, s.logs)
		if fault.Of(err) != fault.Malformed {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	state = s.learn(state, good)
	s.want(state, group.Frozen, one.tip())
	_, err := state.Propose(s.a, s.people[alice].log, start, group.Resolve(hashOf(good))) // resolve-of-unrelated: not the first entry
	wantFault(t, err, fault.Malformed)
	split := other.forge(s.b, groupentry.Remove, erin, 0, nil)
	s.wantBranches(s.learn(state, split), group.Open, group.Open)
}

// Who ended the group has nobody left on that branch. What the owner said counts all the same, whichever branch came first.
func TestTheEndOfAGroupDecidesLikeAResolve(t *testing.T) {
	s := newScene(t)
	for _, admin := range []string{bob, carol} {
		s.put(s.a, group.SetRole(admin, group.RoleMember))
	}
	end, other := s.branch(), s.branch()
	end.put(s.a, group.Remove(alice))
	other.put(s.b, group.Remove(bob))
	first, second := s.parted(end, other)
	s.want(first, group.Ended, end.tip())
	s.want(second, group.Ended, end.tip())

	other.put(s.a, group.Add(erin, s.people[erin].root())) // the owner speaks there, too
	first, second = s.parted(end, other)
	if first.Status() != group.Ended || second.Status() != group.Ended {
		t.Errorf("%v and %v after the owner spoke on both", first.Status(), second.Status())
	}
}
