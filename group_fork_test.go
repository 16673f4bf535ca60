package sotto_test

import (
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/sottotest"
)

// groupOf is the group of a circle at an account.
func groupOf(t *testing.T, p *sottotest.Peer, c *circle) *sotto.Group {
	t.Helper()
	return must(p.Group(background, c.id))
}

func stateOf(t *testing.T, p *sottotest.Peer, c *circle) *sotto.GroupState {
	t.Helper()
	return must(groupOf(t, p, c).State(background))
}

// wantStatus holds how a group stands, after a restart, too.
func wantStatus(t *testing.T, p *sottotest.Peer, c *circle, want group.Status) {
	t.Helper()
	for range 2 {
		if s := stateOf(t, p, c); s.Status != want {
			t.Errorf("the group is %v, want %v", s.Status, want)
		}
		p.Restart()
	}
}

// wantNoSeal holds that nothing can be sealed in a group.
func wantNoSeal(t *testing.T, p *sottotest.Peer, c *circle, why fault.Code) {
	t.Helper()
	_, err := groupOf(t, p, c).Seal(background, sotto.NewMessageID(), "", []byte("text"))
	wantFault(t, err, why)
}

// sealsIn seals a text in a group and returns what is new in the outbox.
func sealsIn(t *testing.T, p *sottotest.Peer, c *circle, text string) []sotto.Parcel {
	t.Helper()
	return must(groupOf(t, p, c).Seal(background, sotto.NewMessageID(), "text/plain", []byte(text)))
}

// split is a group that bob is in, and carol an admin of, and two ways that it went on: alice's, which bob has, and carol's.
func split(t *testing.T) (bob *sottotest.Peer, alices, carols *circle) {
	t.Helper()
	bob, c := joined(t)
	receive(t, bob, c.put("alice", group.SetRole("carol", group.RoleAdmin))...)
	carols = c.branch(len(c.chain) - 1)
	dave := newPerson(t, "dave", nil)
	trustAll(t, bob, dave)
	c.persons["dave"] = dave
	receive(t, bob, c.put("alice", group.SetRole("bob", group.RoleAdmin))...)
	carols.add("carol", "dave")
	return bob, c, carols
}

// fork: open, never send.
func TestAForkedGroupIsReadAndNotWrittenTo(t *testing.T) {
	bob, c, other := split(t)
	s, envelope := c.atTip("alice")
	receive(t, bob, envelope)
	sealsIn(t, bob, c, "before the fork")
	events := receive(t, bob, other.chain[len(other.chain)-1])
	wantWhy(t, events[0], fault.LogFork)
	if !has(events, sotto.KindGroupForked) || !has(must(bob.Unread(background)), sotto.KindGroupForked) {
		t.Error("nobody is told")
	}
	wantStatus(t, bob, c, group.Frozen)
	wantNoSeal(t, bob, c, fault.LogFork)
	g := groupOf(t, bob, c)
	wantFault(t, g.Leave(background), fault.LogFork)
	wantFault(t, g.Remove(background, "carol"), fault.LogFork)
	only(t, receive(t, bob, c.says("alice", s, "still read")), "still read")
	carols, envelope := other.atTip("carol")
	only(t, receive(t, bob, envelope, other.says("carol", carols, "and on the other branch")), "and on the other branch")
	if b := stateOf(t, bob, c).Branches; len(b) != 1 || b[0].Verdict != group.Open || b[0].First != other.tip() {
		t.Errorf("branches %+v", b)
	}
	sealText(t, bob, "alice", "to her alone")
}

func TestAResolveEndsAForkForGood(t *testing.T) {
	for name, winner := range map[string]func(alices, carols *circle) (for_, against *circle){
		"for the branch that is held": func(alices, carols *circle) (*circle, *circle) { return alices, carols },
	} {
		t.Run(name, func(t *testing.T) {
			bob, c, other := split(t)
			receive(t, bob, other.chain[len(other.chain)-1])
			keep, reject := winner(c, other)
			rejected := reject.chain[len(reject.chain)-1]
			keep.chain = append(keep.chain, rejected)
			p := keep.persons["alice"]
			resolve := must(keep.state().Propose(p.keys, p.log, start, group.Resolve(sum(rejected))))
			events := receive(t, bob, resolve...)
			only(t, events)
			wantStatus(t, bob, c, group.Active)
			sealsIn(t, bob, c, "on again")
			wantWhy(t, receive(t, bob, other.add2(t)...)[0], fault.Rollback)
			wantStatus(t, bob, c, group.Active)
		})
	}
}

// add2 lets carol go on on her branch.
func (c *circle) add2(t *testing.T) [][]byte {
	t.Helper()
	return c.put("carol", group.Remove("dave"))
}

// An entry that waits for the server and stands on a branch that lost is lost, too: it is told, and the change can be made
// again.
func TestAChangeOnABranchThatLostIsOvertaken(t *testing.T) {
	bob, c := joined(t)
	dave, erin := newPerson(t, "dave", nil), newPerson(t, "erin", nil)
	c.persons["dave"], c.persons["erin"] = dave, erin
	trustAll(t, bob, dave, erin)
	receive(t, bob, c.put("alice", group.SetRole("carol", group.RoleAdmin), group.SetRole("bob", group.RoleAdmin))...)
	carols := c.branch(len(c.chain) - 1)
	receive(t, bob, carols.add("carol", "dave")...)
	first := carols.tip()
	receive(t, bob, carols.put("carol", group.Remove("dave"), group.Add("dave", c.root("dave")))...) // the branch that wins is shorter
	add := func() error { return groupOf(t, bob, c).Add(background, must(bob.Contact(background, "erin"))) }
	ok(t, add())
	lost := pending(t, bob, sotto.ParcelGroup)[0].Data

	c.add("alice", "erin")
	c.put("alice", group.Remove("erin"))
	s := must(c.state().Extend(carols.chain[len(c.chain)-2:], c.logs))
	resolve := must(s.Propose(c.persons["alice"].keys, c.persons["alice"].log, start, group.Resolve(first)))
	events := receive(t, bob, append(c.chain[len(c.chain)-2:], resolve...)...)
	if !has(events, sotto.KindOvertaken) {
		t.Error("nobody is told")
	}
	wantStatus(t, bob, c, group.Active)
	if stateOf(t, bob, c).Tip != sum(resolve[0]) {
		t.Fatal("not resolved")
	}
	for _, p := range pending(t, bob, sotto.ParcelGroup) {
		if sum(p.Data) == sum(lost) {
			t.Error("what nobody takes is still offered")
		}
	}
	if err := add(); err != nil {
		t.Errorf("the change cannot be made again: %v", err)
	}
}
