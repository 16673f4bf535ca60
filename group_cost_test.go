package sotto_test

import (
	"fmt"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/groups"
	"github.com/sottokit/sotto/sottotest"
)

// headsOfStrangers are heads of users whom nobody knows, beside the one of an account.
func headsOfStrangers(k known, n int) []envelope.Head {
	pin := k.log.Pin()
	heads := []envelope.Head{{User: k.log.User(), Root: pin.Root, Seq: pin.Seq, Head: pin.Head}}
	for i := range n {
		heads = append(heads, envelope.Head{User: fmt.Sprintf("stranger %06d", i), Root: [32]byte{1}, Seq: 1, Head: [32]byte{2}})
	}
	return heads
}

// A stranger can name thousands of users in an envelope: nobody is looked for before the group is known.
func TestNobodyIsLookedForInAGroupOfStrangers(t *testing.T) {
	reads := func(strangers int) (n int) {
		bob := sottotest.NewNetwork(t).Create("bob")
		k := see(t, bob)
		from := must(device.Generate("stranger", device.Classical, start))
		f := &envelope.Statement{
			Conversation: [32]byte{9}, Epoch: 5, State: &[32]byte{1}, Heads: headsOfStrangers(k, strangers),
			Suite: 1, Created: uint64(start.Unix()), MaxMessages: 100, MaxAge: 86400,
		}
		b := tapped(bob)
		b.before = func(call string) error {
			if call != "Commit" {
				n++
			}
			return nil
		}
		e := receive(t, bob, forge(from, f, []*device.MessagingKey{k.key}))[0]
		wantWhy(t, e, fault.TooFarAhead)
		if len(e.Needs) != 1 || e.Needs[0].GroupOf == nil {
			t.Errorf("needs %+v", e.Needs)
		}
		must(bob.Needs(background))
		return n
	}
	if few, many := reads(1), reads(1000); few == 0 || many != few {
		t.Errorf("%d reads of the store for an envelope with 1,000 heads, %d for one with 2", many, few)
	}
}

// Whoever knows a group's ID can name anybody beside its members: the log of somebody who is none is not asked for.
func TestHeadsOfWhoIsNoMemberAreNotAskedFor(t *testing.T) {
	bob, c := joined(t)
	f := c.statement("alice")
	f.Heads = append(f.Heads, headsOfStrangers(see(t, bob), 2)[1:]...)
	e := receive(t, bob, c.forge(must(device.Generate("stranger", device.Classical, start)), f))[0]
	wantWhy(t, e, fault.Malformed)
	if e.Needs != nil || len(must(bob.Needs(background))) != 0 {
		t.Errorf("needs %+v", e.Needs)
	}
}

// An entry may be signed by who is no member any more, and whose user ID is another identity's by now: the newcomer is told
// which identity it is.
func TestTheIdentityOfWhoLeftIsAskedFor(t *testing.T) {
	bob := sottotest.NewNetwork(t).Create("bob")
	alice, carol, zed, again := newPerson(t, "alice", nil), newPerson(t, "carol", nil), newPerson(t, "zed", nil), newPerson(t, "carol", nil)
	trustAll(t, bob, alice, again, zed)
	c := newCircle(t, alice, carol, zed)
	c.know(bob)
	c.add("alice", "carol")
	c.put("alice", group.SetRole("carol", group.RoleAdmin))
	c.add("carol", "zed")
	c.put("alice", group.Remove("carol"))
	c.add("alice", "bob")
	_, envelope := c.atTip("alice")
	names := func(needs []sotto.Need) {
		t.Helper()
		if len(needs) != 1 || needs[0].LogOf != "carol" || needs[0].Root == nil || *needs[0].Root != carol.log.Pin().Root {
			t.Errorf("needs %+v", needs)
		}
	}
	names(receive(t, bob, append([][]byte{envelope}, c.chain...)...)[0].Needs)
	bob.Restart()
	names(must(bob.Needs(background)))
	ok(t, bob.Former(background, "carol", carol.entries))
	receive(t, bob)
	wantIn(t, bob, c)
}

// Anybody who is pinned can make groups with this user in them: when there are too many no other one is joined, until one that
// is over is forgotten.
func TestGroupsAreLimited(t *testing.T) {
	bob, c := joined(t)
	alice := c.persons["alice"]
	ok(t, bob.KeepGroups(background, groups.MaxGroups-1, func() (*group.State, []byte) {
		s, entry, err := group.Create(alice.keys, alice.log, start)
		return s, must(entry, err)
	}))
	_, err := bob.CreateGroup(background)
	wantFault(t, err, fault.OverLimit)
	other := newCircle(t, alice)
	other.others, other.keys = c.others, c.keys
	other.add("alice", "bob")
	_, envelope := other.atTip("alice")
	in := append([][]byte{envelope}, other.chain...)
	wantWhy(t, receive(t, bob, in...)[0], fault.OverLimit)
	receive(t, bob, c.put("alice", group.Remove("bob"))...)
	ok(t, bob.Forget(background, groupOf(t, bob, c).Conversation))
	receive(t, bob, in...)
	wantIn(t, bob, other)
}
