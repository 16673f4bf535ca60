package sotto_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
)

// gone reports whether a device is revoked in the log of its user that the network has.
func gone(t *testing.T, p *sottotest.Peer, id device.ID) bool {
	t.Helper()
	l := must(device.Verify(p.User(), must(contact(p, p.User()).Log(background))))
	r, active := l.Device(id)
	return r != nil && !active
}

// One entry at a time is signed; the next one follows by itself, whatever is closed in between.
func TestTwoRevocationsAtOnceBothComeToBe(t *testing.T) {
	for name, between := range map[string]func(p *sottotest.Peer){
		"in one go": func(*sottotest.Peer) {}, "over restarts": func(p *sottotest.Peer) { p.Restart() },
	} {
		t.Run(name, func(t *testing.T) {
			alice, _ := sottotest.Pair(t)
			tablet, laptop := alice.Join(), alice.Join()
			settled(t, alice)
			for _, p := range []*sottotest.Peer{tablet, laptop} {
				if r := must(alice.Revoke(background, p.Device())); r.Done() || r.Listed {
					t.Errorf("revocation %+v", r)
				}
				between(alice)
			}
			for _, p := range []*sottotest.Peer{tablet, laptop} {
				if n := len(pending(t, alice, sotto.ParcelLog)); n != 1 {
					t.Fatalf("%d entries at once", n)
				}
				list(t, alice)
				if !gone(t, alice, p.Device()) {
					t.Errorf("%v is a device still", p)
				}
				between(alice)
			}
			for _, p := range []*sottotest.Peer{tablet, laptop} {
				if r := must(alice.Revoke(background, p.Device())); !r.Done() {
					t.Errorf("revocation %+v", r)
				}
			}
			list(t, alice)
			if n := len(pending(t, alice, sotto.ParcelLog)); n != 0 {
				t.Errorf("%d more entries", n)
			}
		})
	}
}

// What waits behind another entry of this device is signed when that has settled, or has lost its place.
func TestARevocationWaitsBehindAnotherEntry(t *testing.T) {
	for name, lost := range map[string]bool{"that settles": false, "that loses its place": true} {
		t.Run(name, func(t *testing.T) {
			alice, _ := sottotest.Pair(t)
			tablet, laptop := alice.Join(), alice.Join()
			settled(t, alice)
			ok(t, alice.Admit(background, must(device.Generate("alice", device.Classical, start)).Record().Bytes()))
			first := pending(t, alice, sotto.ParcelLog)[0]
			must(alice.Revoke(background, tablet.Device()))
			if all := pending(t, alice, sotto.ParcelLog); len(all) != 1 || all[0].ID != first.ID {
				t.Fatal("another entry is offered for the same place")
			}
			if lost {
				ok(t, laptop.Admit(background, must(device.Generate("alice", device.Classical, start)).Record().Bytes()))
				laptop.Flush()
			}
			alice.Restart()
			list(t, alice)
			next := pending(t, alice, sotto.ParcelLog)
			if len(next) != 1 || next[0].ID == first.ID {
				t.Fatalf("%d entries follow", len(next))
			}
			list(t, alice)
			if r := must(alice.Revoke(background, tablet.Device())); !r.Done() {
				t.Errorf("revocation %+v", r)
			}
		})
	}
}

// The place in the log goes to another device's entry: the revocation is signed again, without a word from the app.
func TestARevocationThatLosesItsPlaceIsSignedAgain(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	tablet, laptop := alice.Join(), alice.Join()
	settled(t, alice)
	must(alice.Revoke(background, tablet.Device()))
	first := pending(t, alice, sotto.ParcelLog)[0]
	for range 2 { // and again
		ok(t, laptop.Admit(background, must(device.Generate("alice", device.Classical, start)).Record().Bytes()))
		list(t, laptop)
		alice.Restart()
		if events := receive(t, alice, alice.Fetch()...); !has(events, sotto.KindOvertaken) {
			t.Error("nobody tells that it lost its place")
		}
		next := pending(t, alice, sotto.ParcelLog)
		if len(next) != 1 || next[0].ID == first.ID {
			t.Fatalf("%d entries are offered", len(next))
		}
		first = next[0]
	}
	list(t, alice)
	if r := must(alice.Revoke(background, tablet.Device())); !r.Done() {
		t.Errorf("revocation %+v", r)
	}
	if n := len(pending(t, alice, sotto.ParcelLog)); n != 0 {
		t.Errorf("%d more entries", n)
	}
}

// Two devices revoke a third one at once: it is revoked once, and neither signs another entry for that.
func TestWhatAnotherDeviceRevokedIsNoDutyAnyMore(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	tablet, laptop := alice.Join(), alice.Join()
	settled(t, alice)
	must(alice.Revoke(background, tablet.Device()))
	must(laptop.Revoke(background, tablet.Device()))
	list(t, laptop)
	list(t, alice)
	for _, p := range []*sottotest.Peer{alice, laptop} {
		if !gone(t, p, tablet.Device()) || len(pending(t, p, sotto.ParcelLog)) != 0 {
			t.Errorf("%v: revoked %t, offers %d entries", p, gone(t, p, tablet.Device()), len(pending(t, p, sotto.ParcelLog)))
		}
		if r := must(p.Revoke(background, tablet.Device())); !r.Done() {
			t.Errorf("%v: %+v", p, r)
		}
	}
}

// A device that was revoked meanwhile does not do what it had decided to, and is not kept from anything else by that.
func TestWhoIsRevokedRevokesNobodyLater(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet, laptop := alice.Join(), alice.Join()
	settled(t, alice)
	must(tablet.Revoke(background, laptop.Device()))
	revoked(t, alice, tablet.Device())
	tablet.Flush()
	bob.Send("alice", "while that happens")
	events := receive(t, tablet, tablet.Fetch()...)
	if !has(events, sotto.KindDeviceRevoked) || !has(events, sotto.KindOvertaken) {
		t.Errorf("events %+v", events)
	}
	for range 2 {
		ok(t, tablet.Upkeep(background, true))
		if n := len(pending(t, tablet, sotto.ParcelLog)); n != 0 {
			t.Errorf("a revoked device offers %d entries", n)
		}
		tablet.Restart()
	}
	settled(t, alice)
	if gone(t, alice, laptop.Device()) {
		t.Error("the laptop is gone")
	}
}

// What one process has decided another one goes on with.
func TestARevocationIsAMatterOfTheStore(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	tablet, laptop := alice.Join(), alice.Join()
	settled(t, alice)
	other := twin(t, alice)
	must(alice.Revoke(background, tablet.Device()))
	must(other.Revoke(background, laptop.Device()))
	if a, b := pending(t, alice, sotto.ParcelLog), pending(t, other, sotto.ParcelLog); len(a) != 1 || len(b) != 1 || a[0].ID != b[0].ID {
		t.Fatal("the processes offer different entries")
	}
	list(t, other)
	list(t, alice)
	for _, id := range []device.ID{tablet.Device(), laptop.Device()} {
		if r := must(alice.Revoke(background, id)); !r.Done() {
			t.Errorf("revocation %+v", r)
		}
		if r := must(other.Revoke(background, id)); !r.Done() {
			t.Errorf("in the other process: %+v", r)
		}
	}
}

// A thief has the tablet, and whatever date he likes: what counts is the order of the log.
func TestWhatARevokedDeviceSignsIsRefusedWhateverItsDate(t *testing.T) {
	bob, c := joined(t)
	alice, carol := c.persons["alice"], c.persons["carol"]
	tablet, entry := alice.add()
	receive(t, bob, entry, must(tablet.Rotate(alice.log, nil, start)))
	theirs, envelope := alice.begin(tablet, see(t, bob), start)
	only(t, receive(t, bob, envelope, alice.write(tablet, theirs, "while it is alice's")), "while it is alice's")
	before := alice.branch() // what the tablet knows
	groupsBefore := c.state()
	at := groupsBefore.Epoch()
	inGroup, groupEnvelope := c.sealed(tablet, c.tip())
	only(t, receive(t, bob, groupEnvelope, alice.write(tablet, inGroup, "in the group")), "in the group")

	receive(t, bob, alice.revoke(tablet))
	past := start.Add(-100 * day)
	accomplice := must(device.Generate("alice", device.Classical, past))
	forged := addedBy(t, tablet, alice.log, accomplice.Record(), past)
	wantWhy(t, receive(t, bob, forged)[0], fault.RevokedDevice)
	s, again := before.begin(tablet, see(t, bob), past)
	late := [][]byte{
		before.write(tablet, theirs, "backdated"), again, before.write(tablet, s, "in a new session"),
		before.write(tablet, inGroup, "in the group, backdated"),
		must(tablet.Rotate(before.log, nil, past)),
	}
	tablets := &circle{t: t, id: c.id, chain: c.chain, persons: map[string]*person{"alice": before, "carol": carol}, others: c.others}
	entries := must(tablets.state().Propose(tablet, before.log, past, group.Remove("carol")))
	late = append(late, entries...)
	for range 2 {
		for _, e := range receive(t, bob, late...) {
			if e.Kind == sotto.KindMessage && e.Why == 0 || e.Kind == sotto.KindMembers || e.Kind == sotto.KindDeviceAdded {
				t.Errorf("used: %+v", e)
			}
		}
		for _, e := range receive(t, bob, late[0], late[3]) {
			wantWhy(t, e, fault.RevokedDevice)
		}
		if have := stateOf(t, bob, c); have.Epoch != at || len(have.Members) != 3 {
			t.Errorf("the group moved: %+v", have)
		}
		bob.Restart()
	}
	if _, has := devicesOf(t, bob.Conversation("alice"))[accomplice.Record().ID()]; has {
		t.Error("the accomplice is a device of alice's")
	}
}

// addedBy is a log entry by which a device takes in another one, whether the log lets it or not.
func addedBy(t *testing.T, k *device.Keys, l *device.Log, r *device.Record, at time.Time) []byte {
	t.Helper()
	state := must(k.ExportSecretState())
	reader := wire.NewReader(state)
	reader.Array("state", 7)
	reader.Text("label", 64)
	reader.Bytes("record", device.MaxRecord)
	key := ed25519.NewKeyFromSeed(reader.Bytes("seed", ed25519.SeedSize))
	ok(t, reader.Err())
	cert, record := k.Record().Cert(), r.Bytes()
	pin := l.Pin()
	payload := must(wire.Marshal(struct {
		User     string      `cbor:"1,keyasint"`
		Seq      uint64      `cbor:"2,keyasint"`
		Prev     device.Hash `cbor:"3,keyasint"`
		Op       uint64      `cbor:"4,keyasint"`
		Arg      *[]byte     `cbor:"5,keyasint"`
		Issued   uint64      `cbor:"6,keyasint"`
		Recovery *[]byte     `cbor:"7,keyasint"`
	}{l.User(), pin.Seq + 1, pin.Head, 1, &record, uint64(at.Unix()), nil}))
	aad := wire.AppendText(wire.AppendHead(nil, wire.MajorArray, 2), wire.LabelDeviceLog)
	place := cose.Context{Type: wire.LabelDeviceLog, AAD: wire.AppendText(aad, l.User())}
	return must(must(cose.NewSigner(key, cert[:])).Sign1(nil, payload, place))
}

// The forged entry of the test above is a right one when a device that is active signs it.
func TestAnEntryThatIsSignedByHandIsRight(t *testing.T) {
	bob, c := joined(t)
	alice := c.persons["alice"]
	next := must(device.Generate("alice", device.Classical, start))
	if events := receive(t, bob, addedBy(t, alice.keys, alice.log, next.Record(), start)); !has(events, sotto.KindDeviceAdded) {
		t.Errorf("events %+v", events)
	}
}

// What it signs beside the entry that revoked it is evidence against it: nobody comes in by that, and people decide.
func TestAnEntryBesideARevocationIsAForkAndBringsNobodyIn(t *testing.T) {
	alice, bob := met(t)
	tablet, entry := bob.add()
	receive(t, alice, entry)
	before := bob.branch()
	receive(t, alice, bob.revoke(tablet))
	past := start.Add(-100 * day)
	accomplice := must(device.Generate("bob", device.Classical, past))
	events := receive(t, alice, must(before.log.Add(tablet, accomplice.Record(), past)))
	wantWhy(t, events[0], fault.LogFork)
	if has(events, sotto.KindDeviceAdded) {
		t.Error("a device was added")
	}
	wantBlocked(t, alice, "bob", fault.LogFork)
	acknowledge(t, alice, "bob")
	for id := range devicesOf(t, alice.Conversation("bob")) {
		if id == tablet.Record().ID() || id == accomplice.Record().ID() {
			t.Error("a device of the thief's is one of bob's")
		}
	}
}

// putDuty puts a duty into the store of a locked account, as docs/spec/account.md has it.
func putDuty(t *testing.T, b store.Backend, s *lockbox.Secret, id device.ID, kind uint64, from, until time.Time) {
	t.Helper()
	rewrite(t, b, s, func(tx *store.Tx) error {
		_, err := queue.Queue{Room: "device/duty"}.Put(tx, sum(id[:]), must(wire.Marshal(struct {
			Device device.ID `cbor:"1,keyasint"`
			Kind   uint64    `cbor:"2,keyasint"`
			From   uint64    `cbor:"3,keyasint"`
			Until  uint64    `cbor:"4,keyasint"`
		}{id, kind, uint64(from.Unix()), uint64(until.Unix())})))
		return err
	})
}

// Duties that an app left behind when it ended: what is due is done as soon as the account is in use again, and nothing else.
func TestDutiesOutliveTheApp(t *testing.T) {
	const link, revoke, share = 1, 2, 3
	minute := time.Minute
	for name, c := range map[string]struct {
		kind        uint64
		known       bool // the device came into the log
		forked      bool // which has forked since
		from, until time.Duration
		due         bool
	}{
		"a revocation":                           {revoke, true, false, 0, 0, true},
		"a revocation in a log that has forked":  {revoke, true, true, 0, 0, false},
		"a revocation of nobody":                 {revoke, false, false, 0, 0, false},
		"a link that is under way":               {link, true, false, -minute, minute, false},
		"a link that has just begun":             {link, true, false, 0, minute, false},
		"a link that is over":                    {link, true, false, -minute, 0, true},
		"a link that was over an hour ago":       {link, true, false, -65 * minute, -60 * minute, true},
		"a link that was over a day ago":         {link, true, false, -25 * time.Hour, -24 * time.Hour, false},
		"a link from before the clock was wrong": {link, true, false, minute, 2 * minute, true},
		"a link of nobody that is over":          {link, false, false, -minute, 0, false},
		"a share":                                {share, true, false, 0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			b, secret := store.Memory(), newSecret()
			clock := &sotto.Options{Now: func() time.Time { return start }}
			alice := must(sotto.Create(background, b, "alice", clock, secret))
			tablet := must(device.Generate("alice", device.Classical, start))
			if c.known {
				must(alice.Receive(background, must(alice.Pending(background))[0].Data))
				ok(t, alice.Admit(background, tablet.Record().Bytes()))
				must(alice.Receive(background, must(alice.Pending(background))[0].Data))
			}
			if c.forked {
				own := &person{t: t, user: "alice", keys: tablet, entries: must(must(alice.Contact(background, "alice")).Log(background))}
				own.log = must(device.Verify("alice", own.entries))
				other := own.branch()
				for _, branch := range []*person{own, other} {
					_, entry := branch.add()
					must(alice.Receive(background, entry))
				}
			}
			var key [][]byte // the server's copy
			for _, p := range must(alice.Pending(background)) {
				if p.Kind == sotto.ParcelKey {
					key = append(key, p.Data)
				}
				ok(t, alice.Delivered(background, p))
			}
			alice.Lock()
			putDuty(t, b, secret, tablet.Record().ID(), c.kind, start.Add(c.from), start.Add(c.until))
			alice = must(sotto.Unlock(background, b, clock, secret))
			ok(t, alice.Upkeep(background, true))
			if n := len(must(alice.Pending(background))); n != 0 {
				t.Errorf("%d parcels before the server has shown anything", n) // it may have more of the log than this store
			}
			for range 2 { // and only once
				must(alice.Receive(background, key...))
				ok(t, alice.Upkeep(background, true))
				var entries [][]byte
				for _, p := range must(alice.Pending(background)) {
					if p.Kind == sotto.ParcelLog {
						entries = append(entries, p.Data)
					}
				}
				if (len(entries) == 1) != c.due || len(entries) > 1 {
					t.Fatalf("%d entries", len(entries))
				}
				if !c.due {
					continue
				}
				of, err := device.RevokeClaim(entries[0])
				if err != nil || of != tablet.Record().Cert() {
					t.Errorf("it revokes another device: %v", err)
				}
			}
		})
	}
}
