package sotto_test

import (
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// account makes one that is on no network, and what others need to know of it: its log and its device-key.
func account(t *testing.T, user string, o sotto.Options) (a *sotto.Account, public [][]byte) {
	t.Helper()
	o.Now = func() time.Time { return start }
	a = must(sotto.Create(background, store.Memory(), user, &o, newSecret()))
	return a, data(must(a.Pending(background)))
}

// meet lets an account know another one.
func meet(t *testing.T, a *sotto.Account, user string, public [][]byte) *sotto.Conversation {
	t.Helper()
	c := must(a.Trust(background, user, public[:1]))
	for _, e := range must(a.Receive(background, public[1:]...)) {
		wantWhy(t, e, 0)
	}
	return must(a.Direct(background, c))
}

// Accounts of suite 2 talk in suite 2; one of suite 1 takes the conversation down, and everybody sees it.
func TestTheSuiteIsThatOfTheWeakestDevice(t *testing.T) {
	for name, hybrid := range map[string][2]bool{
		"both": {true, true}, "the sender alone": {true, false}, "the receiver alone": {false, true}, "none": {},
	} {
		t.Run(name, func(t *testing.T) {
			want := device.Classical
			if hybrid[0] && hybrid[1] {
				want = device.Hybrid
			}
			alice, alicesPublic := account(t, "alice", sotto.Options{Hybrid: hybrid[0]})
			bob, bobsPublic := account(t, "bob", sotto.Options{Hybrid: hybrid[1]})
			with := meet(t, alice, "bob", bobsPublic)
			meet(t, bob, "alice", alicesPublic)
			for _, m := range must(with.Devices(background)) {
				if (m.Suite == device.Hybrid) != (m.User == "alice" && hybrid[0] || m.User == "bob" && hybrid[1]) {
					t.Errorf("device %+v", m)
				}
			}
			parcels := must(with.Seal(background, sotto.NewMessageID(), "", []byte("text")))
			events := must(bob.Receive(background, data(parcels)...))
			only(t, events, "text")
			for _, e := range append(events, must(bob.Unread(background))...) {
				if e.Suite != want {
					t.Errorf("event of kind %s in suite %v, want %v", e.Kind, e.Suite, want)
				}
			}
		})
	}
}

// Who requires suite 2 seals nothing that a device of suite 1 reads, neither to one nor in a group, and still reads.
func TestRequiredSuite2RefusesWeakerDevices(t *testing.T) {
	alice, alicesPublic := account(t, "alice", sotto.Options{Hybrid: true, RequireHybrid: true})
	bob, bobsPublic := account(t, "bob", sotto.Options{})
	carol, carolsPublic := account(t, "carol", sotto.Options{Hybrid: true})
	withBob, withCarol := meet(t, alice, "bob", bobsPublic), meet(t, alice, "carol", carolsPublic)
	withAlice := meet(t, bob, "alice", alicesPublic)
	meet(t, carol, "alice", alicesPublic)
	seal := func(c *sotto.Conversation) ([]sotto.Parcel, error) {
		return c.Seal(background, sotto.NewMessageID(), "", []byte("text"))
	}
	_, err := seal(withBob)
	wantFault(t, err, fault.UnsupportedVersion)
	only(t, must(carol.Receive(background, data(must(seal(withCarol)))...)), "text")
	only(t, must(alice.Receive(background, data(must(seal(withAlice)))...)), "text")
	_, err = seal(withBob) // on bob's session neither
	wantFault(t, err, fault.UnsupportedVersion)

	two := must(alice.CreateGroup(background, must(alice.Contact(background, "carol"))))
	parcels := must(seal(two.Conversation))
	in := data(parcels)
	for _, p := range must(alice.Pending(background)) {
		if p.Kind == sotto.ParcelGroup {
			in = append(in, p.Data)
		}
	}
	events := must(carol.Receive(background, in...))
	if have := texts(events); len(have) != 1 {
		t.Errorf("carol got %q, %v", have, reasons(events))
	}
	for _, e := range events {
		if e.Kind == sotto.KindMessage && e.Suite != device.Hybrid {
			t.Errorf("in suite %v", e.Suite)
		}
	}
	three := must(alice.CreateGroup(background, must(alice.Contact(background, "carol")), must(alice.Contact(background, "bob"))))
	_, err = seal(three.Conversation)
	wantFault(t, err, fault.UnsupportedVersion)
	ok(t, alice.Upkeep(background, true))
	for _, p := range must(alice.Pending(background)) {
		if p.Kind == sotto.ParcelEnvelope && len(p.To) > 1 {
			t.Error("a session of suite 1 is in the outbox")
		}
	}
}

// A group of mixed suites talks in suite 1, visibly.
func TestAGroupOfMixedSuitesIsSealedInSuite1(t *testing.T) {
	alice, _ := account(t, "alice", sotto.Options{Hybrid: true})
	_, bobsPublic := account(t, "bob", sotto.Options{})
	_, carolsPublic := account(t, "carol", sotto.Options{Hybrid: true})
	meet(t, alice, "bob", bobsPublic)
	meet(t, alice, "carol", carolsPublic)
	g := must(alice.CreateGroup(background, must(alice.Contact(background, "carol")), must(alice.Contact(background, "bob"))))
	hybrid := 0
	for _, m := range must(g.Devices(background)) {
		if m.Suite == device.Hybrid {
			hybrid++
		}
	}
	if hybrid != 2 {
		t.Errorf("%d devices of suite 2", hybrid)
	}
	parcels := must(g.Seal(background, sotto.NewMessageID(), "", []byte("text")))
	if k := kinds(parcels); len(k) != 2 {
		t.Errorf("parcels %v", k)
	}
}

// A device that joins may be of another suite than the first one, and takes its user's conversations with it.
func TestAWeakerOwnDeviceTakesTheUserDown(t *testing.T) {
	alice, alicesPublic := account(t, "alice", sotto.Options{Hybrid: true, RequireHybrid: true})
	now := func() time.Time { return start }
	root := must(alice.Contact(background, "alice")).Root()
	laptop := must(sotto.Join(background, store.Memory(), "alice", root, &sotto.Options{Now: now}, newSecret()))
	ok(t, alice.Admit(background, must(laptop.Record(background))))
	entry := data(must(alice.Pending(background)))[0]
	must(alice.Receive(background, entry))
	notes := must(alice.Direct(background, must(alice.Contact(background, "alice"))))
	_, err := notes.Seal(background, sotto.NewMessageID(), "", []byte("note"))
	wantFault(t, err, fault.UnsupportedVersion)
	must(laptop.Receive(background, alicesPublic[0], entry))
	notes = must(laptop.Direct(background, must(laptop.Contact(background, "alice"))))
	for _, m := range must(notes.Devices(background)) {
		if (m.Suite == device.Hybrid) != (m.Device == alice.Device()) {
			t.Errorf("device %+v", m)
		}
	}
	must(notes.Seal(background, sotto.NewMessageID(), "", []byte("note")))
}
