package sotto_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/sottotest"
)

// published is the newest device-key that the network has of a peer's device.
func published(t testing.TB, p *sottotest.Peer) []byte {
	t.Helper()
	return see(t, p).key.Bytes()
}

func TestTheMessagingKeyIsRenewedEveryWeek(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	first := published(t, alice)
	alice.Network().Pass(7*day - 1)
	alice.Sync()
	if !bytes.Equal(published(t, alice), first) {
		t.Error("renewed before a week")
	}
	alice.Network().Pass(1)
	ok(t, alice.Upkeep(background, true))
	ok(t, alice.Upkeep(background, true))
	keys := pending(t, alice, sotto.ParcelKey)
	if len(keys) != 1 || bytes.Equal(keys[0].Data, first) {
		t.Fatalf("%d keys to publish", len(keys))
	}
	alice.Flush()
	bob.Send("alice", "to the old key")
	only(t, alice.Sync(), "to the old key")
	for range 6 {
		alice.Network().Pass(day)
		alice.Sync()
		if r := must(alice.Report(background)); r.KeysKept != 2 || r.Key != 1 {
			t.Errorf("%d keys are kept, generation %d", r.KeysKept, r.Key)
		}
	}
	alice.Network().Pass(day)
	alice.Sync()
	if r := must(alice.Report(background)); r.KeysKept != 2 || r.Key != 2 { // the first one is wiped
		t.Errorf("%d keys are kept, generation %d", r.KeysKept, r.Key)
	}
}

// Of keys that were not delivered only the newest one waits.
func TestOnlyTheNewestKeyWaitsForTheServer(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	for range 3 {
		alice.Network().Pass(7 * day)
		ok(t, alice.Upkeep(background, true))
		if n := len(pending(t, alice, sotto.ParcelKey)); n != 1 {
			t.Errorf("%d keys wait", n)
		}
	}
}

func TestOldKeysAndKeysOfClonesAreRefused(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	clone := bob.branch()
	first, second := bob.rotate(bob.keys), bob.rotate(bob.keys)
	clone.rotate(clone.keys)
	other := clone.rotate(clone.keys)
	for range 2 {
		wantWhy(t, receive(t, alice, second)[0], 0)
		wantWhy(t, receive(t, alice, first)[0], fault.Rollback)
		wantWhy(t, receive(t, alice, other)[0], fault.SenderReset)
		alice.Restart()
	}
}

// A device-key that tells of a log entry which is not here stops sending until that has come.
func TestAKeyFromAheadOfTheLogStopsSendingUntilTheLogCame(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	receive(t, alice, bob.rotate(bob.keys))
	sealText(t, alice, "bob", "before")
	delivered(t, alice)
	tablet, entry := bob.add()
	ahead := bob.rotate(bob.keys)
	events := receive(t, alice, ahead)
	wantWhy(t, events[0], fault.TooFarAhead)
	if n := events[0].Needs; len(n) != 1 || n[0].LogOf != "bob" || n[0].FromSeq != 1 {
		t.Errorf("needs %+v", n)
	}
	alice.Restart()
	c := alice.Conversation("bob")
	_, err := c.Seal(background, sotto.NewMessageID(), "", []byte("text"))
	wantFault(t, err, fault.TooFarAhead)
	if _, err := alice.Conversation("alice").Seal(background, sotto.NewMessageID(), "", []byte("note")); err != nil {
		t.Errorf("notes to self: %v", err)
	}
	wantWhy(t, receive(t, alice, entry)[0], 0)
	parcels := must(c.Seal(background, sotto.NewMessageID(), "", []byte("text")))
	if len(parcels) != 2 {
		t.Fatalf("%d parcels", len(parcels))
	}
	m := devicesOf(t, c)
	if !m[bob.keys.Record().ID()].HasKey || m[tablet.Record().ID()].HasKey {
		t.Errorf("devices %+v", m)
	}
	wantWhy(t, receive(t, alice, ahead)[0], 0)
}

// The log may come entry by entry; what turns out to be good for nothing then stops nothing any more.
func TestAKeyFromAheadWaitsForItsVeryEntry(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	_, one := bob.add()
	liar := bob.branch()
	_, two := bob.add()
	ahead := bob.rotate(bob.keys)
	wantWhy(t, receive(t, alice, ahead)[0], fault.TooFarAhead)
	c := alice.Conversation("bob")
	wantWhy(t, receive(t, alice, one)[0], 0)
	_, err := c.Seal(background, sotto.NewMessageID(), "", nil)
	wantFault(t, err, fault.TooFarAhead)
	wantWhy(t, receive(t, alice, two)[0], 0)
	if !devicesOf(t, c)[bob.keys.Record().ID()].HasKey {
		t.Error("the key does not count")
	}
	// A clone's key of the same generation names an entry that never comes, and then one that the log has.
	liar.rotate(liar.keys)
	_, three := bob.add()
	clone := bob.branch()
	clone.keys = liar.keys
	waits := must(clone.keys.Rotate(bob.log, nil, start))
	newer := bob.rotate(bob.keys)
	wantWhy(t, receive(t, alice, waits)[0], fault.TooFarAhead)
	wantWhy(t, receive(t, alice, three)[0], 0)
	for range 2 {
		if _, err := c.Seal(background, sotto.NewMessageID(), "", nil); err != nil {
			t.Error(err)
		}
		wantWhy(t, receive(t, alice, newer)[0], fault.SenderReset)
	}
}

// It stops sending as long as its device is one of the user's.
func TestAKeyFromAheadOfARevokedDeviceStopsNothing(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	tablet, _ := bob.add()
	must(alice.Trust(background, "bob", bob.entries))
	receive(t, alice, bob.rotate(bob.keys))
	liar := bob.branch()
	liar.add()
	wantWhy(t, receive(t, alice, liar.rotate(tablet))[0], fault.TooFarAhead)
	c := alice.Conversation("bob")
	_, err := c.Seal(background, sotto.NewMessageID(), "", []byte("text"))
	wantFault(t, err, fault.TooFarAhead)
	wantWhy(t, receive(t, alice, bob.revoke(tablet))[0], 0)
	if _, err := c.Seal(background, sotto.NewMessageID(), "", []byte("text")); err != nil {
		t.Error(err)
	}
}

func TestAStaleKeyIsShown(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	stale := func() bool { return devicesOf(t, alice.Conversation("bob"))[bob.Device()].Stale }
	if stale() {
		t.Error("a new key is stale")
	}
	alice.Network().Pass(31 * day)
	if !stale() {
		t.Error("a key of 31 days is not stale")
	}
}

// A key hangs on the record under which it was signed: a device with a new record has none until it published one.
func TestAKeyEndsWithItsRecord(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	receive(t, alice, bob.rotate(bob.keys))
	id := bob.keys.Record().ID()
	entry := bob.put(bob.log.Update(bob.keys, device.Classical, start.Add(time.Hour)))
	events := receive(t, alice, entry)
	if wantWhy(t, events[0], 0); len(events) != 1 {
		t.Errorf("events %+v", events)
	}
	if devicesOf(t, alice.Conversation("bob"))[id].HasKey {
		t.Error("the key of the old record counts")
	}
	sealText(t, alice, "bob", "left out, and repaired")
	receive(t, alice, bob.rotate(bob.keys))
	if n := len(pending(t, alice, sotto.ParcelEnvelope)); n != 1 {
		t.Errorf("%d envelopes", n)
	}
}
