package group_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groupentry"
)

// siblings are n entries of a device on top of the scene.
func (s *scene) siblings(k *device.Keys, n int) [][]byte {
	var all [][]byte
	for i := range n {
		all = append(all, s.forge(k, groupentry.Add, erin, 0, func(e *groupentry.Entry) { e.Issued += uint64(i) }))
	}
	return all
}

// What does no harm goes first, then what was refused; what freezes the group stays, and what is too much is refused.
func TestSideBranchesAreLimited(t *testing.T) {
	s := newScene(t)
	trunk, other := s.branch(), s.branch()
	trunk.put(s.a, group.Remove(bob))
	other.put(s.c, group.Add(erin, s.people[erin].root()))
	idle, open := s.siblings(s.b, group.MaxBranches+4), s.siblings(s.c, group.MaxBranches+1)
	state := s.learn(trunk.state(), idle...)
	if n := len(state.Side()); n != group.MaxBranches {
		t.Fatalf("%d idle branches are kept", n)
	}
	if _, _, err := state.MembersAt(hashOf(idle[0])); fault.Of(err) != fault.TooFarAhead {
		t.Error("the oldest one is kept")
	}
	state = s.learn(state, open[:group.MaxBranches]...)
	s.wantBranches(state, slices.Repeat([]group.Verdict{group.Open}, group.MaxBranches)...)
	_, err := state.Extend(open[group.MaxBranches:], s.logs)
	wantFault(t, err, fault.OverLimit)

	// A resolve is possible all the same, and makes room.
	resolve := must(state.Propose(s.a, s.people[alice].log, start, group.Resolve(hashOf(open[0]))))
	state = s.learn(s.learn(state, resolve...), idle[0])
	s.want(state, group.Active, hashOf(resolve[0]))
	s.wantBranches(state, slices.Repeat([]group.Verdict{group.Refused}, group.MaxBranches)...) // the idle one went first
	state = s.learn(state, open[group.MaxBranches])
	if n := len(state.Side()); n != group.MaxBranches {
		t.Errorf("%d branches are kept", n)
	}
	_, err = state.Extend(s.siblings(s.c, 300), s.logs) // not all at once either
	wantFault(t, err, fault.OverLimit)
}

// What an open branch carries that does not count goes, and the branch stays.
func TestOpenBranchesAreKept(t *testing.T) {
	s := newScene(t)
	s.add(bob)
	trunk, other := s.branch(), s.branch()
	trunk.put(s.a, group.Remove(dave))
	other.put(s.c, group.Add(erin, s.people[erin].root()))
	open := other.tip()
	other.put(s.b, group.Remove(erin))
	late := s.siblings(s.b, group.MaxBranches)
	state := trunk.state()
	s.revoke(s.b)
	state = s.learn(s.learn(state, other.entries[len(s.entries):]...), late...)
	s.want(state, group.Frozen, trunk.tip())
	if _, _, err := state.MembersAt(open); err != nil || len(state.Side()) > group.MaxBranches {
		t.Errorf("%d entries are kept: %v", len(state.Side()), err)
	}
}

// A branch that is forked loses one end, and what both stand on stays.
func TestForkedBranchesLoseOneEnd(t *testing.T) {
	s := newScene(t)
	trunk, other := s.branch(), s.branch()
	trunk.put(s.a, group.Remove(bob))
	other.put(s.b, group.Add(erin, s.people[erin].root()))
	left, right := other.forge(s.b, groupentry.Remove, erin, 0, nil), other.forge(s.b, groupentry.Remove, dave, 0, nil)
	state := s.learn(trunk.state(), append([][]byte{other.last(), left, right}, s.siblings(s.b, group.MaxBranches)[1:]...)...) // one of which is there
	state = s.learn(state, trunk.forge(s.a, groupentry.Remove, dave, 0, nil), s.forge(s.c, groupentry.Remove, dave, 0, nil))
	if n := len(state.Branches()); n != group.MaxBranches {
		t.Fatalf("%d branches", n)
	}
	if _, _, err := state.MembersAt(other.tip()); err != nil {
		t.Error(err)
	}
	_, _, gone := state.MembersAt(hashOf(left))
	_, _, kept := state.MembersAt(hashOf(right))
	wantFault(t, gone, fault.TooFarAhead)
	if kept != nil {
		t.Error(kept)
	}
}

// Long side branches are limited, too: by entries.
func TestSideEntriesAreLimited(t *testing.T) {
	s := newScene(t)
	trunk, long := s.branch(), s.branch()
	trunk.put(s.b, group.Remove(dave))
	var changes []group.Change
	for i := range group.MaxSideEntries/2 + 1 {
		user := fmt.Sprint("user ", i)
		changes = append(changes, group.Add(user, device.Hash{1}), group.Remove(user))
	}
	entries := must(long.propose(s.c, changes...))
	_, err := trunk.state().Extend(entries, s.logs)
	wantFault(t, err, fault.OverLimit)
	s.want(s.learn(trunk.state(), entries[:group.MaxSideEntries]...), group.Frozen, trunk.tip())
	if _, err := long.state().Extend(entries, s.logs); err != nil { // a trunk may be as long
		t.Error(err)
	}
}

func TestResumeRefusesWhatWasNotKept(t *testing.T) {
	s := newScene(t)
	one, other := s.branch(), s.branch()
	one.put(s.b, group.Remove(dave))
	first := other.put(s.c, group.Add(erin, s.people[erin].root()))
	state, _ := s.parted(one, other)
	s.add(bob)
	s.revoke(s.b)
	state = s.hear(state, s.a, one.tip())
	if s.want(state, group.Frozen, one.tip()); len(state.Heard()) != 2 {
		t.Fatalf("heard %v", state.Heard())
	}
	trunk, side, heard := one.entries, state.Side(), state.Heard()
	if again, err := group.Resume(s.id, trunk, side, heard); err != nil || show(again) != show(state) {
		t.Fatalf("kept\n%s\nread\n%s\n%v", show(state), show(again), err)
	}
	for name, again := range map[string]func() (*group.State, error){
		"no trunk": func() (*group.State, error) { return group.Resume(s.id, nil, side, heard) },
		"an entry missing": func() (*group.State, error) {
			return group.Resume(s.id, slices.Delete(slices.Clone(trunk), 3, 4), side, heard)
		},
		"an entry twice": func() (*group.State, error) {
			return group.Resume(s.id, append(slices.Clone(trunk), one.last()), nil, nil)
		},
		"the other branch": func() (*group.State, error) {
			return group.Resume(s.id, append(slices.Clone(trunk), other.last()), nil, nil)
		},
		"another group":      func() (*group.State, error) { return group.Resume(device.Hash{}, trunk, side, heard) },
		"side without trunk": func() (*group.State, error) { return group.Resume(s.id, trunk[:2], side, nil) },
		"heard of nothing":   func() (*group.State, error) { return group.Resume(s.id, trunk, nil, []group.Heard{{Entry: first}}) },
		"an entry cut":       func() (*group.State, error) { return group.Resume(s.id, [][]byte{trunk[0][:9]}, nil, nil) },
		"a digest of no one": func() (*group.State, error) {
			bad := s.forge(s.a, groupentry.Remove, dave, 0, func(e *groupentry.Entry) { e.Members[0] ^= 1 })
			return group.Resume(s.id, append(s.branch().entries, bad), nil, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			state, err := again()
			wantFault(t, err, fault.Damaged)
			if state != nil {
				t.Error("a state beside the error")
			}
		})
	}
}

// Without logs a state does not know of every revoked device: the trunk that was kept stays, and nothing is sent, until
// Extend has judged with the logs.
func TestResumeKeepsItsTrunkUntilTheLogsAreThere(t *testing.T) {
	s := newScene(t)
	one, other := s.branch(), s.branch()
	one.put(s.b, group.Remove(dave))
	other.put(s.c, group.Add(erin, s.people[erin].root()))
	state, _ := s.parted(one, other)
	s.add(carol)
	s.revoke(s.c)
	state = must(state.Extend(nil, s.logs))
	s.want(state, group.Active, one.tip())
	kept := must(group.Resume(s.id, one.entries, state.Side(), nil)) // nothing says that carol's device was revoked
	if kept.Tip() != one.tip() {
		t.Error("the trunk moved")
	}
	s.want(must(kept.Extend(nil, s.logs)), group.Active, one.tip())
	lives := []group.Heard{{User: bob, Root: s.people[bob].root(), Cert: s.b.Record().Cert()}} // that bob's was
	kept = must(group.Resume(s.id, one.entries, state.Side(), lives))
	if kept.Tip() != one.tip() || kept.Status() != group.Frozen {
		t.Errorf("%v at %v", kept.Status(), kept.Tip())
	}
	s.want(must(kept.Extend(nil, s.logs)), group.Active, one.tip())
}

func TestProposeRefuses(t *testing.T) {
	s := newScene(t)
	state := s.state()
	log := s.people[alice].log
	nobody := group.Add(erin, s.people[erin].root())
	destroyed := must(device.Generate(alice, device.Classical, start))
	destroyed.Destroy()
	for name, c := range map[string]struct {
		keys    *device.Keys
		log     *device.Log
		change  group.Change
		want    fault.Code
		seconds int64
	}{
		"no keys":              {nil, log, nobody, fault.DestroyedKey, 1},
		"destroyed keys":       {destroyed, log, nobody, fault.DestroyedKey, 1},
		"no log":               {s.a, nil, nobody, fault.Misuse, 1},
		"log of another user":  {s.a, s.people[bob].log, nobody, fault.Misuse, 1},
		"a time before 1970":   {s.a, log, nobody, fault.Misuse, -1},
		"a user who is none":   {s.a, log, group.Add("", device.Hash{}), fault.Malformed, 1},
		"target is no member":  {s.a, log, group.Remove(erin), fault.Misuse, 1},
		"a second owner":       {s.a, log, group.SetRole(bob, group.RoleOwner), fault.Misuse, 1},
		"rejects nothing":      {s.a, log, group.Resolve(device.Hash{}), fault.TooFarAhead, 1},
		"no right":             {s.d, s.people[dave].log, nobody, fault.UntrustedSigner, 1},
		"no member":            {s.e, s.people[erin].log, nobody, fault.UntrustedSigner, 1},
		"a member before that": {s.a, log, group.Add(bob, device.Hash{}), fault.Malformed, 1},
	} {
		t.Run(name, func(t *testing.T) {
			entries, err := state.Propose(c.keys, c.log, time.Unix(c.seconds, 0), c.change)
			wantFault(t, err, c.want)
			if entries != nil {
				t.Error("entries beside the error")
			}
		})
	}
	s.add(alice)
	s.revoke(s.a)
	_, err := state.Propose(s.a, s.people[alice].log, start, nobody)
	wantFault(t, err, fault.RevokedDevice)
	_, _, err = group.Create(s.a, s.people[bob].log, start)
	wantFault(t, err, fault.Misuse)
	_, _, err = group.Create(s.a, s.people[alice].log, start)
	wantFault(t, err, fault.RevokedDevice)
}

// A proposal is a chain, and changes nothing by itself.
func TestProposalsAreAChain(t *testing.T) {
	s := newScene(t)
	state := s.state()
	before := show(state)
	entries := must(state.Propose(s.a, s.people[alice].log, start, group.Add(erin, s.people[erin].root()),
		group.SetRole(erin, group.RoleAdmin), group.Transfer(erin), group.Remove(alice)))
	if show(state) != before || len(entries) != 4 {
		t.Fatalf("%d entries", len(entries))
	}
	next := s.learn(state, entries...)
	m, in := next.Find(erin)
	if _, still := next.Find(alice); still || !in || m.Role != group.RoleOwner || show(state) != before {
		t.Errorf("members are %v", next.Members())
	}
	for i, op := range []group.Op{group.OpAdd, group.OpRole, group.OpTransfer, group.OpRemove} {
		info, err := group.Inspect(entries[i])
		if err != nil || info.Op != op || info.Actor != alice || info.Group != s.id || info.Epoch != state.Epoch()+1+uint64(i) ||
			info.Hash != hashOf(entries[i]) || info.Cert != s.a.Record().Cert() || !info.Issued.Equal(start) {
			t.Errorf("entry %d is %+v: %v", i, info, err)
		}
		epoch, members, err := next.MembersAt(info.Hash)
		if err != nil || epoch != info.Epoch || len(members) != []int{5, 5, 5, 4}[i] {
			t.Errorf("entry %d: epoch %d, members %v: %v", i, epoch, members, err)
		}
		if h, ok := next.Entry(epoch); !ok || h != info.Hash {
			t.Errorf("entry %d is not where it belongs", i)
		}
	}
	if same := s.learn(next, append(s.entries, entries...)...); same != next {
		t.Error("what is known makes another state")
	}
	if _, ok := next.Entry(next.Epoch() + 1); ok {
		t.Error("an entry above the tip")
	}
	_, _, err := next.MembersAt(device.Hash{})
	wantFault(t, err, fault.TooFarAhead)
}
