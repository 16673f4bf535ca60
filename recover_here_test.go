package sotto_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/trust"
)

// The device goes on as a new one. What it knows it keeps.
func TestARecoveryInPlaceKeepsWhatTheDeviceKnows(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	key := withRecovery(t, alice)
	verify(t, alice, "bob")
	alice.Send("bob", "hello")
	bob.Sync()
	bob.Send("alice", "unread")
	receive(t, alice, alice.Fetch()...)
	_, late := sealText(t, bob, "alice", "from before, and late")
	delivered(t, bob)
	id, conversation := alice.Device(), alice.Conversation("bob").ID()
	root := contact(alice, "alice").Root()
	ok(t, alice.Recover(background, key, nil))
	fresh := alice.Device()
	if fresh == id {
		t.Fatal("the same device")
	}
	for range 2 {
		if alice.Device() != fresh || alice.Conversation("bob").ID() != conversation || contact(alice, "alice").Root() != root {
			t.Error("another device, conversation or identity")
		}
		wantMark(t, alice, "bob", trust.Verified)
		if have := texts(must(alice.Unread(background))); !slices.Equal(have, []string{"unread"}) {
			t.Errorf("unread %q", have)
		}
		c := alice.Conversation("bob")
		_, err := c.Seal(background, sotto.NewMessageID(), "", []byte("too early"))
		wantFault(t, err, fault.Misuse)
		wantFault(t, alice.Recover(background, key, nil), fault.Misuse)
		wantFault(t, alice.Admit(background, must(alice.Record(background))), fault.Misuse)
		alice.Restart()
	}
	list(t, alice)
	events := receive(t, alice, late[len(late)-1].Data)
	only(t, events, "from before, and late")
	alice.Flush()
	bob.Sync()
	for from, to := range map[*sottotest.Peer]*sottotest.Peer{alice: bob, bob: alice} {
		from.Send(to.User(), "goes on")
		if have := texts(to.Sync()); !slices.Contains(have, "goes on") {
			t.Errorf("%v reads %q", to, have)
		}
	}
	r := must(alice.Report(background))
	if !r.Active || r.Device != fresh.String() || r.Contacts[0].Devices != 1 {
		t.Errorf("report %+v", r)
	}
}

// Messages that wait go out once, as soon as the device is one: not before, not as the device of before, and each to
// everybody.
func TestMessagesThatWaitAreSealedAgainAfterARecovery(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet, laptop := bob.Join(), alice.Join()
	key := withRecovery(t, alice)
	settled(t, alice)
	want := map[sotto.MessageID]string{}
	for _, text := range []string{"one", "two"} {
		id, _ := sealText(t, alice, "bob", text)
		want[id] = text
	}
	got, _ := sealText(t, alice, "bob", "the tablet has it")
	want[got] = "the tablet has it"
	first := pending(t, alice, sotto.ParcelMessage)
	envelopes := pending(t, alice, sotto.ParcelEnvelope)
	receive(t, tablet, data(envelopes)...)
	only(t, receive(t, tablet, first[2].Data), "the tablet has it")
	ok(t, tablet.Ack(background, must(tablet.Unread(background))...))
	ok(t, alice.DeliveredTo(background, first[2], []device.ID{tablet.Device()}))
	sealText(t, alice, "alice", "a note for the laptop")

	ok(t, alice.Recover(background, key, nil))
	for range 2 {
		if waits := pending(t, alice, sotto.ParcelMessage); len(waits) != 0 {
			t.Errorf("%d messages of the device of before go out", len(waits))
		}
		ok(t, alice.Upkeep(background, true))
		alice.Restart()
	}
	list(t, alice)
	ok(t, alice.Upkeep(background, true))
	again := pending(t, alice, sotto.ParcelMessage)
	if len(again) != 3 {
		t.Errorf("%d messages go out", len(again))
	}
	for _, p := range again {
		if slices.ContainsFunc(first, func(old sotto.Parcel) bool { return old.ID == p.ID }) {
			t.Error("the bytes of before")
		}
		if slices.Contains(p.To, laptop.Device()) {
			t.Error("a message goes to a device that is gone")
		}
	}
	alice.Flush()
	have := map[*sottotest.Peer]map[sotto.MessageID]int{bob: {}, tablet: {}}
	for range 2 {
		for p, of := range have {
			for _, e := range p.Sync() {
				if e.Kind != sotto.KindMessage {
					continue
				}
				if e.Why != 0 || e.Device != alice.Device() || want[e.Message] != string(e.Body) {
					t.Errorf("%v: %+v", p, e)
				}
				of[e.Message]++
			}
		}
		alice.Sync()
	}
	for id, text := range want {
		if have[bob][id] != 1 {
			t.Errorf("bob gets %q %d times", text, have[bob][id])
		}
		times := 1
		if id == got {
			times = 0 // it has been given out, and is not sent there again
		}
		if n := have[tablet][id]; n != times {
			t.Errorf("the tablet gets %q %d times", text, n)
		}
	}
	if left := must(alice.Pending(background)); len(left) != 0 {
		t.Errorf("%v wait for ever", kinds(left))
	}
}

func TestARecoveryInPlaceMayHappenAgain(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	key := withRecovery(t, alice)
	ids := map[device.ID]bool{alice.Device(): true}
	root := contact(bob, "alice").Root()
	for range 3 {
		next := recovery.Generate()
		ok(t, alice.Recover(background, key, next))
		list(t, alice)
		wantFault(t, alice.Recover(background, key, nil), fault.WrongSecret)
		key = next
		if ids[alice.Device()] {
			t.Error("a device of before")
		}
		ids[alice.Device()] = true
		alice.Flush()
		bob.Sync()
		alice.Restart()
		alice.Send("bob", "still me")
		if have := texts(bob.Sync()); !slices.Equal(have, []string{"still me"}) {
			t.Errorf("bob reads %q", have)
		}
		bob.Send("alice", "still you")
		if have := texts(alice.Sync()); !slices.Equal(have, []string{"still you"}) {
			t.Errorf("alice reads %q", have)
		}
	}
	if l := contact(bob, "alice"); l.Root() != root || len(must(l.Log(background))) != 5 {
		t.Error("another identity, or another log")
	}
}

func TestAWrongRecoveryKeyChangesNothing(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	wantFault(t, alice.Recover(background, recovery.Generate(), nil), fault.Misuse) // there is none in the log
	key := withRecovery(t, alice)
	sealText(t, alice, "bob", "waits")
	before, id, parcels := copyOf(t, alice.Backend), alice.Device(), must(alice.Pending(background))
	destroyed := recovery.Generate()
	destroyed.Destroy()
	for name, c := range map[string]struct {
		present, next *recovery.Key
		want          fault.Code
	}{
		"another key": {recovery.Generate(), nil, fault.WrongSecret}, "none": {nil, recovery.Generate(), fault.Misuse},
		"a destroyed one": {destroyed, nil, fault.DestroyedKey}, "a destroyed next one": {key, destroyed, fault.DestroyedKey},
	} {
		wantFaultOf(t, name, alice.Recover(background, c.present, c.next), c.want)
	}
	sameStore(t, before, alice.Backend)
	if alice.Device() != id || len(must(alice.Pending(background))) != len(parcels) {
		t.Error("another device, or another outbox")
	}
	sealText(t, alice, "bob", "goes on")
}

// A device that waits for its admission, and an account that is locked, cannot recover.
func TestWhoHasNoLogRecoversNothing(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	key := withRecovery(t, alice)
	next := must(sotto.Join(background, newTap(), "alice", contact(alice, "alice").Root(), nil, newSecret()))
	wantFault(t, next.Recover(background, key, nil), fault.Misuse)
	wantFault(t, next.SetRecovery(background, key, recovery.Generate()), fault.Misuse)
}

// What this device had signed and the server has not taken goes with the device of before. If it comes first after all,
// the recovery is signed again.
func TestARecoveryInPlaceComesBeforeWhatWasPending(t *testing.T) {
	for name, first := range map[string]bool{"the recovery comes first": false, "the other entry comes first": true} {
		t.Run(name, func(t *testing.T) {
			alice, bob := sottotest.Pair(t)
			key := withRecovery(t, alice)
			bob.Sync()
			other := must(device.Generate("alice", device.Classical, start))
			ok(t, alice.Admit(background, other.Record().Bytes()))
			before, id := pending(t, alice, sotto.ParcelLog)[0].Data, alice.Device()
			ok(t, alice.Recover(background, key, nil))
			entry := pending(t, alice, sotto.ParcelLog)[0].Data
			if bytes.Equal(before, entry) {
				t.Fatal("the same entry")
			}
			if first {
				if !has(receive(t, alice, before), sotto.KindOvertaken) {
					t.Error("nobody tells that it lost its place")
				}
				receive(t, bob, before)
				if alice.Device() != id {
					t.Error("it is not what it was")
				}
				sealText(t, alice, "bob", "still alice's")
				ok(t, alice.Recover(background, key, nil))
				if alice.Device() == id {
					t.Error("the same device")
				}
				entry = pending(t, alice, sotto.ParcelLog)[0].Data
			}
			receive(t, alice, entry)
			wantWhy(t, receive(t, bob, entry)[0], 0)
			l := must(device.Verify("alice", must(contact(bob, "alice").Log(background))))
			if active := l.Active(); len(active) != 1 || active[0].ID() != alice.Device() {
				t.Errorf("%d devices", len(active))
			}
		})
	}
}

// The other process goes on with the new device, whatever it does first.
func TestAnotherProcessSeesTheNewDevice(t *testing.T) {
	for name, do := range map[string]func(t *testing.T, p *sottotest.Peer){
		"Seal": func(t *testing.T, p *sottotest.Peer) { sealText(t, p, "bob", "text") },
		"Receive": func(t *testing.T, p *sottotest.Peer) {
			for _, e := range receive(t, p, p.Fetch()...) {
				wantWhy(t, e, 0)
			}
		},
		"Upkeep": func(t *testing.T, p *sottotest.Peer) { ok(t, p.Upkeep(background, true)) },
		"Upkeep after a week": func(t *testing.T, p *sottotest.Peer) {
			p.Network().Pass(8 * day)
			ok(t, p.Upkeep(background, true))
		},
		"Pending": func(t *testing.T, p *sottotest.Peer) { must(p.Pending(background)) },
		"Report": func(t *testing.T, p *sottotest.Peer) {
			if r := must(p.Report(background)); r.Device != p.Device().String() || !r.Active {
				t.Errorf("report %+v of device %v", r, p.Device())
			}
		},
		"Devices":       func(t *testing.T, p *sottotest.Peer) { devicesOf(t, p.Conversation("bob")) },
		"RecoveryCheck": func(t *testing.T, p *sottotest.Peer) { must(p.RecoveryCheck(background, sotto.Have{})) },
		"Revoke": func(t *testing.T, p *sottotest.Peer) {
			_, err := p.Revoke(background, device.ID{1})
			wantFault(t, err, fault.Misuse)
		},
	} {
		t.Run(name, func(t *testing.T) {
			alice, bob := sottotest.Pair(t)
			key := withRecovery(t, alice)
			alice.Send("bob", "hello")
			settled(t, alice)
			other := twin(t, alice)
			sealText(t, other, "alice", "so that the keys are at hand")
			ok(t, alice.Recover(background, key, nil))
			list(t, alice)
			alice.Flush()
			bob.Sync()
			bob.Send("alice", "from bob")
			do(t, other)
			if r := must(other.Report(background)); r.Device != alice.Device().String() || !r.Active {
				t.Errorf("report %+v", r)
			}
			if other.Device() != alice.Device() {
				t.Error("the other process is another device")
			}
			if r := must(other.RecoveryCheck(background, sotto.Have{})); len(r.Devices) != 0 {
				t.Errorf("other devices: %v", r.Devices)
			}
			_, parcels := sealText(t, other, "bob", "from the other process")
			for _, p := range parcels {
				if len(p.To) != 1 || p.To[0] != bob.Device() {
					t.Errorf("goes to %v", p.To)
				}
			}
			other.Flush()
			bob.Sync()
			bob.Send("alice", "good")
			if have := texts(other.Sync()); !slices.Contains(have, "good") {
				t.Errorf("the other process reads %q", have)
			}
		})
	}
}

// A change of a group that waited was signed by a device that is none any more: nobody would take it.
func TestAChangeOfAGroupThatWaitsDoesNotStopTheGroup(t *testing.T) {
	all := people(t, "alice", "bob", "carol")
	alice, bob, carol := all[0], all[1], all[2]
	key := withRecovery(t, alice)
	settled(t, alice)
	g := alice.NewGroup(bob).ID()
	settled(t, alice)
	ok(t, in(t, alice, g).Add(background, contact(alice, "carol")))
	ok(t, alice.Recover(background, key, nil))
	list(t, alice)
	settled(t, alice)
	for range 2 {
		settled(t, alice)
		alice.Say(g, "from alice")
		if have := texts(bob.Sync()); !slices.Contains(have, "from alice") {
			t.Errorf("bob reads %q", have)
		}
		bob.Say(g, "from bob")
		if have := texts(alice.Sync()); !slices.Contains(have, "from bob") {
			t.Errorf("alice reads %q", have)
		}
	}
	if err := in(t, alice, g).Add(background, contact(alice, "carol")); err != nil && fault.Of(err) != fault.Misuse {
		t.Error(err)
	}
	settled(t, alice)
	if s := must(in(t, bob, g).State(background)); len(s.Members) != 3 || s.Pending != 0 {
		t.Errorf("bob sees %+v", s)
	}
	bob.Say(g, "to carol")
	if have := texts(carol.Sync()); !slices.Contains(have, "to carol") {
		t.Errorf("carol reads %q", have)
	}
}

func TestARecoveryKeyIsSetOnce(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	first, second, third := recovery.Generate(), recovery.Generate(), recovery.Generate()
	wantFault(t, alice.SetRecovery(background, nil, nil), fault.Misuse)
	wantFault(t, alice.SetRecovery(background, second, first), fault.Misuse) // there is none that could be replaced
	ok(t, alice.SetRecovery(background, nil, first))
	wantFault(t, alice.SetRecovery(background, nil, second), fault.Misuse) // it is pending
	wantFault(t, alice.Recover(background, second, nil), fault.Misuse)     // and not in force
	list(t, alice)
	for name, c := range map[string]struct {
		present, next *recovery.Key
		want          fault.Code
	}{
		"by a device":                {nil, second, fault.UntrustedSigner},
		"by another key":             {third, second, fault.WrongSecret},
		"by the next key":            {second, second, fault.WrongSecret},
		"no next key":                {first, nil, fault.Misuse},
		"a key that is in force":     {first, first, fault.Misuse},
		"by a device, the same once": {nil, first, fault.UntrustedSigner},
	} {
		wantFaultOf(t, name, alice.SetRecovery(background, c.present, c.next), c.want)
		if n := len(pending(t, alice, sotto.ParcelLog)); n != 0 {
			t.Fatalf("%s: %d entries", name, n)
		}
	}
	ok(t, alice.SetRecovery(background, first, second))
	list(t, alice)
	wantFault(t, alice.SetRecovery(background, first, third), fault.WrongSecret)
	wantFault(t, alice.SetRecovery(background, second, first), fault.Misuse) // it was one before
	alice.Restart()
	bob.Sync()
	l := must(device.Verify("alice", must(contact(bob, "alice").Log(background))))
	wantFault(t, l.CheckRecovery(first), fault.WrongSecret)
	ok(t, l.CheckRecovery(second))
	wantMark(t, bob, "alice", trust.Unverified)
	ok(t, alice.Recover(background, second, third))
}

func TestNoRecoveryKeyIsSetInALogThatHasForked(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	own := &person{t: t, user: "alice", keys: must(device.Generate("alice", device.Classical, start))}
	ok(t, alice.Admit(background, own.keys.Record().Bytes()))
	list(t, alice)
	own.entries = must(contact(alice, "alice").Log(background))
	own.log = must(device.Verify("alice", own.entries))
	other := own.branch()
	_, entry := own.add()
	receive(t, alice, entry)
	_, entry = other.add()
	receive(t, alice, entry)
	wantFault(t, alice.SetRecovery(background, nil, recovery.Generate()), fault.LogFork)
}

// Notes and messages of groups that wait are no other than those to a contact.
func TestWhatWaitsInGroupsAndNotesIsSealedAgainAfterARecovery(t *testing.T) {
	all := people(t, "alice", "bob", "carol")
	alice, laptop := all[0], all[0].Join()
	key := withRecovery(t, alice)
	g := alice.NewGroup(all[1], all[2]).ID()
	settled(t, alice)
	must(in(t, alice, g).Seal(background, sotto.NewMessageID(), "text/plain", []byte("to the group")))
	sealText(t, alice, "alice", "a note")
	ok(t, alice.Recover(background, key, nil))
	list(t, alice)
	ok(t, alice.Upkeep(background, true))
	have := map[*sottotest.Peer][]string{}
	for range 3 {
		for p, events := range alice.Network().SyncAll() {
			have[p] = append(have[p], texts(events)...)
		}
	}
	for _, p := range all[1:] {
		if !slices.Equal(have[p], []string{"to the group"}) {
			t.Errorf("%v reads %q", p, have[p])
		}
	}
	if len(have[laptop]) != 0 {
		t.Errorf("a device that is gone reads %q", have[laptop])
	}
	if left := must(alice.Pending(background)); len(left) != 0 {
		t.Errorf("%v wait for ever", kinds(left))
	}
	tablet := alice.Join()
	sealText(t, alice, "alice", "for the tablet")
	alice.Flush()
	if got := texts(tablet.Sync()); !slices.Equal(got, []string{"for the tablet"}) {
		t.Errorf("the tablet reads %q", got)
	}
}

// A group that no server and no member has heard of goes on with the new device, too.
func TestAGroupThatWasJustMadeGoesOnAfterARecovery(t *testing.T) {
	all := people(t, "alice", "bob")
	alice, bob := all[0], all[1]
	key := withRecovery(t, alice)
	settled(t, alice)
	g := must(alice.CreateGroup(background, contact(alice, "bob"))).ID()
	ok(t, alice.Recover(background, key, nil))
	list(t, alice)
	settled(t, alice)
	alice.Say(g, "from alice")
	if have := texts(bob.Sync()); !slices.Contains(have, "from alice") {
		t.Errorf("bob reads %q", have)
	}
	bob.Say(g, "from bob")
	if have := texts(alice.Sync()); !slices.Contains(have, "from bob") {
		t.Errorf("alice reads %q", have)
	}
}

// The change of a group that is withdrawn is told, so that the user makes it again.
func TestAChangeThatARecoveryWithdrawsIsTold(t *testing.T) {
	all := people(t, "alice", "bob", "carol")
	alice := all[0]
	key := withRecovery(t, alice)
	g := alice.NewGroup(all[1]).ID()
	settled(t, alice)
	ok(t, in(t, alice, g).Add(background, contact(alice, "carol")))
	ok(t, alice.Recover(background, key, nil))
	for range 2 {
		told := 0
		for _, e := range must(alice.Unread(background)) {
			if e.Kind == sotto.KindOvertaken && e.Conversation == g {
				told++
			}
		}
		if told != 1 || len(pending(t, alice, sotto.ParcelGroup)) != 0 {
			t.Errorf("told %d times, %d entries wait", told, len(pending(t, alice, sotto.ParcelGroup)))
		}
		alice.Restart()
	}
}

// What was decided about devices is done by the recovery: it ends them all.
func TestARecoveryDoesWhatRevocationsWaitFor(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	tablet, laptop := alice.Join(), alice.Join()
	key := withRecovery(t, alice)
	settled(t, alice)
	for _, p := range []*sottotest.Peer{tablet, laptop} {
		must(alice.Revoke(background, p.Device()))
	}
	first := alice.Device()
	ok(t, alice.Recover(background, key, nil))
	for range 2 {
		list(t, alice)
		ok(t, alice.Upkeep(background, true))
		if n := len(pending(t, alice, sotto.ParcelLog)); n != 0 {
			t.Errorf("%d more entries", n)
		}
		for _, id := range []device.ID{tablet.Device(), laptop.Device(), first} {
			if r := must(alice.Revoke(background, id)); !r.Listed || !r.Done() {
				t.Errorf("%v: %+v", id, r)
			}
		}
	}
}
