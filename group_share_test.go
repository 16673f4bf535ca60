package sotto_test

import (
	"testing"

	"github.com/sottokit/sotto/session"
)

// A member may share what another one's device began, as often as she likes: what that device sends on stays open.
func TestSharesPushOutNothingThatAnotherDeviceBegan(t *testing.T) {
	const most = 256 // open sessions of a device in a conversation
	bob, c := joined(t)
	alice, carol := c.persons["alice"], c.persons["carol"]
	s, envelope := c.atTip("alice")
	only(t, receive(t, bob, envelope, c.says("alice", s, "one")), "one")
	direct, hers := carol.begin(carol.keys, known{c.log("bob"), c.keys[0]}, start)
	in := [][]byte{hers}
	for i := range most {
		old := c.begin(alice.keys, c.tip()) // carol has it, and bob has not
		b, _, err := carol.chains.Seal(nil, direct, carol.keys, session.Content{
			ID: session.MessageID{byte(i), byte(i >> 8), 1}, Sent: start, Type: "sotto/v1.shared-session", Body: must(old.ExportSecretStatement()),
		})
		in = append(in, must(b, err))
	}
	only(t, receive(t, bob, in...))
	only(t, receive(t, bob, c.says("alice", s, "two")), "two")
}

// The message came first, then the share of its session, then the group itself: it comes out with the last of them.
func TestAMessageWaitsForAShareThatWaitsForItsGroup(t *testing.T) {
	all := people(t, "alice", "bob", "carol", "dave")
	alice, dave := all[0], all[3]
	g := alice.NewGroup(all[1], all[2])
	before := say(t, alice, g, "before")
	settled(t, alice)
	addTo(t, alice, g, dave)
	invitation := dave.Fetch()
	share(t, alice, g, "dave")
	shared := dave.Fetch()
	receive(t, dave, before)
	receive(t, dave, shared...)
	chain := must(in(t, alice, g.ID()).Chain(background))
	only(t, receive(t, dave, append(invitation, chain...)...), "before")
	if r := must(dave.Report(background)); r.HeldForKey != 0 {
		t.Errorf("%d messages still wait", r.HeldForKey)
	}
}
