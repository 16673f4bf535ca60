package sotto_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/sottotest"
)

// place is where a message stands, by what everybody sees of it.
type place struct {
	kid     string // session prefix and chain
	counter int64
	iv      string
}

// places collects where messages stand and fails the test when two that differ stand at one.
type places map[place]string

func (p places) add(t *testing.T, parcels []sotto.Parcel) {
	t.Helper()
	for _, parcel := range parcels {
		if parcel.Kind != sotto.ParcelMessage {
			continue
		}
		at := placeOf(t, parcel.Data)
		if before, used := p[at]; used && before != string(parcel.Data) {
			t.Errorf("two messages at %x, %d", at.kid, at.counter)
		}
		p[at] = string(parcel.Data)
	}
}

// A phone that was put back to an earlier state: what it sends is read, no place comes twice, and it notices as soon as it
// sees the key that it published since.
func TestARestoredStoreIsNoticedAndSendsOn(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	all := places{}
	alice.Send("bob", "before the copy")
	only(t, bob.Sync(), "before the copy")
	backup := copyOf(t, alice.Backend)
	for range 5 {
		_, parcels := sealText(t, alice, "bob", "after the copy")
		all.add(t, parcels)
		alice.Flush()
		bob.Send("alice", "an answer")
		alice.Sync()
	}
	alice.Network().Pass(7 * day)
	alice.Network().SyncAll() // the messaging key is renewed
	alice.Send("bob", "in a new session")
	alice.Network().SyncAll()
	restore(t, alice, backup)
	for range 3 { // off line, before anything is noticed
		_, parcels := sealText(t, alice, "bob", "restored")
		all.add(t, parcels)
	}
	alice.Flush()
	if got := texts(bob.Sync()); !slices.Equal(got, []string{"restored", "restored", "restored"}) {
		t.Errorf("bob got %q", got)
	}
	events := receive(t, alice, alice.Fetch()...)
	if !has(events, sotto.KindRestored) {
		t.Fatalf("not noticed: %+v", events)
	}
	for _, e := range events {
		if e.Kind == sotto.KindRestored && (e.User != "alice" || e.Device != alice.Device() || e.Why != fault.SenderReset) {
			t.Errorf("event %+v", e)
		}
	}
	alice.Flush()
	alice.Network().SyncAll()
	_, parcels := sealText(t, alice, "bob", "healed")
	if parcels[0].Kind != sotto.ParcelEnvelope {
		t.Error("goes on in a session from before")
	}
	all.add(t, parcels)
	alice.Flush()
	if got := texts(bob.Sync()); !slices.Equal(got, []string{"healed"}) {
		t.Errorf("bob got %q", got)
	}
	bob.Send("alice", "to the new key")
	if got := asked(t, alice, bob); !slices.Contains(got, "to the new key") {
		t.Errorf("alice got %q", got)
	}
	if has(alice.Sync(), sotto.KindRestored) {
		t.Error("noticed twice")
	}
}

// The own log grew since, and so the restored device renewed its key before it saw the one that it had published.
func TestARestoredStoreIsNoticedAlthoughItsLogGrew(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	backup := copyOf(t, alice.Backend)
	alice.Network().Pass(8 * day)
	alice.Sync()
	alice.Join()
	restore(t, alice, backup)
	events := receive(t, alice, alice.Fetch()...)
	if !has(events, sotto.KindRestored) {
		t.Errorf("not noticed: %+v", events)
	}
	alice.Network().SyncAll()
	bob.Send("alice", "to a key that alice has")
	if got := asked(t, alice, bob); !slices.Contains(got, "to a key that alice has") {
		t.Errorf("alice got %q", got)
	}
}

// The key that was published since is far above the one in the copy: the next one goes above it, or nobody would take it.
func TestARestoredDeviceGoesOnAboveWhatItPublished(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	backup := copyOf(t, alice.Backend)
	for range 3 {
		alice.Network().Pass(7 * day)
		alice.Sync()
	}
	shown := published(t, alice)
	restore(t, alice, backup)
	if events := receive(t, alice, shown); !has(events, sotto.KindRestored) {
		t.Fatalf("not noticed: %+v", events)
	}
	if r := must(alice.Report(background)); r.Key != 4 {
		t.Errorf("generation %d, want 4", r.Key)
	}
	wantWhy(t, receive(t, bob, shown, pending(t, alice, sotto.ParcelKey)[0].Data)[1], 0)
}

// The key that was published since names a log entry that the copy does not have: nothing is sent until it is here.
func TestARestoredDeviceWaitsForItsOwnLog(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	backup := copyOf(t, alice.Backend)
	alice.Join()
	alice.Network().Pass(7 * day)
	alice.Sync()
	shown := published(t, alice)
	log := must(must(alice.Contact(background, "alice")).Log(background))
	restore(t, alice, backup)
	e := receive(t, alice, shown)[0]
	wantWhy(t, e, fault.TooFarAhead)
	if len(e.Needs) != 1 || e.Needs[0].LogOf != "alice" || e.Needs[0].FromSeq != 1 {
		t.Errorf("needs %+v", e.Needs)
	}
	alice.Restart()
	_, err := alice.Conversation("bob").Seal(background, sotto.NewMessageID(), "", nil)
	wantFault(t, err, fault.TooFarAhead)
	if events := receive(t, alice, log[1:]...); !has(events, sotto.KindRestored) {
		t.Errorf("not noticed: %+v", events)
	}
	sealText(t, alice, "bob", "healed")
}

// A server that shows an old key of this device makes it do nothing: not the one that was kept last, nor one that was wiped.
func TestAnOldOwnKeyIsNoRestore(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	old := [][]byte{published(t, alice)}
	for range 4 {
		for range 7 {
			alice.Network().Pass(day)
			alice.Sync()
		}
		old = append(old, published(t, alice))
	}
	r := must(alice.Report(background))
	if int(r.Key) != len(old)-1 || r.KeysKept >= len(old) {
		t.Fatalf("generation %d, %d are kept", r.Key, r.KeysKept)
	}
	before := generation(t, alice.Backend)
	for _, e := range receive(t, alice, old...) {
		if wantWhy(t, e, 0); e.Kind != sotto.KindKey {
			t.Errorf("event %+v", e)
		}
	}
	if generation(t, alice.Backend) != before {
		t.Error("something was written")
	}
}

// A message that the device sealed and does not know comes back through another device's queue, or a server.
func TestAnOwnMessageFromAnUnknownTimeShowsARestore(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	alice.Send("bob", "first")
	bob.Sync()
	backup := copyOf(t, alice.Backend)
	_, parcels := sealText(t, alice, "bob", "after the copy")
	if events := receive(t, alice, parcels[0].Data); has(events, sotto.KindRestored) || events[0].Why != fault.Replayed {
		t.Errorf("a message that is known: %+v", events)
	}
	restore(t, alice, backup)
	events := receive(t, alice, parcels[0].Data)
	if !has(events, sotto.KindRestored) {
		t.Errorf("not noticed: %+v", events)
	}
	_, parcels = sealText(t, alice, "bob", "new session")
	if parcels[0].Kind != sotto.ParcelEnvelope {
		t.Error("goes on in a session from before")
	}
}

// Two phones with one store: each draws chains of its own, so both are read.
func TestAClonedStoreSendsReadably(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	alice.Send("bob", "before")
	bob.Sync()
	all := places{}
	clone := *alice
	clone.Account, clone.Backend = nil, copyOf(t, alice.Backend)
	clone.Restart()
	for range 3 {
		for _, p := range []*sottotest.Peer{alice, &clone} {
			_, parcels := sealText(t, p, "bob", "text")
			all.add(t, parcels)
			p.Flush()
		}
	}
	if got := texts(bob.Sync()); len(got) != 6 {
		t.Errorf("bob got %q", got)
	}
	// When both renew their keys, the peer sees two of one generation.
	alice.Network().Pass(7 * day)
	for i, p := range []*sottotest.Peer{alice, &clone} {
		ok(t, p.Upkeep(background, true))
		keys := pending(t, p, sotto.ParcelKey)
		wantWhy(t, receive(t, bob, keys[0].Data)[0], []fault.Code{0, fault.SenderReset}[i])
	}
}

// A peer that is put back asks again for what it lost, and gets what the other still has.
func TestAPeerThatWasPutBackReadsOn(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	backup := copyOf(t, bob.Backend)
	alice.Send("bob", "session and message")
	only(t, bob.Sync(), "session and message")
	restore(t, bob, backup)
	_, parcels := sealText(t, alice, "bob", "in the session that bob lost")
	e := receive(t, bob, data(parcels)...)[0]
	wantWhy(t, e, fault.UnknownSession)
	delivered(t, alice)
	only(t, withSequel(receive(t, bob, answer(t, alice, e, 0)...), 1), "in the session that bob lost")
}

// asked are the messages that a peer gets, with those that it has to ask the other for: he may still use a session that was
// lost with the state.
func asked(t *testing.T, p, other *sottotest.Peer) []string {
	t.Helper()
	events := p.Sync()
	for _, e := range events {
		for _, need := range e.Needs {
			if need.Request != nil {
				wantWhy(t, receive(t, other, need.Request)[0], 0)
				other.Flush()
				events = append(events, receive(t, p, p.Fetch()...)...)
			}
		}
	}
	return texts(events)
}
