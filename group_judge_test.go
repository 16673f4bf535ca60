package sotto_test

import (
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
)

// replace lets a new device of the person's revoke the first one, and returns both entries.
func (p *person) replace() [][]byte {
	p.t.Helper()
	k, added := p.add()
	next := &person{t: p.t, user: p.user, keys: k, entries: p.entries}
	next.settle(k)
	revoked := next.revoke(p.keys)
	p.log, p.entries = next.log, next.entries
	return [][]byte{added, revoked}
}

// A device that was revoked has no say any more: the group that it froze goes on as soon as the log says so, though nobody
// signs anything in a frozen group.
func TestARevocationAloneThawsAGroup(t *testing.T) {
	bob, c, other := split(t)
	receive(t, bob, other.chain[len(other.chain)-1])
	if s := stateOf(t, bob, c); s.Status != group.Frozen {
		t.Fatalf("the group is %v", s.Status)
	}
	receive(t, bob, c.persons["carol"].replace()...)
	if s := stateOf(t, bob, c); s.Status != group.Active || s.Tip != c.tip() {
		t.Errorf("the group is %v at %v", s.Status, s.Tip)
	}
	sealsIn(t, bob, c, "on again")
}

// What this device relied on and said so is not moved away in silence here either: its own statement counts like those of
// others, so that it judges a fork as everybody does who has heard it.
func TestTheOwnWordCountsLikeThatOfOthers(t *testing.T) {
	bob, c := joined(t)
	dave, erin := newPerson(t, "dave", nil), newPerson(t, "erin", nil)
	trustAll(t, bob, dave, erin)
	c.persons["dave"], c.persons["erin"] = dave, erin
	receive(t, bob, c.put("alice", group.SetRole("carol", group.RoleAdmin))...)
	carols := c.branch(len(c.chain) - 1)
	alice := c.persons["alice"]
	phone, entry := alice.add()
	c.chain = append(c.chain, must(c.state().Propose(phone, alice.log, start, group.Add("dave", c.root("dave"))))...)
	receive(t, bob, entry, c.chain[len(c.chain)-1])
	sealsIn(t, bob, c, "bob relies on it")
	another := must(c.state().Hear("bob", device.CertID(c.keys[0].Cert()), c.tip(), c.logs)) // whoever got bob's envelope

	receive(t, bob, alice.revoke(phone))
	wantStatus(t, bob, c, group.Active)
	events := receive(t, bob, carols.add("carol", "erin")...)
	wantWhy(t, events[0], fault.LogFork)
	if !has(events, sotto.KindGroupForked) {
		t.Error("nobody is told")
	}
	wantStatus(t, bob, c, group.Frozen)
	another = must(another.Extend(carols.chain[len(carols.chain)-1:], c.logs))
	if s := stateOf(t, bob, c); s.Tip != c.tip() || s.Tip != another.Tip() || s.Status != another.Status() {
		t.Errorf("here %v at %v, elsewhere %v at %v", s.Status, s.Tip, another.Status(), another.Tip())
	}
}

// A branch may win after all: sessions that were begun on it are those of the group then, and are read as long as any other.
func TestSessionsOfTheBranchThatWonStayOpen(t *testing.T) {
	bob, c, other := split(t)
	receive(t, bob, other.chain[len(other.chain)-1])
	s, envelope := other.atTip("carol")
	only(t, receive(t, bob, envelope, other.says("carol", s, "one")), "one")
	_, alices := c.atTip("alice")
	receive(t, bob, alices) // while hers is the trunk
	receive(t, bob, c.persons["alice"].replace()...)
	if s := stateOf(t, bob, other); s.Status != group.Active || s.Tip != other.tip() {
		t.Fatalf("the group is %v at %v", s.Status, s.Tip)
	}
	only(t, receive(t, bob, other.says("carol", s, "two")), "two")
	pass(t, bob, 3*day)
	pass(t, bob, day)
	only(t, receive(t, bob, other.says("carol", s, "three")), "three")
}
