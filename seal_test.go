package sotto_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
)

func TestTheFirstMessageBringsItsSession(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	_, parcels := sealText(t, alice, "bob", "first")
	if !slices.Equal(kinds(parcels), []sotto.ParcelKind{sotto.ParcelEnvelope, sotto.ParcelMessage}) {
		t.Fatalf("parcels %v", kinds(parcels))
	}
	for _, p := range parcels {
		if p.ID != sum(p.Data) || !slices.Equal(p.To, []device.ID{bob.Device()}) {
			t.Errorf("%s to %v", p.Kind, p.To)
		}
	}
	events := receive(t, bob, data(parcels)...)
	only(t, events, "first")
	e := events[1]
	if e.User != "alice" || e.Device != alice.Device() || e.Conversation != alice.Conversation("bob").ID() ||
		e.Type != "text/plain" || !e.Sent.Equal(start) || e.Counter != 0 || e.Skipped != 0 || e.Again || e.AlsoRead != nil || e.Needs != nil {
		t.Errorf("event %+v", e)
	}
	if e.Conversation != bob.Conversation("alice").ID() {
		t.Error("the two have different conversations")
	}
	delivered(t, alice)
	_, parcels = sealText(t, alice, "bob", "second")
	if !slices.Equal(kinds(parcels), []sotto.ParcelKind{sotto.ParcelMessage}) {
		t.Fatalf("parcels %v", kinds(parcels))
	}
	events = receive(t, bob, data(parcels)...)
	only(t, events, "second")
	if events[0].Counter != 1 {
		t.Errorf("counter %d", events[0].Counter)
	}
}

func TestAMessageComesWithTheEnvelopeOfItsOwnSessionOnly(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	receive(t, alice, bob.rotate(bob.keys))
	id, first := sealText(t, alice, "bob", "to one device")
	_, entry := bob.add()
	receive(t, alice, entry)
	_, second := sealText(t, alice, "bob", "to two devices")
	again := must(alice.Conversation("bob").Seal(background, id, "text/plain", []byte("to one device")))
	for _, parcels := range [][]sotto.Parcel{first, second, again} {
		if len(parcels) != 2 {
			t.Fatalf("%d parcels", len(parcels))
		}
		if e := must(session.EnvelopeID(parcels[0].Data)); e.Prefix() != must(session.MessageSession(parcels[1].Data)) {
			t.Error("an envelope of another session")
		}
	}
}

// An app that does not know whether it sealed a message does it again.
func TestSealingAMessageAgainGivesTheSameBytesUntilItIsDelivered(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	id, first := sealText(t, alice, "bob", "text")
	again := func() []sotto.Parcel {
		t.Helper()
		return must(alice.Conversation("bob").Seal(background, id, "text/plain", []byte("text")))
	}
	same := func(a, b sotto.Parcel) bool {
		return a.ID == b.ID && a.Kind == b.Kind && bytes.Equal(a.Data, b.Data) && slices.Equal(a.To, b.To)
	}
	before := generation(t, alice.Backend)
	if !slices.EqualFunc(first, again(), same) {
		t.Error("other parcels")
	}
	if generation(t, alice.Backend) != before {
		t.Error("sealing again wrote something")
	}
	sealText(t, alice, "bob", "another message")
	alice.Restart()
	if !slices.EqualFunc(first, again(), same) {
		t.Error("other parcels after a restart")
	}
	ok(t, alice.Delivered(background, first[0]))
	if !slices.EqualFunc(first[1:], again(), same) {
		t.Error("the envelope comes although it is delivered")
	}
	ok(t, alice.Delivered(background, first[1]))
	for range 2 {
		if left := again(); left == nil || len(left) != 0 {
			t.Errorf("%d parcels after delivery", len(left))
		}
		alice.Restart()
	}
	if n := len(texts(receive(t, bob, data(first)...))); n != 1 {
		t.Errorf("bob read %d messages", n)
	}
}

func TestAnotherMessageUnderAUsedIDIsMisuse(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	id, _ := sealText(t, alice, "bob", "text")
	c := alice.Conversation("bob")
	for range 2 {
		_, err := c.Seal(background, id, "text/plain", []byte("other text"))
		wantFault(t, err, fault.Misuse)
		_, err = c.Seal(background, id, "text/html", []byte("text"))
		wantFault(t, err, fault.Misuse)
		alice.Restart()
		c = alice.Conversation("bob")
		delivered(t, alice)
	}
	notes := alice.Conversation("alice") // IDs are of one conversation
	if _, err := notes.Seal(background, id, "text/plain", []byte("other text")); err != nil {
		t.Error(err)
	}
}

func TestBodiesHaveALimit(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	c := alice.Conversation("bob")
	body := bytes.Repeat([]byte{'x'}, sotto.MaxBody)
	parcels := must(c.Seal(background, sotto.NewMessageID(), "text/plain", body))
	if events := receive(t, bob, data(parcels)...); !bytes.Equal(events[1].Body, body) {
		t.Error("the largest body does not arrive")
	}
	if unread := must(bob.Unread(background)); len(unread) != 1 || !bytes.Equal(unread[0].Body, body) {
		t.Error("the largest body is not in the inbox")
	}
	before := generation(t, alice.Backend)
	_, err := c.Seal(background, sotto.NewMessageID(), "text/plain", append(body, 'x'))
	wantFault(t, err, fault.OverLimit)
	_, err = c.Seal(background, sotto.NewMessageID(), string(make([]byte, 65)), nil)
	wantFault(t, err, fault.Misuse)
	_, err = c.Seal(background, sotto.NewMessageID(), "\xff", nil)
	wantFault(t, err, fault.Misuse)
	if generation(t, alice.Backend) != before {
		t.Error("something was written")
	}
}

func TestAnEmptyBodyArrives(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	parcels := must(alice.Conversation("bob").Seal(background, sotto.NewMessageID(), "", nil))
	events := must(bob.Receive(background, data(parcels)...))
	if e := events[1]; e.Kind != sotto.KindMessage || e.Why != 0 || len(e.Body) != 0 {
		t.Errorf("event %+v", e)
	}
}

func TestNotesGoToOwnDevicesOnly(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	_, parcels := sealText(t, alice, "alice", "alone")
	if parcels == nil || len(parcels) != 0 {
		t.Errorf("parcels %v for nobody", kinds(parcels))
	}
	laptop := alice.Join()
	_, parcels = sealText(t, alice, "alice", "note")
	for _, p := range parcels {
		if !slices.Equal(p.To, []device.ID{laptop.Device()}) {
			t.Errorf("%s to %v", p.Kind, p.To)
		}
	}
	only(t, receive(t, laptop, data(parcels)...), "note")
	for _, e := range receive(t, bob, data(parcels)...) {
		if e.Why == 0 {
			t.Errorf("bob can use %+v", e)
		}
	}
}
