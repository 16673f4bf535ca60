package sotto_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/trust"
)

// entriesOnly brings the pending log entry to peers as the server would, while everything else still waits.
func entriesOnly(t *testing.T, from *sottotest.Peer, to ...*sottotest.Peer) {
	t.Helper()
	for _, parcel := range pending(t, from, sotto.ParcelLog) {
		for _, p := range to {
			receive(t, p, parcel.Data)
		}
	}
}

// What was written between the revocation and its log entry still waits under a key that the lost device has.
func TestWhatWaitsWhenARevocationIsDoneIsSealedAgain(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := alice.Join()
	settled(t, alice)
	alice.Send("bob", "hello")
	settled(t, alice)
	must(alice.Revoke(background, tablet.Device()))
	sealText(t, alice, "bob", "the tablet was stolen")
	entriesOnly(t, alice, bob, alice)
	if r := must(alice.Revoke(background, tablet.Device())); !r.Done() {
		t.Fatal("not done")
	}
	out := pending(t, alice, sotto.ParcelMessage)
	if len(out) != 1 {
		t.Fatalf("%d messages wait", len(out))
	}
	if e := receive(t, tablet, out[0].Data)[0]; e.Body != nil {
		t.Error("the lost device reads what goes out after that")
	}
	alice.Flush()
	if heard := texts(bob.Sync()); !slices.Equal(heard, []string{"the tablet was stolen"}) {
		t.Errorf("bob hears %q", heard)
	}
}

// The app had posted a message before the recovery, and notes it as delivered after it: those bytes are of a device that is gone.
func TestDeliveredBytesOfAFormerDeviceDoNotCount(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	key := withRecovery(t, alice)
	settled(t, alice)
	_, parcels := sealText(t, alice, "bob", "important")
	ok(t, alice.Recover(background, key, nil))
	for _, p := range parcels {
		ok(t, alice.Delivered(background, p))
	}
	var heard []string
	for range 3 {
		heard = append(heard, texts(alice.Network().SyncAll()[bob])...)
	}
	if !slices.Equal(heard, []string{"important"}) {
		t.Errorf("bob hears %q", heard)
	}
}

// A device of suite 1 would keep an account that requires suite 2 from sealing anything.
func TestNoDeviceOfALowerSuiteIsLinkedOrRecoveredInto(t *testing.T) {
	alice, _ := account(t, "alice", sotto.Options{RequireHybrid: true})
	before := len(must(alice.Pending(background)))
	o := must(alice.OfferLink(background, nothing))
	n := must(link.Scan(o.QR(), start))
	must(n.Receive(must(o.Receive(background, must(n.Join(device.Classical, start)))), start))
	must(n.Receive(must(o.Confirm(background, n.Digits())), start))
	l := must(device.Verify("alice", must(must(alice.Contact(background, "alice")).Log(background))))
	_, err := o.Receive(background, must(n.Served(l, start)))
	wantFault(t, err, fault.UnsupportedVersion)
	if o.State() != link.Aborted || len(must(alice.Pending(background))) != before {
		t.Error("something was signed")
	}
}

// Only own devices share a session of two: nobody is asked for anything because a contact did.
func TestAContactWhoSharesASessionOfTwoAsksForNothing(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	trustAll(t, alice, bob)
	s, envelope := bob.begin(bob.keys, see(t, alice), start)
	receive(t, alice, envelope)
	b, _, err := bob.chains.Seal(nil, s, bob.keys, session.Content{
		ID: session.MessageID(sotto.NewMessageID()), Sent: start, Type: sharedSession, Body: must(s.ExportSecretStatement()),
	})
	ok(t, err)
	e := receive(t, alice, b)[0]
	wantWhy(t, e, fault.UntrustedSigner)
	if len(e.Needs) != 0 {
		t.Errorf("needs %+v", e.Needs)
	}
}

// What people have decided about a contact stands, whatever the device that linked this one says.
func TestWhatPeopleDecidedHereStands(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	laptop := offered(t, alice, sessions).done()
	must(laptop.Trust(background, "bob", newPerson(t, "bob", nil).entries))
	verify(t, laptop, "bob")
	alice.Flush()
	laptop.Sync()
	laptop.Sync()
	wantMark(t, laptop, "bob", trust.Verified)
}

// Nobody is asked for the logs of strangers because a contact shared a session with them.
func TestAContactSharesNoSessionWithAnother(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob, carol := newPerson(t, "bob", nil), newPerson(t, "carol", nil)
	trustAll(t, alice, bob)
	s, envelope := bob.begin(bob.keys, see(t, alice), start)
	receive(t, alice, envelope)
	members := func(p *person) session.Member { return session.Member{User: p.user, Root: p.log.Pin().Root} }
	other := must(session.Begin(bob.keys, must(session.Direct(members(bob), members(carol))), session.DefaultPolicy(), nil, start,
		session.Logs{"bob": bob.log, "carol": carol.log}))
	b, _, err := bob.chains.Seal(nil, s, bob.keys, session.Content{
		ID: session.MessageID(sotto.NewMessageID()), Sent: start, Type: sharedSession, Body: must(other.ExportSecretStatement()),
	})
	ok(t, err)
	e := receive(t, alice, b)[0]
	wantWhy(t, e, fault.UntrustedSigner)
	if len(e.Needs) != 0 {
		t.Errorf("needs %+v", e.Needs)
	}
}
