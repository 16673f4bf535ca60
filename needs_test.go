package sotto_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
)

// A question that got lost is asked again.
func TestWhatIsNeededCanBeAskedForAgain(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	if needs := must(alice.Needs(background)); len(needs) != 0 {
		t.Errorf("needs %+v", needs)
	}
	bob := newPerson(t, "bob", nil)
	root := slices.Clone(bob.entries)
	must(alice.Trust(background, "bob", root))
	of := see(t, alice)
	s, envelope := bob.begin(bob.keys, of, start)
	_, entry := bob.add()
	ahead, envelopeAhead := bob.begin(bob.keys, of, start)
	one := bob.write(bob.keys, s, "one")
	receive(t, alice, one, bob.write(bob.keys, s, "two"), bob.write(bob.keys, ahead, "ahead"), envelopeAhead)
	before := generation(t, alice.Backend)
	for range 2 {
		needs := must(alice.Needs(background))
		// A log, two sessions, and the device-keys of bob's devices, of which none is here.
		if len(needs) != 4 || needs[0].LogOf != "bob" || needs[0].FromSeq != 1 || needs[3].KeysOf != "bob" {
			t.Fatalf("needs %+v", needs)
		}
		if r := must(session.ReadRequest(needs[1].Request, of.log, nil)); r.Session != s.ID().Prefix() || r.User != "alice" {
			t.Errorf("asks for %s", r.Session)
		}
		if needs[0].For != sum(envelopeAhead) || needs[1].For != sum(one) {
			t.Error("for another input")
		}
		alice.Restart()
	}
	if generation(t, alice.Backend) != before {
		t.Error("asking what is needed wrote something")
	}
	if have := texts(receive(t, alice, envelope, entry)); len(have) != 3 {
		t.Errorf("messages %q", have)
	}
	if needs := must(alice.Needs(background)); len(needs) != 1 || needs[0].KeysOf != "bob" {
		t.Errorf("still needs %+v", needs)
	}
}

// What keeps this device from writing to a contact, or leaves a device out, is needed, too.
func TestWhatStopsSendingIsNeeded(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	receive(t, alice, bob.rotate(bob.keys))
	newer := bob.rotate(bob.keys)
	s, envelope := bob.begin(bob.keys, see(t, alice), start)
	receive(t, alice, envelope, bob.write(bob.keys, s, "text"))
	alice.Restart()
	if needs := must(alice.Needs(background)); len(needs) != 1 || needs[0].KeysOf != "bob" {
		t.Errorf("needs %+v", needs)
	}
	receive(t, alice, newer)
	if needs := must(alice.Needs(background)); len(needs) != 0 {
		t.Errorf("still needs %+v", needs)
	}
	_, entry := bob.add()
	receive(t, alice, bob.rotate(bob.keys))
	alice.Restart()
	if needs := must(alice.Needs(background)); len(needs) != 1 || needs[0].LogOf != "bob" || needs[0].FromSeq != 1 {
		t.Errorf("needs %+v", needs)
	}
	receive(t, alice, entry) // and with it a device whose key is not here
	if needs := must(alice.Needs(background)); len(needs) != 1 || needs[0].KeysOf != "bob" {
		t.Errorf("still needs %+v", needs)
	}
}
