package sotto_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/trust"
)

// withRecovery gives a user a recovery key.
func withRecovery(t testing.TB, p *sottotest.Peer) *recovery.Key {
	t.Helper()
	key := recovery.Generate()
	ok(t, p.SetRecovery(background, nil, key))
	p.Network().SyncAll()
	return key
}

// happened are what events tell of a user's identity.
func happened(events []sotto.Event, user string) []trust.Event {
	var all []trust.Event
	for _, e := range events {
		if e.Kind == sotto.KindIdentity && e.User == user {
			all = append(all, e.Happened)
		}
	}
	return all
}

func TestTheRecoveryKeyAloneLeadsBackIn(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := alice.Join()
	key := withRecovery(t, alice)
	n := alice.Network()
	phone := n.Recover("alice", key)
	phone.Meet(bob)
	got := n.SyncAll()
	if have := happened(got[bob], "alice"); !slices.Equal(have, []trust.Event{trust.Recovered}) {
		t.Errorf("bob sees %v", have)
	}
	var revoked []device.ID
	for _, e := range got[bob] {
		if e.Kind == sotto.KindDeviceRevoked {
			revoked = append(revoked, e.Device)
		}
	}
	if len(revoked) != 2 || !slices.Contains(revoked, alice.Device()) || !slices.Contains(revoked, tablet.Device()) {
		t.Errorf("bob sees the end of %v", revoked)
	}
	phone.Send("bob", "it is me")
	only(t, bob.Sync(), "it is me")
	bob.Send("alice", "is it you?")
	only(t, phone.Sync(), "is it you?")
	for _, gone := range []*sottotest.Peer{alice, tablet} {
		c := must(gone.Direct(background, must(gone.Contact(background, "bob"))))
		_, err := c.Seal(background, sotto.NewMessageID(), "", []byte("no"))
		wantFault(t, err, fault.RevokedDevice)
		if texts(gone.Sync()) != nil {
			t.Error("a device that is gone still reads")
		}
	}
}

// A thief with the tablet revokes the phone and adds a device. The owner has the phone and the recovery key.
func TestOneRecoveryUndoesWhatAThiefDid(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := alice.Join()
	key := withRecovery(t, alice)
	n := alice.Network()
	accomplice := tablet.Join()
	sealText(t, alice, "bob", "waits")
	must(tablet.Revoke(background, alice.Device()))
	tablet.Sync()
	bob.Sync()
	receive(t, alice, alice.Fetch()...)
	old := alice.Device()
	ok(t, alice.Recover(background, key, nil))
	if alice.Device() == old {
		t.Error("the same device")
	}
	got := n.SyncAll()
	only(t, got[bob], "waits")
	for _, p := range []*sottotest.Peer{tablet, accomplice} {
		c := p.Conversation("bob")
		_, err := c.Seal(background, sotto.NewMessageID(), "", []byte("no"))
		wantFault(t, err, fault.RevokedDevice)
	}
	alice.Send("bob", "back")
	only(t, bob.Sync(), "back")
	alice.Restart()
	bob.Send("alice", "good")
	only(t, alice.Sync(), "good")
}

// recoverIn makes a device of alice's with the recovery key.
func recoverIn(b store.Backend, log [][]byte, key *recovery.Key, o *sotto.Options) (*sotto.Account, error) {
	if o == nil {
		o = &sotto.Options{}
	}
	o.Now = func() time.Time { return start }
	return sotto.Recover(background, b, "alice", log, key, o, newSecret())
}

// wantUntouched holds that nothing was written to a store.
func wantUntouched(t *testing.T, b store.Backend) {
	t.Helper()
	if _, found := must2(store.Header(background, b)); found || len(must(b.Scan(background, nil, nil, 10))) != 0 {
		t.Error("something is in the store")
	}
}

func TestWhatOneCannotRecoverWithLeavesNothing(t *testing.T) {
	key := recovery.Generate()
	alice, bob, without := newPerson(t, "alice", key), newPerson(t, "bob", key), newPerson(t, "alice", nil)
	alice.add()
	damaged := slices.Clone(alice.entries)
	damaged[1] = slices.Clone(damaged[1])
	damaged[1][len(damaged[1])-1] ^= 1
	destroyed := recovery.Generate()
	destroyed.Destroy()
	for name, c := range map[string]struct {
		log  [][]byte
		key  *recovery.Key
		want fault.Code
	}{
		"another key":               {alice.entries, recovery.Generate(), fault.WrongSecret},
		"no key":                    {alice.entries, nil, fault.Misuse},
		"a destroyed key":           {alice.entries, destroyed, fault.DestroyedKey},
		"a log without a key":       {without.entries, key, fault.Misuse},
		"no log":                    {nil, key, fault.Malformed},
		"an entry that was altered": {damaged, key, fault.UntrustedSigner},
		"entries out of order":      {[][]byte{alice.entries[1], alice.entries[0]}, key, fault.TooFarAhead},
		"garbage":                   {[][]byte{{1}}, key, fault.Malformed},
		"the log of another user":   {bob.entries, key, fault.UntrustedSigner},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTap()
			b.before = func(call string) error {
				if call == "Commit" {
					t.Error("a commit")
				}
				return nil
			}
			a, err := recoverIn(b, c.log, c.key, nil)
			wantFault(t, err, c.want)
			if a != nil {
				t.Error("an account beside the error")
			}
			wantUntouched(t, b.Backend)
		})
	}
}

func TestARecoveryNeedsAnEmptyStore(t *testing.T) {
	key, b := recovery.Generate(), store.Memory()
	person := newPerson(t, "alice", key)
	must(sotto.Create(background, b, "alice", nil, newSecret()))
	before := must(b.Scan(background, nil, nil, 1<<20))
	_, err := recoverIn(b, person.entries, key, nil)
	wantFault(t, err, fault.Misuse)
	if !reflect.DeepEqual(before, must(b.Scan(background, nil, nil, 1<<20))) {
		t.Error("the store has changed")
	}
	for _, missing := range []func() (*sotto.Account, error){
		func() (*sotto.Account, error) {
			return sotto.Recover(background, nil, "alice", person.entries, key, nil, newSecret())
		},
		func() (*sotto.Account, error) {
			return sotto.Recover(background, store.Memory(), "alice", person.entries, key, nil)
		},
		func() (*sotto.Account, error) {
			o := &sotto.Options{Policy: session.Policy{MaxMessages: 1}}
			return sotto.Recover(background, store.Memory(), "alice", person.entries, key, o, newSecret())
		},
	} {
		a, err := missing()
		wantFault(t, err, fault.Misuse)
		if a != nil {
			t.Error("an account beside the error")
		}
	}
}

// A power cut leaves nothing, or a device whose entry is pending.
func TestAPowerCutAtRecoverLeavesNothingOrAnAccount(t *testing.T) {
	key := recovery.Generate()
	person := newPerson(t, "alice", key)
	for _, durable := range []bool{false, true} {
		made := 0
		for at := 1; ; at++ {
			b, secret, calls := newTap(), newSecret(), 0
			b.before = func(call string) error {
				switch calls++; {
				case calls < at:
					return nil
				case calls == at && durable && call == "Commit":
					return errDurable
				}
				return errPower
			}
			a, err := sotto.Recover(background, b, "alice", person.entries, key, nil, secret)
			down := calls >= at
			b.before = nil
			if down {
				wantFault(t, err, fault.StoreFailed)
				if _, found := must2(store.Header(background, b)); found {
					made++
					a, err = sotto.Unlock(background, b, nil, secret)
				} else {
					a, err = sotto.Recover(background, b, "alice", person.entries, key, nil, secret)
				}
			}
			ok(t, err)
			parcels := must(a.Pending(background))
			if len(parcels) != 1 || parcels[0].Kind != sotto.ParcelLog {
				t.Fatalf("call %d, durable %t: offers %v", at, durable, kinds(parcels))
			}
			l := must(device.Verify("alice", append(slices.Clone(person.entries), parcels[0].Data)))
			if active := l.Active(); len(active) != 1 || active[0].ID() != a.Device() {
				t.Errorf("call %d, durable %t: %d active devices", at, durable, len(active))
			}
			if !down {
				break
			}
		}
		if (made > 0) != durable {
			t.Errorf("durable %t: %d accounts", durable, made)
		}
	}
}

// What contacts see of a recovery: the same identity and conversation, another number, and who had compared decides anew.
func TestContactsSeeARecovery(t *testing.T) {
	for name, compared := range map[string]bool{"verified": true, "unverified": false} {
		t.Run(name, func(t *testing.T) {
			alice, bob := sottotest.Pair(t)
			key := withRecovery(t, alice)
			n := alice.Network()
			bob.Sync()
			if compared {
				verify(t, bob, "alice")
			}
			root, id, digits := contact(bob, "alice").Root(), bob.Conversation("alice").ID(), numberOf(t, bob, "alice").Digits()
			phone := n.Recover("alice", key)
			phone.Meet(bob)
			events := bob.Sync()
			if have := happened(events, "alice"); !slices.Equal(have, []trust.Event{trust.Recovered}) {
				t.Errorf("bob sees %v", have)
			}
			if compared {
				wantMark(t, bob, "alice", trust.WasVerified)
				wantBlocked(t, bob, "alice", fault.IdentityChanged)
				bob.Restart()
				wantBlocked(t, bob, "alice", fault.IdentityChanged)
				acknowledge(t, bob, "alice")
			}
			wantMark(t, bob, "alice", trust.Unverified)
			if contact(bob, "alice").Root() != root || bob.Conversation("alice").ID() != id || phone.Conversation("bob").ID() != id {
				t.Error("another identity, or another conversation")
			}
			if contact(phone, "alice").Root() != root {
				t.Error("the new device has another identity")
			}
			now := numberOf(t, bob, "alice").Digits()
			if now == digits || now != numberOf(t, phone, "bob").Digits() {
				t.Error("the numbers: the one of before, or not the same on both sides")
			}
			bob.Send("alice", "welcome back")
			only(t, phone.Sync(), "welcome back")
			sealText(t, alice, "bob", "from the device of before")
			late := data(must(alice.Pending(background)))
			for _, e := range receive(t, bob, late...) {
				if e.Kind == sotto.KindMessage {
					wantWhy(t, e, fault.RevokedDevice)
				}
			}
		})
	}
}

// The next key takes the place of one that somebody else may have seen: that one moves nobody any more.
func TestTheNextRecoveryKeyTakesThePlaceOfThePresentOne(t *testing.T) {
	present, next := recovery.Generate(), recovery.Generate()
	person := newPerson(t, "alice", present)
	bob := sottotest.NewNetwork(t).Create("bob")
	must(bob.Trust(background, "alice", person.entries))
	thief := newBranch(person, 1)
	b := store.Memory()
	alice := must(recoverIn(b, person.entries, present, &sotto.Options{Recovery: next}))
	entry := must(alice.Pending(background))[0].Data
	must(alice.Receive(background, entry))
	log := append(slices.Clone(person.entries), entry)
	wantWhy(t, receive(t, bob, entry)[0], 0)
	_, err := recoverIn(store.Memory(), log, present, nil)
	wantFault(t, err, fault.WrongSecret)
	wantFault(t, alice.Recover(background, present, nil), fault.WrongSecret)

	stolen := recovered(t, thief, present) // at the place of alice's entry
	events := receive(t, bob, stolen)
	if events[0].Why == 0 || has(events, sotto.KindDeviceAdded) {
		t.Errorf("the thief of the key that was replaced moves bob: %+v", events[0])
	}
	if have := must(contact(bob, "alice").Log(background)); len(have) != 2 || !slices.Equal(have[1], entry) {
		t.Error("bob holds another log")
	}
	second := must(recoverIn(store.Memory(), log, next, nil))
	again := must(second.Pending(background))[0].Data
	must(bob.Receive(background, again))
	if have := must(contact(bob, "alice").Log(background)); len(have) != 3 || !slices.Equal(have[2], again) {
		t.Error("the key in force does not count")
	}
}

// An app passes the same options always: the key in force is no other one.
func TestTheKeyInForceAsTheNextOneStaysInForce(t *testing.T) {
	key := recovery.Generate()
	person := newPerson(t, "alice", key)
	alice, err := recoverIn(store.Memory(), person.entries, key, &sotto.Options{Recovery: key})
	ok(t, err)
	entry := must(alice.Pending(background))[0].Data
	must(alice.Receive(background, entry))
	ok(t, must(device.Verify("alice", append(slices.Clone(person.entries), entry))).CheckRecovery(key))
	ok(t, alice.Recover(background, key, key))
}

// The entry loses its place to one of a device that is left: the new device is told, and signs again.
func TestARecoveryThatWasOvertakenIsSignedAgain(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	key := withRecovery(t, alice)
	b, secret := store.Memory(), newSecret()
	clock := &sotto.Options{Now: func() time.Time { return start }}
	log := must(contact(alice, "alice").Log(background))
	phone := must(sotto.Recover(background, b, "alice", log, key, clock, secret))
	id := phone.Device()
	wantFault(t, phone.Recover(background, key, nil), fault.Misuse) // it is pending
	first := must(phone.Pending(background))[0].Data

	ok(t, alice.Admit(background, must(device.Generate("alice", device.Classical, start)).Record().Bytes()))
	list(t, alice)
	log = must(contact(alice, "alice").Log(background))
	if events := must(phone.Receive(background, log...)); !has(events, sotto.KindOvertaken) {
		t.Errorf("events %+v", events)
	}
	if left := must(phone.Pending(background)); len(left) != 0 {
		t.Errorf("offers %v", kinds(left))
	}
	phone.Lock()
	phone = must(sotto.Unlock(background, b, clock, secret))
	ok(t, phone.Recover(background, key, nil))
	if phone.Device() != id { // it never was in a log, so it may be the same
		t.Error("another device")
	}
	entry := must(phone.Pending(background))[0].Data
	if slices.Equal(entry, first) {
		t.Error("the same entry")
	}
	events := must(phone.Receive(background, entry))
	if events[0].Why != 0 {
		t.Errorf("its own entry: %v", events[0].Why)
	}
	receive(t, bob, append(log, entry)...)
	l := must(device.Verify("alice", must(contact(bob, "alice").Log(background))))
	if active := l.Active(); len(active) != 1 || active[0].ID() != id {
		t.Errorf("%d devices are active", len(active))
	}
}

// A thief with a device signs beside the owner. Who saw both stops, until the recovery key decides: on either branch.
func TestARecoveryDecidesAForkThatAThiefMade(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	key := withRecovery(t, alice)
	bob.Sync()
	thief := alice.Join()
	settled(t, alice)
	ok(t, alice.Admit(background, must(device.Generate("alice", device.Classical, start)).Record().Bytes()))
	ok(t, thief.Admit(background, must(device.Generate("alice", device.Classical, start)).Record().Bytes()))
	ours, theirs := pending(t, alice, sotto.ParcelLog)[0].Data, pending(t, thief, sotto.ParcelLog)[0].Data
	receive(t, alice, ours)
	receive(t, bob, ours)
	wantWhy(t, receive(t, bob, theirs)[0], fault.LogFork)
	wantWhy(t, receive(t, alice, theirs)[0], fault.LogFork)
	wantBlocked(t, bob, "alice", fault.LogFork)
	_, err := alice.Revoke(background, thief.Device())
	wantFault(t, err, fault.LogFork)

	ok(t, alice.Recover(background, key, nil))
	entry := pending(t, alice, sotto.ParcelLog)[0].Data
	receive(t, alice, entry)
	if events := receive(t, bob, entry); events[0].Why != 0 || !has(events, sotto.KindDeviceRevoked) {
		t.Errorf("events %+v", events)
	}
	if must(alice.Report(background)).Forked || must(bob.Report(background)).Contacts[1].Forked {
		t.Error("the log still is forked")
	}
	acknowledge(t, bob, "alice")
	receive(t, bob, pending(t, alice, sotto.ParcelKey)[0].Data)
	_, parcels := sealText(t, bob, "alice", "decided")
	for _, p := range parcels {
		if len(p.To) != 1 || p.To[0] != alice.Device() {
			t.Errorf("goes to %v", p.To)
		}
	}
	only(t, receive(t, alice, data(parcels)...), "decided")
	wantWhy(t, receive(t, bob, theirs)[0], fault.Rollback)
}
