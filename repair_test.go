package sotto_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
)

func TestALeftOutDeviceGetsTheSessionWhenItsKeyArrives(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	tablet, _ := bob.add()
	must(alice.Trust(background, "bob", bob.entries))
	receive(t, alice, bob.rotate(bob.keys))
	if m := devicesOf(t, alice.Conversation("bob")); m[tablet.Record().ID()].HasKey || !m[bob.keys.Record().ID()].HasKey {
		t.Errorf("devices %+v", m)
	}
	_, parcels := sealText(t, alice, "bob", "text")
	id := tablet.Record().ID()
	if len(parcels) != 2 || slices.Contains(parcels[0].To, id) || !slices.Contains(parcels[1].To, id) {
		t.Fatalf("parcels %+v", parcels)
	}
	delivered(t, alice)
	receive(t, alice, bob.rotate(tablet))
	repair := pending(t, alice, sotto.ParcelEnvelope)
	if len(repair) != 1 || !slices.Equal(repair[0].To, []device.ID{tablet.Record().ID()}) {
		t.Fatalf("repair %+v", repair)
	}
	o := must(session.OpenEnvelope(tablet, repair[0].Data))
	if o.ID().Prefix() != must(session.MessageSession(parcels[1].Data)) {
		t.Error("another session")
	}
	delivered(t, alice)
	receive(t, alice, bob.rotate(tablet))
	if again := pending(t, alice, sotto.ParcelEnvelope); len(again) != 0 {
		t.Error("repaired twice")
	}
	if m := devicesOf(t, alice.Conversation("bob")); !m[tablet.Record().ID()].HasKey {
		t.Errorf("devices %+v", m)
	}
}

// The key waited for its log, and the device for its key.
func TestALeftOutDeviceGetsTheSessionWhenItsKeyIsAcceptedLater(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	sealText(t, alice, "bob", "text")
	_, entry := bob.add()
	wantWhy(t, receive(t, alice, bob.rotate(bob.keys))[0], fault.TooFarAhead)
	if n := len(pending(t, alice, sotto.ParcelEnvelope)); n != 0 {
		t.Fatalf("%d envelopes before the log came", n)
	}
	receive(t, alice, entry)
	if n := len(pending(t, alice, sotto.ParcelEnvelope)); n != 1 {
		t.Errorf("%d envelopes after the log came", n)
	}
}

func TestAKeyThatComesAfterItsSessionClosedIsTaken(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	sealText(t, alice, "bob", "to nobody who has a key")
	delivered(t, alice)
	alice.Network().Pass(over)
	ok(t, alice.Upkeep(background, true))
	sealText(t, alice, "bob", "in a session that is open")
	delivered(t, alice)
	wantWhy(t, receive(t, alice, bob.rotate(bob.keys))[0], 0)
	if n := len(pending(t, alice, sotto.ParcelEnvelope)); n != 1 {
		t.Errorf("%d sessions for the device", n)
	}
}

// A message that names a newer messaging key than the one at hand says so; until it is here nothing is sealed to the old
// one.
func TestAMessageTellsOfANewerKey(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	receive(t, alice, bob.rotate(bob.keys))
	newer := bob.rotate(bob.keys)
	s, envelope := bob.begin(bob.keys, see(t, alice), start)
	events := receive(t, alice, envelope, bob.write(bob.keys, s, "text"))
	only(t, events, "text")
	if n := events[1].Needs; len(n) != 1 || n[0].KeysOf != "bob" {
		t.Errorf("needs %+v", n)
	}
	id := bob.keys.Record().ID()
	if devicesOf(t, alice.Conversation("bob"))[id].HasKey {
		t.Error("the old key still counts")
	}
	receive(t, alice, newer)
	if !devicesOf(t, alice.Conversation("bob"))[id].HasKey {
		t.Error("the new key does not count")
	}
	events = receive(t, alice, bob.write(bob.keys, s, "more"))
	if events[0].Needs != nil {
		t.Errorf("needs %+v", events[0].Needs)
	}
}
