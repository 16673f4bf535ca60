package sotto_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
)

func TestParcelsWaitInOrderUntilTheyAreDelivered(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	var want [][32]byte
	for _, text := range []string{"one", "two", "three"} {
		_, parcels := sealText(t, alice, "bob", text)
		for _, p := range parcels {
			if !slices.Contains(want, p.ID) {
				want = append(want, p.ID)
			}
		}
	}
	if len(want) != 4 {
		t.Fatalf("%d parcels", len(want))
	}
	waiting := func() (ids [][32]byte) {
		for _, p := range must(alice.Pending(background)) {
			ids = append(ids, p.ID)
		}
		return ids
	}
	for range 2 {
		if !slices.Equal(waiting(), want) {
			t.Error("not in the order in which they were sealed")
		}
		alice.Restart()
	}
	ok(t, alice.Delivered(background, sotto.Parcel{ID: want[1]}))
	if !slices.Equal(waiting(), slices.Delete(slices.Clone(want), 1, 2)) {
		t.Error("the delivered one, and only that, has to go")
	}
	before := generation(t, alice.Backend)
	ok(t, alice.Delivered(background, sotto.Parcel{ID: want[1]}))
	ok(t, alice.Delivered(background, sotto.Parcel{ID: [32]byte{1}}))
	if generation(t, alice.Backend) != before {
		t.Error("a parcel that is not there was written")
	}
}

func TestDeliveryCountsForEachDevice(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	laptop, tablet := alice.Join(), bob.Join()
	alice.Network().SyncAll()
	_, parcels := sealText(t, alice, "bob", "to three devices")
	left := []device.ID{laptop.Device(), bob.Device(), tablet.Device()}
	message := parcels[len(parcels)-1]
	waits := func() []device.ID {
		t.Helper()
		waiting := pending(t, alice, sotto.ParcelMessage)
		if len(waiting) == 0 {
			return nil
		}
		if waiting[0].ID != message.ID {
			t.Error("another parcel")
		}
		return waiting[0].To
	}
	for len(left) > 0 {
		to := waits()
		if len(to) != len(left) || slices.ContainsFunc(left, func(id device.ID) bool { return !slices.Contains(to, id) }) {
			t.Fatalf("waits for %v, want %v", to, left)
		}
		ok(t, alice.DeliveredTo(background, message, []device.ID{left[0], {1}}))
		ok(t, alice.DeliveredTo(background, message, []device.ID{left[0]}))
		left = left[1:]
	}
	if to := waits(); to != nil {
		t.Errorf("still waits for %v", to)
	}
	ok(t, alice.Delivered(background, parcels[0])) // all of them
	if n := len(must(alice.Pending(background))); n != 0 {
		t.Errorf("%d parcels left", n)
	}
}

func TestRevokedDevicesLeaveTheQueue(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := bob.Join()
	alice.Network().SyncAll()
	id, _ := sealText(t, alice, "bob", "to both")
	for _, p := range pending(t, alice, sotto.ParcelMessage) {
		ok(t, alice.DeliveredTo(background, p, []device.ID{bob.Device()})) // only the tablet is left
	}
	sealText(t, alice, "bob", "to both, too")
	must(bob.Revoke(background, tablet.Device()))
	bob.Flush()
	receive(t, alice, alice.Fetch()...)
	for _, p := range must(alice.Pending(background)) {
		if slices.Contains(p.To, tablet.Device()) {
			t.Errorf("%s still goes to the revoked device", p.Kind)
		}
	}
	if n := len(pending(t, alice, sotto.ParcelMessage)); n != 1 {
		t.Errorf("%d messages wait, want 1", n)
	}
	parcels := must(alice.Conversation("bob").Seal(background, id, "text/plain", []byte("to both")))
	if len(parcels) != 0 {
		t.Error("what was only left for the revoked device is sealed again")
	}
	alice.Flush()
	only(t, bob.Sync(), "to both, too")
}

// A log entry waits until the log has it, whatever the app says, and is always the same bytes.
func TestALogEntryIsOfferedUntilTheLogHasIt(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	root := must(alice.Contact(background, "alice")).Root()
	laptop := must(sotto.Join(t.Context(), store.Memory(), "alice", root, nil, newSecret()))
	record := must(laptop.Record(background))
	ok(t, alice.Admit(background, record))
	first := must(alice.Pending(background))
	if len(first) != 1 || first[0].Kind != sotto.ParcelLog {
		t.Fatalf("offers %v", kinds(first))
	}
	wantMisuseWhilePending(t, alice, record)
	for range 2 {
		ok(t, alice.Delivered(background, first[0]))
		again := must(alice.Pending(background))
		if len(again) != 1 || again[0].ID != first[0].ID {
			t.Errorf("offers %v", kinds(again))
		}
		alice.Restart()
	}
	events := receive(t, alice, first[0].Data)
	wantWhy(t, events[0], 0)
	if !has(events, sotto.KindDeviceAdded) || has(events, sotto.KindOvertaken) {
		t.Errorf("events %+v", events)
	}
	if left := pending(t, alice, sotto.ParcelLog); len(left) != 0 {
		t.Error("still offered")
	}
}
