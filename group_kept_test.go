package sotto_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groupentry"
	"github.com/sottokit/sotto/store"
)

// stored counts what a store holds.
func stored(t *testing.T, b store.Backend) int {
	t.Helper()
	return len(must(b.Scan(background, nil, nil, 1<<20)))
}

// Whoever knows a group's ID can make entries of it that nobody takes: none of them stays, whatever else the same batch brings.
func TestEntriesThatAreRefusedAreNotKept(t *testing.T) {
	stays := func(junk int) int {
		bob, c := joined(t)
		in := c.put("alice", group.SetRole("carol", group.RoleAdmin))
		for i := range junk {
			in = append(in, signedEntry(c.persons["carol"].keys, in[0], func(e *groupentry.Entry) {
				e.Actor, e.Epoch, e.Issued = "carol", 77, uint64(i)
			}))
		}
		for _, e := range receive(t, bob, in...)[1 : 1+junk] {
			wantWhy(t, e, fault.Malformed)
		}
		wantIn(t, bob, c)
		return stored(t, bob.Backend)
	}
	if none, many := stays(0), stays(100); many != none {
		t.Errorf("%d values of 100 entries that were refused", many-none)
	}
}

// idle are n entries at the end of the chain, of a device that is revoked by the time when they come.
func (c *circle) idle(k *device.Keys, n int) [][]byte {
	c.t.Helper()
	like := must(c.state().Propose(k, c.persons["alice"].log, start, group.SetRole("carol", group.RoleAdmin)))[0]
	all := make([][]byte, n)
	for i := range all {
		all[i] = signedEntry(k, like, func(e *groupentry.Entry) { e.Issued += uint64(i) })
	}
	return all
}

// Side branches that are too many to keep leave nothing in the store.
func TestBranchesThatAreDroppedLeaveNothing(t *testing.T) {
	bob, c := joined(t)
	alice := c.persons["alice"]
	phone, entry := alice.add()
	entries := c.idle(phone, 3*group.MaxBranches)
	receive(t, bob, entry, alice.revoke(phone))
	receive(t, bob, c.put("alice", group.SetRole("bob", group.RoleAdmin))...)
	var full int
	for i, some := range slices.Collect(slices.Chunk(entries, group.MaxBranches)) {
		receive(t, bob, some...)
		if i == 0 {
			full = stored(t, bob.Backend)
		}
	}
	if n := len(stateOf(t, bob, c).Branches); n != group.MaxBranches {
		t.Fatalf("%d branches", n)
	}
	if n := stored(t, bob.Backend); n != full {
		t.Errorf("%d values more than when there were as many branches for the first time", n-full)
	}
	bob.Restart()
	sealsIn(t, bob, c, "on")
}

// A group that this user has no part in any more goes with its conversation; the one that he is in stays.
func TestAGroupThatIsOverIsForgotten(t *testing.T) {
	bob, c := joined(t)
	forget := func() { t.Helper(); ok(t, bob.Forget(background, groupOf(t, bob, c).Conversation)) }
	forget()
	wantIn(t, bob, c)
	receive(t, bob, c.put("alice", group.Remove("bob"))...)
	before := stored(t, bob.Backend)
	forget()
	wantOut(t, bob, c)
	if n := before - stored(t, bob.Backend); n < 2*len(c.chain) { // an entry, and its place in the chain
		t.Errorf("%d values went", n)
	}
	bob.Restart()
	wantOut(t, bob, c)
	c.add("alice", "bob") // and he may come back
	_, envelope := c.atTip("alice")
	receive(t, bob, append([][]byte{envelope}, c.chain...)...)
	wantIn(t, bob, c)
}
