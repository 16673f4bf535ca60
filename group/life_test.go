package group_test

import (
	"testing"

	"github.com/sottokit/sotto/group"
)

func TestForkFreezesUntilTheOwnerResolves(t *testing.T) {
	w := newWorld(t, alice, bob, carol, dave)
	a := w.people[alice].first()
	c := w.create(alice).join(a, bob, carol)
	c.put(a, group.SetRole(bob, group.RoleAdmin))
	parting := len(c.entries) - 1
	other := c.fork(parting)
	first := other.put(w.people[bob].first(), group.Add(dave, w.people[dave].root()))
	c.put(a, group.SetRole(carol, group.RoleAdmin))

	s, err := c.state().Extend([][]byte{other.last()}, w.logs)
	if err != nil {
		t.Fatal(err)
	}
	if s.Status() != group.Frozen || s.Tip() != c.tip() {
		t.Fatalf("status %v", s.Status())
	}
	resolve, err := s.Propose(a, w.people[alice].log, start, group.Resolve(first))
	if err != nil {
		t.Fatal(err)
	}
	if s, err = s.Extend(resolve, w.logs); err != nil || s.Status() != group.Active {
		t.Fatalf("status %v: %v", s.Status(), err)
	}
	// Whoever holds the other branch moves.
	o, err := other.state().Extend(append(c.entries[parting+1:], resolve...), w.logs)
	if err != nil || o.Status() != group.Active || o.Tip() != s.Tip() {
		t.Fatalf("status %v: %v", o.Status(), err)
	}
}
