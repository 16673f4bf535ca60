package sotto_test

import (
	"testing"

	"github.com/sottokit/sotto/fault"
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

// The message comes first, then the share of its session, then the chain, and at last who brings this user into the group: with
// that all of it comes out.
func TestAMessageWaitsForAShareThatWaitsForItsGroup(t *testing.T) {
	bob, c := invited(t)
	before := c.session(sum(c.chain[1]))
	shared := c.sharedBy(bob, "alice", must(before.ExportSecretStatement()))
	_, carols := c.atTip("carol")
	_, alices := c.atTip("alice")
	wantWhy(t, receive(t, bob, c.says("alice", before, "of before"))[0], fault.UnknownSession)
	wantWhy(t, receive(t, bob, shared...)[1], fault.UnknownSession)
	wantWhy(t, receive(t, bob, append(c.chain, carols)...)[0], fault.UnknownSession)
	wantOut(t, bob, c)
	only(t, receive(t, bob, alices), "of before")
	if r := must(bob.Report(background)); r.HeldForKey != 0 || r.HeldForLog != 0 {
		t.Errorf("still held: %+v", r)
	}
}
