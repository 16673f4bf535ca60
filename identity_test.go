package sotto_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/trust"
)

// met is an account that has pinned bob, a person, and his messaging key.
func met(t *testing.T) (alice *sottotest.Peer, bob *person) {
	t.Helper()
	alice = sottotest.NewNetwork(t).Create("alice")
	bob = newPerson(t, "bob", nil)
	trustAll(t, alice, bob)
	return alice, bob
}

func standing(t *testing.T, p *sottotest.Peer, user string) sotto.Standing {
	t.Helper()
	return must(must(p.Contact(background, user)).Standing(background))
}

// wantMark holds what a contact's mark is.
func wantMark(t *testing.T, p *sottotest.Peer, user string, want trust.Mark) {
	t.Helper()
	if s := standing(t, p, user); s.Mark != want || s.MaySend() != want.MaySend() {
		t.Errorf("%s is %v, want %v", user, s.Mark, want)
	}
}

// shows lets the server show a log of bob's that it should not, and returns the notice of that.
func shows(t testing.TB, p *sottotest.Peer, user string, log [][]byte, why fault.Code) {
	t.Helper()
	_, err := p.Trust(background, user, log)
	wantFault(t, err, why)
}

// adopt acknowledges the other log that was shown.
func adopt(t *testing.T, p *sottotest.Peer, user string) *sotto.Contact {
	t.Helper()
	s := standing(t, p, user)
	if s.Other == nil {
		t.Fatal("no other log")
	}
	return must(must(p.Contact(background, user)).Acknowledge(background, s, *s.Other))
}

// After a reset the contact is another one: a conversation of its own, and nothing goes to the devices from before.
func TestAResetThatIsAcknowledgedBeginsANewConversation(t *testing.T) {
	alice, bob := met(t)
	before := alice.Conversation("bob")
	sealText(t, alice, "bob", "waits")
	s, envelope := bob.begin(bob.keys, see(t, alice), start)
	receive(t, alice, envelope)
	old := must(alice.Contact(background, "bob"))

	again := newPerson(t, "bob", nil)
	shows(t, alice, "bob", again.entries, fault.IdentityChanged)
	wantBlocked(t, alice, "bob", fault.IdentityChanged)
	now := adopt(t, alice, "bob")
	receive(t, alice, again.rotate(again.keys))
	wantMark(t, alice, "bob", trust.Unverified)
	if now.Root() != again.log.Pin().Root || now.Root() == old.Root() {
		t.Error("the same contact")
	}
	after := alice.Conversation("bob")
	if after.ID() == before.ID() {
		t.Error("the same conversation")
	}
	_, parcels := sealText(t, alice, "bob", "to the new bob")
	if to := parcels[len(parcels)-1].To; len(to) != 1 || to[0] != again.keys.Record().ID() {
		t.Errorf("to %v", to)
	}
	_, err := old.Standing(background)
	wantFault(t, err, fault.IdentityChanged)
	_, err = before.Seal(background, sotto.NewMessageID(), "", []byte("to the old bob"))
	wantFault(t, err, fault.IdentityChanged)
	for range 2 {
		for _, p := range must(alice.Pending(background)) {
			if slices.Contains(p.To, bob.keys.Record().ID()) {
				t.Errorf("a parcel of kind %s still goes to the device from before", p.Kind)
			}
		}
		for _, e := range receive(t, alice, bob.write(bob.keys, s, "from the old bob"), envelope) {
			if e.Why == 0 {
				t.Errorf("used: %+v", e)
			}
		}
		_, another := bob.begin(bob.keys, see(t, alice), start)
		if e := receive(t, alice, another)[0]; e.Why == 0 {
			t.Errorf("a session of the identity from before is taken: %+v", e)
		}
		alice.Restart()
	}
	if r := must(alice.Report(background)); r.Outbox[sotto.ParcelMessage] != 1 {
		t.Errorf("the outbox has %v", r.Outbox)
	}
	// The sessions from before are closed for good, also if people choose the identity from before again.
	shows(t, alice, "bob", bob.entries, fault.IdentityChanged)
	adopt(t, alice, "bob")
	if alice.Conversation("bob").ID() != before.ID() {
		t.Error("another conversation")
	}
	if open := must(alice.Report(background)).Contacts[1].Sessions; len(open) != 0 {
		t.Errorf("%d sessions are open", len(open))
	}
}
