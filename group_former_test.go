package sotto_test

import (
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
)

// Who was removed may sign entries below the one that removed him for ever. Neither he is read on that branch, however long it
// grows, nor whoever nobody but him took in (group.md, Sessions).
func TestFormerMembersOnABranchOfTheirOwnAreNotRead(t *testing.T) {
	bob, c := joined(t)
	dave := newPerson(t, "dave", nil)
	trustAll(t, bob, dave)
	c.persons["dave"] = dave
	receive(t, bob, c.put("alice", group.SetRole("carol", group.RoleAdmin))...)
	parting := len(c.chain)
	carols := c.branch(parting - 1)
	receive(t, bob, c.put("alice", group.Remove("carol"))...)
	s, envelope := c.atTip("alice")
	only(t, receive(t, bob, envelope, c.says("alice", s, "carol is out")), "carol is out")
	silent := func(user string) {
		t.Helper()
		s, envelope := carols.atTip(user)
		events := receive(t, bob, envelope, carols.says(user, s, "still here"))
		wantWhy(t, events[1], fault.UntrustedSigner)
		if have := texts(events); have != nil {
			t.Errorf("%s is read: %q", user, have)
		}
	}
	carols.add("carol", "dave")
	receive(t, bob, carols.chain[parting:]...)
	silent("carol")
	silent("dave")

	carols.put("carol", group.Remove("dave"), group.Add("dave", c.root("dave"))) // longer than the trunk by now
	receive(t, bob, carols.chain[parting:]...)
	pass(t, bob, 10*day)
	silent("dave")
	wantIn(t, bob, c)
	s, envelope = c.atTip("alice")
	only(t, receive(t, bob, envelope, c.says("alice", s, "and the group goes on")), "and the group goes on")
}

// A member whose identity is not the one that is pinned under his name is nobody whom this user knows by that name: what he
// does is marked, and what is done to him.
func TestWhoActsUnderAnotherIdentityIsToldApart(t *testing.T) {
	bob, c := joined(t)
	dave := newPerson(t, "dave", nil)
	trustAll(t, bob, dave)
	changes := func(entries [][]byte) map[string]fault.Code {
		t.Helper()
		all := map[string]fault.Code{}
		for _, e := range receive(t, bob, entries...) {
			if e.Kind == sotto.KindMembers {
				all[e.User+" "+e.Change.User] = e.Why
			}
		}
		return all
	}
	namesake := newPerson(t, "dave", nil)
	c.persons["dave"] = namesake
	by := changes(append(c.add("alice", "dave"), c.put("alice", group.SetRole("dave", group.RoleAdmin))...))
	if why, told := by["alice dave"]; !told || why != fault.IdentityChanged {
		t.Errorf("alice's changes: %v", by)
	}
	entries := c.put("dave", group.Remove("carol"))
	ok(t, bob.Former(background, "dave", namesake.entries))
	by = changes(entries)
	if why, told := by["dave carol"]; !told || why != fault.IdentityChanged {
		t.Errorf("changes of the other dave: %v", by)
	}
}
