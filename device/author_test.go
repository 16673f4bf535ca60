package device_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/recovery"
)

// Everything that a user's devices ever sign, and what a contact who was there from the start makes of it.
func TestAWholeLife(t *testing.T) {
	phone, laptop := generate(t, alice, device.Classical), generate(t, alice, device.Classical)
	tablet := generate(t, alice, device.Hybrid)
	first, second, third := recoveryKey(t, 1), recoveryKey(t, 2), recoveryKey(t, 3)
	h := found(t, phone, nil)
	contact := h.log
	check := func(active ...*device.Keys) {
		t.Helper()
		if elsewhere := verify(t, alice, h.entries...); elsewhere.Pin() != h.log.Pin() {
			t.Fatal("the log is another one for who verifies it anew")
		}
		var err error
		if contact, err = contact.Extend(h.entries); err != nil || contact.Pin() != h.log.Pin() {
			t.Fatalf("the contact does not follow: %v", err)
		}
		records := h.log.Active()
		if len(records) != len(active) {
			t.Fatalf("%d devices are active, want %d", len(records), len(active))
		}
		for i, k := range active {
			if records[i].Cert() != k.Record().Cert() {
				t.Errorf("device %d signs under another record than the active one", i)
			}
		}
	}
	check(phone)
	h.add(phone, laptop)
	check(phone, laptop)
	h.update(laptop, device.Hybrid)
	check(phone, laptop)
	if laptop.Record().Suite() != device.Hybrid || h.log.Active()[1].Suite() != device.Hybrid {
		t.Error("the laptop is not hybrid")
	}
	h.add(laptop, tablet)
	h.revoke(laptop, phone)
	check(laptop, tablet)
	if h.log.HasRecovery() {
		t.Error("a recovery key out of nowhere")
	}
	entry, err := h.log.SetRecovery(tablet, nil, first, start)
	h.take(tablet, entry, err)
	entry, err = h.log.SetRecovery(laptop, first, second, start)
	h.take(laptop, entry, err)
	check(laptop, tablet)
	if !h.log.HasRecovery() {
		t.Error("no recovery key")
	}
	newPhone, newest := generate(t, alice, device.Hybrid), generate(t, alice, device.Hybrid)
	h.recover(second, newPhone, third)
	check(newPhone)
	h.recover(third, newest, nil)
	check(newest)
	h.revoke(newest, newest)
	check()
	again := generate(t, alice, device.Hybrid)
	h.recover(third, again, nil)
	check(again)
}

func TestPendingEntryIsTheSameAfterEveryRestart(t *testing.T) {
	k := generate(t, alice, device.Classical)
	h := found(t, k, nil)
	entry, err := h.log.Add(k, generate(t, alice, device.Classical).Record(), start)
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(entry)
	clear(entry) // the caller's
	for range 3 {
		got := k.Pending()
		if !bytes.Equal(got, want) {
			t.Fatal("another entry is pending")
		}
		clear(got)
		k = restored(t, state(t, k))
	}
}

func TestEveryPendingEntryIsReadBack(t *testing.T) {
	k, r := generate(t, alice, device.Classical), recoveryKey(t, 1)
	h := found(t, k, r)
	for name := range authoring(t, h, k, r) {
		t.Run(name, func(t *testing.T) {
			k, h := restored(t, state(t, k)), h
			switch name {
			case "Found", "Recover": // by a new device
				k = generate(t, alice, device.Classical)
			case "SetRecovery by a device": // where none was ever set
				k = generate(t, alice, device.Classical)
				h = found(t, k, nil)
			}
			entry := mustSign(t)(authoring(t, h, k, r)[name]())
			if again := restored(t, state(t, k)); !bytes.Equal(again.Pending(), entry) {
				t.Error("another entry is pending")
			}
		})
	}
}

// authoring is every call that signs an entry, each for a log in which k is an active device and r the recovery key.
func authoring(t testing.TB, h *history, k *device.Keys, r *recovery.Key) map[string]func() ([]byte, error) {
	t.Helper()
	fresh, next := generate(t, alice, device.Classical), recoveryKey(t, 77)
	return map[string]func() ([]byte, error){
		"Found":                   func() ([]byte, error) { return k.Found(r, start) },
		"Add":                     func() ([]byte, error) { return h.log.Add(k, fresh.Record(), start) },
		"Revoke":                  func() ([]byte, error) { return h.log.Revoke(k, k.Record().ID(), start) },
		"Update":                  func() ([]byte, error) { return h.log.Update(k, device.Hybrid, start.Add(time.Hour)) },
		"Recover":                 func() ([]byte, error) { return h.log.Recover(k, r, next, start) },
		"SetRecovery by the key":  func() ([]byte, error) { return h.log.SetRecovery(k, r, next, start) },
		"SetRecovery by a device": func() ([]byte, error) { return h.log.SetRecovery(k, nil, next, start) },
	}
}

func TestNothingIsSignedWhileAnEntryIsPending(t *testing.T) {
	k, r := generate(t, alice, device.Classical), recoveryKey(t, 1)
	h := found(t, k, r)
	if _, err := h.log.Add(k, generate(t, alice, device.Classical).Record(), start); err != nil {
		t.Fatal(err)
	}
	before := state(t, k)
	for name, sign := range authoring(t, h, k, r) {
		t.Run(name, func(t *testing.T) {
			entry, err := sign()
			wantFault(t, err, fault.Misuse)
			if entry != nil || !bytes.Equal(state(t, k), before) {
				t.Error("something was signed")
			}
		})
	}
}

// A device never signs two entries for one place, also when it is asked with a log of before.
func TestNothingIsSignedForAPlaceThatIsTaken(t *testing.T) {
	k, r := generate(t, alice, device.Classical), recoveryKey(t, 1)
	h := found(t, k, r)
	old := &history{t, h.log, h.entries}
	h.add(k, generate(t, alice, device.Classical))
	saved := state(t, k)
	for name := range authoring(t, old, k, r) {
		if name == "Recover" || name == "SetRecovery by a device" {
			continue // the one admits a new device, which signed nothing; the other is refused anyway
		}
		t.Run(name, func(t *testing.T) {
			k := restored(t, saved)
			entry, err := authoring(t, old, k, r)[name]()
			wantFault(t, err, fault.Misuse)
			if entry != nil || k.Pending() != nil {
				t.Error("a second entry for one place")
			}
		})
	}
}

func mustSign(t testing.TB) func([]byte, error) []byte {
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}
