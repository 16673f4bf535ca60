package sotto_test

import (
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/sottotest"
)

// What was on its way to the device of before is read for two weeks after a recovery.
func TestWhatIsOnItsWayIsReadAfterARecovery(t *testing.T) {
	for _, late := range []time.Duration{0, 13 * day, 15 * day} {
		alice, bob := sottotest.Pair(t)
		key := withRecovery(t, alice)
		alice.Network().SyncAll()
		_, parcels := sealText(t, bob, "alice", "on its way")
		ok(t, alice.Recover(background, key, nil))
		for _, p := range must(alice.Pending(background)) {
			if p.Kind == sotto.ParcelLog {
				receive(t, alice, p.Data)
			}
		}
		alice.Network().Pass(late)
		ok(t, alice.Upkeep(background, true))
		alice.Restart()
		events := receive(t, alice, data(parcels)...)
		if late < 14*day {
			only(t, events, "on its way")
			continue
		}
		wantWhy(t, events[0], fault.NotForThisDevice)
		if texts(events) != nil {
			t.Errorf("after %v: %q", late, texts(events))
		}
	}
}

// A device that a thief has revoked is not put back when its recovery loses its place: it goes on as the new one, and tries again.
func TestARevokedDeviceIsNotPutBack(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	tablet := alice.Join()
	key := withRecovery(t, alice)
	must(tablet.Revoke(background, alice.Device()))
	first := pending(t, tablet, sotto.ParcelLog)[0].Data
	old := alice.Device()
	ok(t, alice.Recover(background, key, nil))
	fresh := alice.Device()
	if events := receive(t, alice, first); !has(events, sotto.KindOvertaken) {
		t.Errorf("events %+v", events)
	}
	if alice.Device() != fresh || fresh == old {
		t.Error("it is the device again that was revoked")
	}
	ok(t, alice.Recover(background, key, nil))
	receive(t, alice, pending(t, alice, sotto.ParcelLog)[0].Data)
	if l := logOf(t, alice); len(l.Active()) != 1 || l.Active()[0].ID() != fresh {
		t.Error("not recovered")
	}
}
