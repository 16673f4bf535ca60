package group_test

import (
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
)

// trunkOf are the entries that count, out of all.
func trunkOf(s *group.State, all ...[]byte) (trunk [][]byte) {
	byHash := map[device.Hash][]byte{}
	for _, b := range all {
		byHash[hashOf(b)] = b
	}
	for epoch := range s.Epoch() + 1 {
		h, _ := s.Entry(epoch)
		trunk = append(trunk, byHash[h])
	}
	return trunk
}

// wantSettled holds that a state stays what it is when nothing new comes, and when it was kept and is read again.
func (c *chain) wantSettled(s *group.State, trunk [][]byte) {
	c.Helper()
	want := show(s)
	next, err := s.Extend(nil, c.logs)
	if err != nil || show(next) != want {
		c.Errorf("judged again it is\n%s\nand was\n%s\n%v", show(next), want, err)
	}
	kept, err := group.Resume(c.id, trunk, s.Side(), s.Heard())
	if err != nil {
		c.Fatalf("it cannot be read again: %v", err)
	}
	if next, err = kept.Extend(nil, c.logs); err != nil || next.Tip() != s.Tip() || next.Status() != s.Status() {
		c.Errorf("read again it is\n%s\nand was\n%s\n%v", show(next), want, err)
	}
}

// A state that was verified from scratch is one like any other. A newcomer counts entries of revoked devices below live
// ones, which nobody does who follows the group; that alone decides no fork.
func TestWhatIsVerifiedFromScratchIsSettled(t *testing.T) {
	s := newScene(t)
	tablet := s.add(alice)
	trunk, side := s.branch(), s.branch()
	trunk.put(s.b, group.Remove(dave))
	side.put(s.a, group.Remove(bob))
	side.put(tablet, group.Add(bob, s.people[bob].root())) // whose word for the trunk counts with that
	side.put(tablet, group.Add(erin, s.people[erin].root()))
	side.put(s.e, group.Remove(erin)) // the live one
	s.revoke(tablet)
	all := append(trunk.entries, side.entries[len(s.entries):]...)
	state, err := group.Verify(s.id, all, s.logs)
	if err != nil {
		t.Fatal(err)
	}
	s.wantSettled(state, trunkOf(state, all...))
}

// A branch that is dropped has no say any more: what is left is judged without it at once, and not when it is read again.
func TestWhatIsDroppedHasNoSayAnyMore(t *testing.T) {
	s := newScene(t)
	tablet := s.add(alice)
	base := len(s.entries)
	trunk, side := s.branch(), s.branch()
	trunk.put(s.b, group.Add(erin, s.people[erin].root()))
	spoken := trunk.fork(base)
	spoken.put(s.d, group.Remove(dave)) // dave's only word for the trunk
	trunk.put(s.b, group.Remove(dave))
	side.put(s.a, group.Remove(bob))
	state := s.learn(trunk.state(), spoken.last())
	state = s.learn(state, side.last())
	s.want(state, group.Frozen, trunk.tip())
	var idle [][]byte
	for range group.MaxBranches {
		idle = append(idle, must(trunk.propose(tablet, group.SetRole(erin, group.RoleAdmin)))...)
	}
	s.revoke(tablet)
	state = s.learn(state, idle...)
	s.wantSettled(state, trunkOf(state, append(append(idle, trunk.entries...), spoken.last(), side.last())...))
}

// More devices may be revoked than a state remembers: none of them is taken for an active one when it is read again.
func TestAnyNumberOfRevokedDevicesIsJudgedAgain(t *testing.T) {
	s := newScene(t)
	trunk := s.branch()
	trunk.put(s.b, group.Remove(dave))
	side := s.state()
	var entries [][]byte
	for i := range 264 {
		change := group.Remove(bob) // the first time: then nobody whose device is active has signed on the trunk and is a member here
		if i%2 == 1 {
			change = group.Add(bob, s.people[bob].root())
		}
		k := s.add(alice)
		entry := must(side.Propose(k, s.people[alice].log, start, change))
		side = s.learn(side, entry...)
		entries = append(entries, entry...)
		s.revoke(k)
	}
	state := s.learn(trunk.state(), entries[:len(entries)-1]...)
	s.want(state, group.Active, trunk.tip())
	s.wantSettled(state, trunk.entries)
}
