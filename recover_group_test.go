package sotto_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
)

// claims are the entries that a group is claimed by.
func claims(events []sotto.Event, id device.Hash) []device.Hash {
	var all []device.Hash
	for _, e := range events {
		if e.Kind == sotto.KindGroupClaim && e.Conversation == id {
			all = append(all, e.Change.Entry)
		}
	}
	return all
}

func names(members []group.Member) []string {
	var all []string
	for _, m := range members {
		all = append(all, m.User)
	}
	return all
}

// Whoever comes back with the recovery key alone is asked about the groups that were founded with devices which are gone.
func TestARecoveredFounderComesBackIntoTheGroup(t *testing.T) {
	for _, spoken := range []bool{true, false} {
		alice, bob := sottotest.Pair(t)
		n := alice.Network()
		carol := n.Create("carol")
		for _, p := range []*sottotest.Peer{alice, bob} {
			carol.Meet(p)
			p.Meet(carol)
		}
		key := withRecovery(t, alice)
		g := alice.NewGroup(bob, carol)
		n.SyncAll()
		if spoken {
			bob.Say(g.ID(), "we are here")
			n.SyncAll()
		}
		phone := n.Recover("alice", key)
		phone.Meet(bob)
		phone.Meet(carol)
		n.SyncAll()
		bob.Say(g.ID(), "are you back?")
		events := phone.Sync()
		if texts(events) != nil {
			t.Errorf("before anybody was asked: %q", texts(events))
		}
		claim := claims(events, g.ID())
		if len(claim) != 1 {
			t.Fatalf("%d claims", len(claim))
		}
		if again := claims(phone.Sync(), g.ID()); again != nil {
			t.Error("asked again and again")
		}
		members := must(phone.Claimed(background, g.ID(), claim[0]))
		if have := names(members); !slices.Equal(have, []string{"alice", "bob", "carol"}) {
			t.Errorf("members %q", have)
		}
		must(phone.Rejoin(background, g.ID(), claim[0]))
		_, err := phone.Rejoin(background, g.ID(), claim[0])
		wantFault(t, err, fault.Misuse) // it is known
		only(t, phone.Sync(), "are you back?")
		n.SyncAll()
		phone.Say(g.ID(), "I am")
		only(t, bob.Sync(), "I am")
		only(t, carol.Sync(), "I am")
		phone.Restart()
		bob.Say(g.ID(), "good")
		only(t, phone.Sync(), "good")
		ok(t, must(phone.Group(background, g.ID())).Remove(background, "carol")) // the owner still
		n.SyncAll()
		if s := must(must(bob.Group(background, g.ID())).State(background)); len(s.Members) != 2 {
			t.Errorf("%d members", len(s.Members))
		}
	}
}

// Who has a copy of a device that is gone brings nobody in behind the user's back.
func TestAThiefBringsNobodyIntoARecoveredUsersGroups(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	key := withRecovery(t, alice)
	thief := newHand(t, alice)
	settled(t, alice)
	g := alice.NewGroup(bob)
	settled(t, alice)
	bob.Say(g.ID(), "real")
	settled(t, alice)
	thief.log = logOf(t, alice)
	mallory := newPerson(t, "mallory", nil)
	c := &circle{
		t: t, id: g.ID(), chain: must(g.Chain(background)), persons: map[string]*person{"mallory": mallory},
		others: session.Logs{"alice": thief.log, "bob": logOf(t, bob)},
	}
	c.chain = append(c.chain, must(c.state().Propose(thief.keys, thief.log, start, group.Add("mallory", mallory.log.Pin().Root)))...)

	phone := alice.Network().Recover("alice", key)
	phone.Meet(bob)
	settled(t, phone)
	trustAll(t, phone, mallory)
	c.others["alice"] = logOf(t, phone)
	c.know(phone)
	_, envelope := c.sealed(mallory.keys, c.tip())
	events := receive(t, phone, append([][]byte{envelope}, c.chain...)...)
	if _, err := phone.Group(background, g.ID()); err == nil {
		t.Error("a group by the word of somebody whom the thief brought in")
	}
	claim := claims(events, g.ID())
	if len(claim) != 1 || !slices.Contains(names(must(phone.Claimed(background, g.ID(), claim[0]))), "mallory") {
		t.Errorf("claims %v", claim)
	}
	bob.Say(g.ID(), "are you back?")
	claim = slices.DeleteFunc(claims(phone.Sync(), g.ID()), func(h device.Hash) bool { return h == c.tip() })
	if len(claim) != 1 {
		t.Fatalf("%d claims of bob's", len(claim))
	}
	if have := names(must(phone.Claimed(background, g.ID(), claim[0]))); !slices.Equal(have, []string{"alice", "bob"}) {
		t.Errorf("members %q", have)
	}
	must(phone.Rejoin(background, g.ID(), claim[0]))
	only(t, phone.Sync(), "are you back?")
	if s := must(must(phone.Group(background, g.ID())).State(background)); len(s.Members) != 2 {
		t.Errorf("members %v", s.Members)
	}
}

func TestAClaimThatIsNoneIsNotRejoined(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	_, err := alice.Claimed(background, device.Hash{1}, device.Hash{2})
	wantFault(t, err, fault.TooFarAhead)
	_, err = alice.Rejoin(background, device.Hash{1}, device.Hash{2})
	wantFault(t, err, fault.TooFarAhead)
}
