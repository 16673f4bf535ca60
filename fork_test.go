package sotto_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
)

// forked is an account that trusts bob, and holds one branch of his log; the other branch is the result, too.
func forked(t *testing.T, r *recovery.Key) (alice *sottotest.Peer, held, other *person) {
	t.Helper()
	alice = sottotest.NewNetwork(t).Create("alice")
	held = newPerson(t, "bob", r)
	must(alice.Trust(background, "bob", held.entries))
	receive(t, alice, held.rotate(held.keys))
	other = held.branch()
	_, entry := held.add()
	receive(t, alice, entry)
	other.add()
	return alice, held, other
}

// afterFork is what must hold while a contact's log has forked.
func afterFork(t *testing.T, alice *sottotest.Peer, held *person, in []byte) {
	t.Helper()
	c := alice.Conversation("bob")
	for range 2 {
		_, err := c.Seal(background, sotto.NewMessageID(), "", []byte("text"))
		wantFault(t, err, fault.LogFork)
		if r := must(alice.Report(background)); !r.Contacts[1].Forked || r.Forked {
			t.Errorf("the report says %+v", r)
		}
		if _, err := alice.Conversation("alice").Seal(background, sotto.NewMessageID(), "", []byte("note")); err != nil {
			t.Errorf("notes to self: %v", err)
		}
		if events := receive(t, alice, in); texts(events) == nil {
			t.Errorf("a message of the branch that is held is refused: %v", reasons(events))
		}
		alice.Restart()
		c = alice.Conversation("bob")
	}
}

func TestAForkOfAContactsLogStopsSendingToHimAndNothingElse(t *testing.T) {
	for name, show := range map[string]func(t *testing.T, alice *sottotest.Peer, other *person){
		"by Receive": func(t *testing.T, alice *sottotest.Peer, other *person) {
			events := receive(t, alice, other.entries...)
			wantWhy(t, events[0], 0)
			wantWhy(t, events[1], fault.LogFork)
		},
		"by Trust": func(t *testing.T, alice *sottotest.Peer, other *person) {
			_, err := alice.Trust(background, "bob", other.entries)
			wantFault(t, err, fault.LogFork)
		},
	} {
		t.Run(name, func(t *testing.T) {
			alice, held, other := forked(t, nil)
			s, envelope := held.begin(held.keys, see(t, alice), start)
			receive(t, alice, envelope)
			sealText(t, alice, "bob", "before the fork")
			show(t, alice, other)
			afterFork(t, alice, held, held.write(held.keys, s, "text"))
			log := must(must(alice.Contact(background, "bob")).Log(background))
			if len(log) != 2 || sum(log[1]) != sum(held.entries[1]) {
				t.Error("another log is held")
			}
		})
	}
}

// A claim that there is another entry is never a fork.
func TestAClaimOfAnotherEntryIsNoFork(t *testing.T) {
	alice, _, other := forked(t, nil)
	_, envelope := other.begin(other.keys, see(t, alice), start)
	e := receive(t, alice, envelope)[0]
	wantWhy(t, e, fault.UntrustedSigner)
	if len(e.Needs) != 1 || e.Needs[0].LogOf != "bob" || e.Needs[0].FromSeq != 1 {
		t.Errorf("needs %+v", e.Needs)
	}
	sealText(t, alice, "bob", "no fork")
	wantWhy(t, receive(t, alice, other.entries[1])[0], fault.LogFork) // what was needed shows it
}

// recovered ends all devices of a branch with the recovery key; a new device is the only one.
func recovered(t *testing.T, p *person, r *recovery.Key) (entry []byte) {
	t.Helper()
	k := must(device.Generate(p.user, device.Classical, start))
	entry = must(p.log.Recover(k, r, nil, start))
	p.entries = append(p.entries, entry)
	p.keys = k
	p.settle(k)
	return entry
}

func TestARecoveryDecidesAFork(t *testing.T) {
	for name, branch := range map[string]func(held, other *person) *person{
		"for the branch that is held": func(held, _ *person) *person { return held },
		"for the other branch":        func(_, other *person) *person { return other },
	} {
		t.Run(name, func(t *testing.T) {
			r := recovery.Generate()
			alice, held, other := forked(t, r)
			receive(t, alice, other.entries[1])
			winner := branch(held, other)
			recovered(t, winner, r)
			events := receive(t, alice, winner.entries[1:]...)
			if !has(events, sotto.KindDeviceRevoked) || !has(events, sotto.KindDeviceAdded) {
				t.Errorf("events %+v", events)
			}
			alice.Restart()
			receive(t, alice, winner.rotate(winner.keys))
			wantBlocked(t, alice, "bob", fault.IdentityChanged)
			acknowledge(t, alice, "bob")
			_, parcels := sealText(t, alice, "bob", "decided")
			if len(parcels) != 2 || len(parcels[1].To) != 1 || parcels[1].To[0] != winner.keys.Record().ID() {
				t.Errorf("parcels %+v", parcels)
			}
			log := must(must(alice.Contact(background, "bob")).Log(background))
			if len(log) != 3 || sum(log[2]) != sum(winner.entries[2]) {
				t.Errorf("a log of %d entries", len(log))
			}
			s, envelope := winner.begin(winner.keys, see(t, alice), start)
			only(t, receive(t, alice, envelope, winner.write(winner.keys, s, "from the new device")), "from the new device")
		})
	}
}

// The branch that wins may be the shorter one: nothing of the other is left.
func TestAShorterBranchMayWin(t *testing.T) {
	r := recovery.Generate()
	alice, held, _ := forked(t, r)
	winner := newBranch(held, 1)
	for range 3 {
		_, entry := held.add()
		receive(t, alice, entry)
	}
	recovered(t, winner, r)
	receive(t, alice, winner.entries...)
	alice.Restart()
	log := must(must(alice.Contact(background, "bob")).Log(background))
	if len(log) != 2 || sum(log[1]) != sum(winner.entries[1]) {
		t.Errorf("a log of %d entries", len(log))
	}
	_, entry := winner.add()
	wantWhy(t, receive(t, alice, entry)[0], 0)
	alice.Restart()
	if n := len(must(must(alice.Contact(background, "bob")).Log(background))); n != 3 {
		t.Errorf("a log of %d entries", n)
	}
}

// newBranch is a person with the first n entries of another.
func newBranch(p *person, n int) *person {
	p.t.Helper()
	b := &person{t: p.t, user: p.user, entries: slices.Clone(p.entries[:n])}
	b.log = must(device.Verify(p.user, b.entries))
	return b
}

// A log that goes over to another branch takes nothing with it: what names the lost branch is gone, and nothing breaks.
func TestSessionsOfALostBranchDisturbNothing(t *testing.T) {
	r := recovery.Generate()
	alice, held, other := forked(t, r)
	s, envelope := held.begin(held.keys, see(t, alice), start)
	only(t, receive(t, alice, envelope, held.write(held.keys, s, "text")), "text")
	_, parcels := sealText(t, alice, "bob", "waits for the lost branch")
	recovered(t, other, r)
	receive(t, alice, other.entries[1:]...)
	receive(t, alice, other.rotate(other.keys))
	for range 2 {
		for _, in := range [][]byte{held.write(held.keys, s, "late"), parcels[len(parcels)-1].Data, envelope} {
			events, err := alice.Receive(background, in)
			if err != nil {
				t.Fatal(err)
			}
			if events[0].Why == 0 {
				t.Errorf("used: %+v", events[0])
			}
		}
		ok(t, alice.Upkeep(background, true))
		sealText(t, alice, "bob", "to the new device")
		sealText(t, alice, "alice", "note")
		alice.Restart()
	}
	if c := must(alice.Report(background)).Contacts[1]; len(c.Sessions) != 1 {
		t.Errorf("%d sessions are open", len(c.Sessions))
	}
}

func TestAForkOfTheOwnLogStopsSending(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	receive(t, alice, bob.rotate(bob.keys))

	// A second device of alice's signs for the place at which the phone has another entry.
	own := must(must(alice.Contact(background, "alice")).Log(background))
	thief := &person{t: t, user: "alice", keys: must(device.Generate("alice", device.Classical, start)), entries: own}
	ok(t, alice.Admit(background, thief.keys.Record().Bytes()))
	thief.entries = append(thief.entries, pending(t, alice, sotto.ParcelLog)[0].Data)
	receive(t, alice, thief.entries[1])
	thief.log = must(device.Verify("alice", thief.entries))
	next := must(device.Generate("alice", device.Classical, start))
	ok(t, alice.Admit(background, next.Record().Bytes()))
	receive(t, alice, pending(t, alice, sotto.ParcelLog)[0].Data)
	s, envelope := bob.begin(bob.keys, see(t, alice), start)
	receive(t, alice, envelope)

	_, other := thief.add()
	wantWhy(t, receive(t, alice, other)[0], fault.LogFork)
	for range 2 {
		for _, to := range []string{"bob", "alice"} {
			_, err := alice.Conversation(to).Seal(background, sotto.NewMessageID(), "", []byte("text"))
			wantFault(t, err, fault.LogFork)
		}
		_, err := alice.Revoke(background, thief.keys.Record().ID())
		wantFault(t, err, fault.LogFork)
		if !must(alice.Report(background)).Forked {
			t.Error("the report says nothing")
		}
		only(t, receive(t, alice, bob.write(bob.keys, s, "still read")), "still read")
		ok(t, alice.Upkeep(background, true))
		alice.Restart()
	}
}

// A recovery ends every device, this one, too: it says so and writes no more.
func TestARecoveryOfTheOwnLogEndsThisDevice(t *testing.T) {
	r, b, key := recovery.Generate(), store.Memory(), newSecret()
	clock := &sotto.Options{Now: func() time.Time { return start }, Recovery: r}
	alice := must(sotto.Create(background, b, "alice", clock, key))
	me := must(alice.Contact(background, "alice"))
	keys := must(device.Generate("alice", device.Classical, start))
	thief := &person{t: t, user: "alice", keys: keys, entries: must(me.Log(background))}
	thief.log = must(device.Verify("alice", thief.entries))
	recovered(t, thief, r)
	events := must(alice.Receive(background, thief.entries[1]))
	if !has(events, sotto.KindDeviceRevoked) || events[0].Why != 0 {
		t.Errorf("events %+v", events)
	}
	_, err := must(alice.Direct(background, me)).Seal(background, sotto.NewMessageID(), "", []byte("note"))
	wantFault(t, err, fault.RevokedDevice)
	wantFault(t, alice.Admit(background, must(alice.Record(background))), fault.RevokedDevice)
	ok(t, alice.Upkeep(background, true))
	if must(alice.Report(background)).Active {
		t.Error("the report says that it is active")
	}
}

func TestAnotherRootIsAnotherIdentity(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob, mallory := newPerson(t, "bob", nil), newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	receive(t, alice, bob.rotate(bob.keys))
	_, err := alice.Trust(background, "bob", mallory.entries)
	wantFault(t, err, fault.IdentityChanged)
	wantWhy(t, receive(t, alice, mallory.entries[0])[0], fault.IdentityChanged)
	// An envelope that only claims another root is of nobody who is known: anybody could have sealed it.
	_, envelope := mallory.begin(mallory.keys, see(t, alice), start)
	wantWhy(t, receive(t, alice, envelope)[0], fault.UntrustedSigner)
	wantBlocked(t, alice, "bob", fault.IdentityChanged)
	acknowledge(t, alice, "bob") // the one who is pinned, not the one whom the server showed
	sealText(t, alice, "bob", "to the one who is pinned")
	if c := must(alice.Contact(background, "bob")); c.Root() != bob.log.Pin().Root {
		t.Error("the pin moved")
	}
	_, entry := bob.add()
	receive(t, alice, entry)
	_, err = alice.Trust(background, "bob", bob.entries[:1])
	wantFault(t, err, fault.Rollback)
	wantBlocked(t, alice, "bob", fault.Rollback)
}

// wantBlocked holds that nothing is sealed to a contact.
func wantBlocked(t *testing.T, p *sottotest.Peer, user string, why fault.Code) {
	t.Helper()
	c := must(p.Direct(background, must(p.Contact(background, user))))
	_, err := c.Seal(background, sotto.NewMessageID(), "", []byte("blocked"))
	wantFault(t, err, why)
}

// acknowledge says that the user goes on with a contact as pinned.
func acknowledge(t *testing.T, p *sottotest.Peer, user string) {
	t.Helper()
	c := must(p.Contact(background, user))
	s := must(c.Standing(background))
	must(c.Acknowledge(background, s, s.Pin))
}

// Two devices sign for one place; the server takes one.
func TestAnEntryThatWasOvertakenIsTold(t *testing.T) {
	phone := sottotest.NewNetwork(t).Create("alice")
	laptop := phone.Join()
	third := must(device.Generate("alice", device.Classical, start))
	fourth := must(device.Generate("alice", device.Classical, start))
	ok(t, phone.Admit(background, third.Record().Bytes()))
	ok(t, laptop.Admit(background, fourth.Record().Bytes()))
	phone.Flush()
	events := receive(t, laptop, laptop.Fetch()...)
	if !has(events, sotto.KindOvertaken) || !has(events, sotto.KindDeviceAdded) {
		t.Errorf("events %+v", events)
	}
	if left := pending(t, laptop, sotto.ParcelLog); len(left) != 0 {
		t.Error("still offered")
	}
	if has(receive(t, phone, phone.Fetch()...), sotto.KindOvertaken) {
		t.Error("the first one was overtaken")
	}
	ok(t, laptop.Admit(background, fourth.Record().Bytes()))
	phone.Network().SyncAll()
	for _, p := range []*sottotest.Peer{phone, laptop} {
		if n := len(devicesOf(t, p.Conversation("alice"))); n != 4 {
			t.Errorf("%s sees %d devices", p, n)
		}
	}
}
