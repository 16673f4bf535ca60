package sotto_test

import (
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/sottotest"
)

// wantOut holds that an account knows no group of that ID.
func wantOut(t *testing.T, p *sottotest.Peer, c *circle) {
	t.Helper()
	_, err := p.Group(background, c.id)
	wantFault(t, err, fault.UnknownSession)
	if n := len(must(p.Groups(background))); n != 0 {
		t.Errorf("%d groups", n)
	}
}

// wantIn holds that an account knows the group with the tip of the circle.
func wantIn(t *testing.T, p *sottotest.Peer, c *circle) *sotto.Group {
	t.Helper()
	g, err := p.Group(background, c.id)
	if err != nil {
		t.Fatal(err)
	}
	if s := must(g.State(background)); s.Tip != c.tip() || s.Epoch != uint64(len(c.chain)-1) {
		t.Errorf("at epoch %d, want %d", s.Epoch, len(c.chain)-1)
	}
	return g
}

func TestTheAddersStatementBringsANewcomerIn(t *testing.T) {
	bob, c := invited(t)
	s, envelope := c.atTip("alice")
	text := c.says("alice", s, "welcome")
	events := receive(t, bob, append([][]byte{text, envelope}, c.chain...)...)
	if !has(events, sotto.KindJoined) {
		t.Error("nothing is told")
	}
	only(t, events, "welcome")
	wantIn(t, bob, c)
}

// In whatever order chain, session and message come, one by one: nothing is lost, and nothing need come twice but what was
// refused.
func TestANewcomerJoinsInAnyOrder(t *testing.T) {
	for name, order := range map[string][]int{
		"session first":            {3, 4, 0, 1, 2},
		"message first":            {4, 3, 0, 1, 2},
		"chain between":            {3, 0, 1, 2, 4},
		"chain from its end":       {3, 2, 1, 0, 4},
		"chain around the message": {3, 0, 4, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bob, c := invited(t)
			s, envelope := c.atTip("alice")
			in := append(append([][]byte{}, c.chain...), envelope, c.says("alice", s, "welcome"))
			for _, i := range order {
				receive(t, bob, in[i])
				bob.Restart()
			}
			wantIn(t, bob, c)
			if have := texts(must(bob.Unread(background))); len(have) != 1 {
				t.Errorf("messages %q", have)
			}
		})
	}
}

// Without a session nobody has brought the user in: a server could serve any chain.
func TestAChainAloneBringsNobodyIn(t *testing.T) {
	bob, c := invited(t)
	for _, e := range receive(t, bob, c.chain...) {
		wantWhy(t, e, fault.UntrustedSigner)
	}
	wantOut(t, bob, c)
}

// newcomer-tip-not-named: another member's word is not enough, and is taken as soon as the adder's is there.
func TestAMembersStatementBringsNobodyInAlone(t *testing.T) {
	bob, c := invited(t)
	s, envelope := c.atTip("carol")
	text := c.says("carol", s, "come in")
	events := receive(t, bob, append([][]byte{envelope, text}, c.chain...)...)
	for _, e := range events[:2] {
		wantWhy(t, e, fault.UnknownSession)
	}
	wantOut(t, bob, c)
	bob.Restart()
	receive(t, bob) // looks at what is held, and finds nothing
	wantOut(t, bob, c)
	_, alices := c.atTip("alice")
	only(t, receive(t, bob, alices), "come in")
	wantIn(t, bob, c)
}

// newcomer-tip-not-named: the server serves a chain that ends before the entry which the adder named.
func TestANewcomerWaitsForTheChainUpToWhatTheAdderNamed(t *testing.T) {
	bob, c := invited(t)
	dave := newPerson(t, "dave", nil)
	trustAll(t, bob, dave)
	c.persons["dave"] = dave
	c.add("alice", "dave")
	_, envelope := c.atTip("alice")
	e := receive(t, bob, append([][]byte{envelope}, c.chain[:3]...)...)[0]
	wantWhy(t, e, fault.TooFarAhead)
	if len(e.Needs) != 1 || e.Needs[0].GroupOf == nil || *e.Needs[0].GroupOf != c.id || e.Needs[0].FromSeq != 0 {
		t.Errorf("needs %+v", e.Needs)
	}
	wantOut(t, bob, c)
	receive(t, bob, c.chain[3])
	wantIn(t, bob, c)
}

// newcomer-tip-not-named: on the chain that is served the adder's entry has another one in its place. What the adder named
// is not there, so nothing counts.
func TestAChainThatTheAdderDidNotNameBringsNobodyIn(t *testing.T) {
	bob, c := invited(t)
	mallory := newPerson(t, "mallory", nil)
	trustAll(t, bob, mallory)
	c.persons["mallory"] = mallory
	c.add("alice", "mallory")
	c.put("alice", group.SetRole("mallory", group.RoleAdmin))
	told := c.branch(len(c.chain) - 1)
	c.put("mallory", group.Remove("carol"))
	told.put("alice", group.SetRole("carol", group.RoleAdmin))
	_, mallorys := c.atTip("mallory")
	_, alices := told.atTip("alice")
	events := receive(t, bob, append([][]byte{mallorys, alices}, c.chain...)...)
	wantWhy(t, events[0], fault.UnknownSession)
	wantWhy(t, events[1], fault.TooFarAhead)
	wantOut(t, bob, c)
}

// A device of the adder's that was revoked brings nobody in, though its session is good for members.
func TestARevokedDeviceOfTheAdderBringsNobodyIn(t *testing.T) {
	bob, c := invited(t)
	alice := c.persons["alice"]
	stolen, entry := alice.add()
	receive(t, bob, entry)
	_, envelope := c.sealed(stolen, c.tip())
	receive(t, bob, alice.revoke(stolen))
	e := receive(t, bob, append([][]byte{envelope}, c.chain...)...)[0]
	wantWhy(t, e, fault.UnknownSession)
	wantOut(t, bob, c)
	_, envelope = c.atTip("alice")
	receive(t, bob, append([][]byte{envelope}, c.chain...)...)
	wantIn(t, bob, c)
}

// Who was added twice was brought in by whoever did it the last time.
func TestTheLastAdderBringsANewcomerIn(t *testing.T) {
	bob, c := invited(t)
	c.put("alice", group.SetRole("carol", group.RoleAdmin))
	c.put("carol", group.Remove("bob"))
	c.add("carol", "bob")
	_, alices := c.atTip("alice")
	_, carols := c.atTip("carol")
	wantWhy(t, receive(t, bob, append([][]byte{alices}, c.chain...)...)[0], fault.UnknownSession)
	wantOut(t, bob, c)
	receive(t, bob, carols)
	wantIn(t, bob, c)
}

// An own device that is in the group lets a new one in, whoever added the user.
func TestTheOwnOtherDeviceBringsANewDeviceIn(t *testing.T) {
	all := people(t, "alice", "bob", "carol")
	alice, bob := all[0], all[1]
	g := alice.NewGroup(bob, all[2])
	bob.Network().SyncAll()
	tablet := bob.Join()
	bob.Network().SyncAll()
	s := must(must(tablet.Group(background, g.ID())).State(background))
	if len(s.Members) != 3 || s.Tip != must(g.State(background)).Tip {
		t.Errorf("the tablet sees %+v", s)
	}
	tablet.Say(g.ID(), "from the tablet")
	for _, p := range all {
		wantHeard(t, p, "from the tablet")
	}
	alice.Say(g.ID(), "to the tablet, too")
	wantHeard(t, tablet, "to the tablet, too")
}

// A newcomer goes on from what the adder named like every other member.
func TestANewcomerTakesWhatFollows(t *testing.T) {
	bob, c := invited(t)
	_, envelope := c.atTip("alice")
	dave := newPerson(t, "dave", nil)
	trustAll(t, bob, dave)
	c.persons["dave"] = dave
	c.add("alice", "dave")
	receive(t, bob, append([][]byte{envelope}, c.chain...)...)
	wantIn(t, bob, c)
}

// Nothing that is peeked at brings anybody in.
func TestPeekJoinsNothing(t *testing.T) {
	bob, c := invited(t)
	s, envelope := c.atTip("alice")
	in := append(append([][]byte{envelope}, c.chain...), c.says("alice", s, "welcome"))
	before := generation(t, bob.Backend)
	only(t, must(bob.Peek(background, in...)), "welcome")
	wantOut(t, bob, c)
	if generation(t, bob.Backend) != before {
		t.Error("something was written")
	}
	only(t, receive(t, bob, in...), "welcome")
}

// What an identity of before signed in a group is held against its log, which is asked for; nothing is sealed to it.
func TestANewcomerAsksForTheLogOfAFormerIdentity(t *testing.T) {
	bob := sottotest.NewNetwork(t).Create("bob")
	alice, old, again := newPerson(t, "alice", nil), newPerson(t, "carol", nil), newPerson(t, "carol", nil)
	trustAll(t, bob, alice, again)
	c := newCircle(t, alice, old)
	c.know(bob)
	c.add("alice", "carol")
	c.put("alice", group.SetRole("carol", group.RoleAdmin))
	c.persons["dave"] = newPerson(t, "dave", nil)
	c.add("carol", "dave")
	c.put("carol", group.Remove("dave"))
	c.add("alice", "bob")
	s, envelope := c.atTip("alice")
	in := append([][]byte{envelope, c.says("alice", s, "welcome")}, c.chain...)
	e := receive(t, bob, in...)[0]
	wantWhy(t, e, fault.TooFarAhead)
	if len(e.Needs) != 1 || e.Needs[0].LogOf != "carol" || e.Needs[0].Root == nil || *e.Needs[0].Root != old.log.Pin().Root {
		t.Fatalf("needs %+v", e.Needs)
	}
	wantFault(t, bob.Former(background, "carol", again.entries), fault.Misuse)
	ok(t, bob.Former(background, "carol", old.entries))
	only(t, receive(t, bob), "welcome")
	wantIn(t, bob, c)
	for _, m := range must(groupOf(t, bob, c).Devices(background)) {
		if m.User == "carol" && m.Left != fault.IdentityChanged {
			t.Errorf("device %+v", m)
		}
	}
	sealsIn(t, bob, c, "without carol")
	sealText(t, bob, "carol", "to the one who is pinned")
}

// Needs lists the chain of every group that a session waits for.
func TestNeedsListsTheChainOfEveryGroup(t *testing.T) {
	bob, c := invited(t)
	other := newCircle(t, c.persons["alice"], c.persons["carol"])
	other.know(bob)
	other.add("alice", "carol", "bob")
	_, first := c.atTip("alice")
	_, second := other.atTip("alice")
	receive(t, bob, first, second)
	bob.Restart()
	missing := map[string]bool{string(c.id[:]): true, string(other.id[:]): true}
	for _, n := range must(bob.Needs(background)) {
		if n.GroupOf != nil {
			delete(missing, string(n.GroupOf[:]))
		}
	}
	if len(missing) != 0 {
		t.Errorf("%d chains are not asked for", len(missing))
	}
}

// Nobody vouches who owes his membership to the entry: an own device cannot bring the user in by what a device signed that is
// revoked by now.
func TestAnEntryOfARevokedDeviceBringsNobodyIn(t *testing.T) {
	bob := sottotest.NewNetwork(t).Create("bob")
	tablet := must(device.Generate("bob", device.Classical, start))
	ok(t, bob.Admit(background, tablet.Record().Bytes()))
	bob.Sync()
	alice := newPerson(t, "alice", nil)
	phone, _ := alice.add()
	trustAll(t, bob, alice)
	c := newCircle(t, alice)
	c.know(bob)
	c.chain = append(c.chain, must(c.state().Propose(phone, alice.log, start, group.Add("bob", c.root("bob"))))...)
	_, envelope := c.sealed(tablet, c.tip())
	_, alices := c.atTip("alice")
	receive(t, bob, alice.revoke(phone))
	wantWhy(t, receive(t, bob, append([][]byte{envelope}, c.chain...)...)[0], fault.UnknownSession)
	wantOut(t, bob, c)
	receive(t, bob, alices) // a live device of hers stands by it
	wantIn(t, bob, c)
}
