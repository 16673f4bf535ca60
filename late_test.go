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

// over is when a session of the default policy may close: a week, and Grace.
const over = 7*day + session.Grace

func TestAMessageThatOutlivesItsSessionIsSealedAgainForWhoeverHasNotGotIt(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := bob.Join()
	alice.Network().SyncAll()
	id, first := sealText(t, alice, "bob", "late")
	all := must(alice.Pending(background))
	ok(t, alice.DeliveredTo(background, first[len(first)-1], []device.ID{bob.Device()}))
	for _, p := range all {
		if p.Kind == sotto.ParcelEnvelope {
			ok(t, alice.Delivered(background, p))
		}
	}
	only(t, receive(t, bob, data(first)...), "late")
	alice.Network().Pass(over)
	tablet.Sync()
	ok(t, alice.Upkeep(background, true))
	again := must(alice.Pending(background))
	messages := slices.DeleteFunc(slices.Clone(again), func(p sotto.Parcel) bool { return p.Kind != sotto.ParcelMessage })
	to := []device.ID{tablet.Device()}
	if len(messages) != 1 || messages[0].ID == first[len(first)-1].ID || !slices.Equal(messages[0].To, to) {
		t.Fatalf("sealed again: %+v", messages)
	}
	if must(session.MessageSession(messages[0].Data)) == must(session.MessageSession(first[len(first)-1].Data)) {
		t.Error("in the closed session")
	}
	same := must(alice.Conversation("bob").Seal(background, id, "text/plain", []byte("late")))
	if same[len(same)-1].ID != messages[0].ID {
		t.Error("the message's ID gives another parcel")
	}
	events := receive(t, tablet, data(again)...)
	if have := texts(events); !slices.Equal(have, []string{"late"}) {
		t.Errorf("the tablet reads %q, %v", have, reasons(events))
	}
	for _, e := range events {
		if e.Kind == sotto.KindMessage && (e.Message != id || !e.Sent.Equal(start)) {
			t.Errorf("another message: %+v", e)
		}
	}
	delivered(t, alice)
	if same := must(alice.Conversation("bob").Seal(background, id, "text/plain", []byte("late"))); len(same) != 0 {
		t.Error("delivered, and sealed again")
	}
}

// Who got the message may still wait for its session, however late.
func TestEnvelopesStayUntilTheyAreDelivered(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	_, parcels := sealText(t, alice, "bob", "text")
	ok(t, alice.Delivered(background, parcels[1]))
	wantWhy(t, receive(t, bob, parcels[1].Data)[0], fault.UnknownSession)
	alice.Network().Pass(over)
	ok(t, alice.Upkeep(background, true))
	left := pending(t, alice, sotto.ParcelEnvelope)
	if len(left) != 1 {
		t.Fatalf("%d envelopes wait", len(left))
	}
	only(t, receive(t, bob, left[0].Data), "text")
}

func TestWhatWasSealedInAClosedSessionIsNotRead(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	in := conversation(t, alice, "bob", 2)
	only(t, receive(t, bob, in[:2]...), "text 0")
	ok(t, bob.Ack(background, must(bob.Unread(background))...))
	alice.Network().Pass(over)
	ok(t, bob.Upkeep(background, true))
	events := receive(t, bob, in...)
	wantWhy(t, events[0], fault.Replayed)
	for _, e := range events[1:] {
		wantWhy(t, e, fault.UnknownSession)
	}
	if r := must(bob.Report(background)); len(r.Contacts[1].Sessions) != 0 {
		t.Errorf("sessions %+v", r.Contacts[1].Sessions)
	}
}

// Who cannot write now keeps what waits: it is sealed again when he can.
func TestALateMessageWaitsUntilItCanBeSealed(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	receive(t, alice, bob.rotate(bob.keys))
	_, first := sealText(t, alice, "bob", "late")
	_, entry := bob.add()
	wantWhy(t, receive(t, alice, bob.rotate(bob.keys))[0], fault.TooFarAhead)
	alice.Network().Pass(over)
	for range 2 {
		ok(t, alice.Upkeep(background, true))
		if m := pending(t, alice, sotto.ParcelMessage); len(m) != 0 {
			t.Errorf("to be sent too late: %+v", m)
		}
	}
	wantWhy(t, receive(t, alice, entry)[0], 0)
	ok(t, alice.Upkeep(background, true))
	if m := pending(t, alice, sotto.ParcelMessage); len(m) != 1 || m[0].ID == first[1].ID {
		t.Errorf("waiting: %+v", m)
	}
}

func TestForgetErasesAConversation(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	carol := alice.Network().Create("carol")
	carol.Meet(alice)
	alice.Meet(carol)
	bob.Send("alice", "a secret of bob's")
	carol.Send("alice", "a word of carol's")
	in := alice.Fetch()
	receive(t, alice, in...)
	sealText(t, alice, "bob", "an answer")
	sealText(t, alice, "carol", "an answer")
	ok(t, alice.Forget(background, alice.Conversation("bob")))
	alice.Restart()
	if unread := must(alice.Unread(background)); len(unread) != 1 || unread[0].User != "carol" {
		t.Errorf("unread %+v", unread)
	}
	for _, p := range must(alice.Pending(background)) {
		if slices.Contains(p.To, bob.Device()) {
			t.Errorf("%s for bob waits", p.Kind)
		}
	}
	if len(pending(t, alice, sotto.ParcelMessage)) != 1 {
		t.Error("the message for carol is gone")
	}
	for _, e := range receive(t, alice, in...) {
		if e.Kind == sotto.KindMessage && e.User == "bob" {
			wantWhy(t, e, fault.Replayed)
		}
	}
	// The two go on.
	for range 3 {
		alice.Send("bob", "again")
		bob.Send("alice", "and again")
		only(t, bob.Sync(), "again")
		if got := texts(alice.Sync()); !slices.Contains(got, "and again") {
			t.Errorf("alice got %q", got)
		}
	}
	alice.Network().Pass(over)
	ok(t, alice.Upkeep(background, true))
	ok(t, alice.Forget(background, alice.Conversation("bob")))
	if r := must(alice.Report(background)); len(r.Contacts[1].Sessions) != 0 {
		t.Errorf("sessions %+v", r.Contacts[1].Sessions)
	}
	wantFault(t, alice.Forget(background, bob.Conversation("alice")), fault.Misuse)
}
