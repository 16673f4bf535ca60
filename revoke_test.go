package sotto_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
)

// What a lost device made can be read, with a word on who else reads it, and is never sent on.
func TestASessionOfARevokedDeviceIsReadAndNotSentOn(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := bob.Join()
	alice.Network().SyncAll()
	sealText(t, tablet, "alice", "from the tablet")
	in := data(must(tablet.Pending(background)))
	receive(t, bob, in...)
	_, parcels := sealText(t, bob, "alice", "from bob")
	delivered(t, bob)
	must(bob.Revoke(background, tablet.Device()))
	bob.Flush()
	receive(t, alice, alice.Fetch()...)
	events := receive(t, alice, in...)
	wantWhy(t, events[0], 0)
	wantWhy(t, events[1], fault.RevokedDevice)
	also := []sotto.Reader{{User: "bob", Device: tablet.Device()}}
	events = receive(t, alice, data(parcels)...)
	only(t, events, "from bob")
	if !slices.Equal(events[0].AlsoRead, also) {
		t.Errorf("also read by %v", events[0].AlsoRead)
	}
	for _, e := range must(alice.Unread(background)) {
		if e.Kind == sotto.KindMessage && !slices.Equal(e.AlsoRead, also) {
			t.Errorf("unread %+v", e)
		}
	}
	of := must(session.MessageSession(in[1]))
	if used(t, alice, "bob") == of {
		t.Error("sent on")
	}
}

func TestMessagesOfARevokedDeviceAreRefused(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := bob.Join()
	alice.Network().SyncAll()
	tablet.Send("alice", "while it is bob's")
	only(t, alice.Sync(), "while it is bob's")
	sealText(t, tablet, "alice", "too late")
	in := data(must(tablet.Pending(background)))
	must(bob.Revoke(background, tablet.Device()))
	bob.Flush()
	for range 2 { // the entry comes in one batch with the message, then it is known
		events := receive(t, alice, append(alice.Fetch(), in...)...)
		for _, e := range events {
			if e.Kind == sotto.KindMessage {
				wantWhy(t, e, fault.RevokedDevice)
			}
		}
	}
	tablet.Sync()
	_, err := tablet.Conversation("alice").Seal(background, sotto.NewMessageID(), "", []byte("text"))
	wantFault(t, err, fault.RevokedDevice)
	if r := must(tablet.Report(background)); r.Active {
		t.Error("the revoked device reports that it is active")
	}
}

// An entry that revokes a device can come at any time: a message that was opened before is not taken after.
func TestARevocationCountsInTheBatchThatBringsIt(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := bob.Join()
	alice.Network().SyncAll()
	sealText(t, tablet, "alice", "text")
	in := data(must(tablet.Pending(background)))
	must(bob.Revoke(background, tablet.Device()))
	entry := pending(t, bob, sotto.ParcelLog)[0].Data
	in = append(in, entry)
	events := receive(t, alice, in...)
	wantWhy(t, events[1], fault.RevokedDevice)
	if !has(events, sotto.KindDeviceRevoked) {
		t.Errorf("events %+v", events)
	}
}

func TestARevokedDeviceMakesNoKeys(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	tablet := alice.Join()
	must(alice.Revoke(background, tablet.Device()))
	alice.Flush()
	alice.Network().Pass(8 * day)
	receive(t, tablet, tablet.Fetch()...)
	ok(t, tablet.Upkeep(background, true))
	if keys := pending(t, tablet, sotto.ParcelKey); len(keys) != 0 {
		t.Errorf("%d keys", len(keys))
	}
}

// What happens to devices is told until the app acknowledges it, also after a restart.
func TestNoticesWaitUntilTheyAreAcknowledged(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := bob.Join()
	ok(t, alice.Ack(background, must(alice.Unread(background))...))
	must(bob.Revoke(background, tablet.Device()))
	bob.Flush()
	events := receive(t, alice, alice.Fetch()...)
	for range 2 {
		unread := must(alice.Unread(background))
		if len(unread) != 1 || unread[0].Kind != sotto.KindDeviceRevoked || unread[0].User != "bob" ||
			unread[0].Device != tablet.Device() || !unread[0].Again {
			t.Errorf("unread %+v", unread)
		}
		alice.Restart()
	}
	ok(t, alice.Ack(background, events...))
	if unread := must(alice.Unread(background)); len(unread) != 0 {
		t.Errorf("unread %+v", unread)
	}
}
