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
	phone, laptop, tablet := generate(t, alice, device.Classical), generate(t, alice, device.Classical), generate(t, alice, device.Hybrid)
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

// authoring is every call that signs an entry, each for a log in which k is an active device and r the recovery key.
func authoring(t testing.TB, h *history, k *device.Keys, r *recovery.Key) map[string]func() ([]byte, error) {
	t.Helper()
	fresh, next := generate(t, alice, device.Classical), recoveryKey(t, 77)
	return map[string]func() ([]byte, error){
		"Found":                   func() ([]byte, error) { return k.Found(r, start) },
		"Add":                     func() ([]byte, error) { return h.log.Add(k, fresh.Record(), start) },
		"Revoke":                  func() ([]byte, error) { return h.log.Revoke(k, k.Record().ID(), start) },
		"Update":                  func() ([]byte, error) { return h.log.Update(k, device.Hybrid, start.Add(time.Hour)) },
		"Recover":                 func() ([]byte, error) { return h.log.Recover(r, k, next, start) },
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

func TestSettle(t *testing.T) {
	newcomer := generate(t, alice, device.Classical)
	setup := func(t *testing.T) (*history, *device.Keys, *device.Keys) {
		k, other := generate(t, alice, device.Classical), generate(t, alice, device.Classical)
		h := found(t, k, nil)
		h.add(k, other)
		if _, err := h.log.Update(k, device.Hybrid, start.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		return h, k, other
	}
	settle := func(t *testing.T, k *device.Keys, l *device.Log, want bool) {
		t.Helper()
		if changed, err := k.Settle(l); err != nil || changed != want || (k.Pending() == nil) != want {
			t.Errorf("changed %t, %v", changed, err)
		}
	}
	t.Run("not in the log yet", func(t *testing.T) {
		h, k, _ := setup(t)
		before := state(t, k)
		settle(t, k, h.log, false)
		settle(t, k, at(t, h.log, 0), false)
		if !bytes.Equal(state(t, k), before) {
			t.Error("the keys changed")
		}
	})
	t.Run("it is in the log", func(t *testing.T) {
		h, k, other := setup(t)
		old := k.Record()
		pending := k.Pending()
		if k.Record().Cert() != old.Cert() {
			t.Error("the new record counts before it is in the log")
		}
		l, err := h.log.Extend([][]byte{pending})
		if err != nil {
			t.Fatal(err)
		}
		if l, err = l.Extend([][]byte{mustSign(t)(l.Add(other, newcomer.Record(), start))}); err != nil {
			t.Fatal(err)
		}
		settle(t, k, l, true)
		if k.Record().Suite() != device.Hybrid || k.Record().ID() != old.ID() {
			t.Error("the old record still counts")
		}
		if again := restored(t, state(t, k)); again.Record().Cert() != k.Record().Cert() {
			t.Error("the old record is stored")
		}
		entry := mustSign(t)(l.Revoke(k, other.Record().ID(), start))
		if _, err := l.Extend([][]byte{entry}); err != nil {
			t.Errorf("signed under the old record: %v", err)
		}
	})
	t.Run("another took its place", func(t *testing.T) {
		h, k, other := setup(t)
		old := k.Record()
		h.add(other, newcomer)
		settle(t, k, h.log, true)
		if k.Record().Cert() != old.Cert() {
			t.Error("a record that is not in the log counts")
		}
		h.update(k, device.Hybrid)
	})
	t.Run("another founded the log", func(t *testing.T) {
		k, other := generate(t, alice, device.Classical), generate(t, alice, device.Classical)
		root := mustSign(t)(k.Found(nil, start))
		changed, err := k.Settle(found(t, other, nil).log)
		wantFault(t, err, fault.IdentityChanged)
		if changed || !bytes.Equal(k.Pending(), root) {
			t.Error("settled")
		}
	})
	t.Run("a log of before", func(t *testing.T) {
		h, k, _ := setup(t)
		before := h.log
		h.take(k, k.Pending(), nil)
		saved := state(t, k)
		for seq := range before.Pin().Seq + 1 {
			changed, err := k.Settle(at(t, before, seq))
			if err != nil || changed || !bytes.Equal(state(t, k), saved) {
				t.Errorf("an old log changed the keys: %t, %v", changed, err)
			}
		}
	})
	t.Run("the store was put back", func(t *testing.T) {
		h, k, _ := setup(t)
		asPending := state(t, k)
		h.take(k, k.Pending(), nil)
		h.update(k, device.Hybrid)
		p := readParts(t, asPending)
		p.pending = nil
		for _, old := range [][]byte{asPending, p.encode()} {
			old := restored(t, old)
			if changed, err := old.Settle(h.log); err != nil || !changed || old.Pending() != nil {
				t.Errorf("changed %t, %v", changed, err)
			}
			if old.Record().Cert() != k.Record().Cert() || !old.RotationDue(start) {
				t.Error("the device does not sign under its record in the log")
			}
			if _, err := h.log.Revoke(old, old.Record().ID(), start); err != nil {
				t.Error(err)
			}
			if changed, err := old.Settle(h.log); err != nil || changed {
				t.Errorf("changed again, %v", err)
			}
		}
	})
	t.Run("the log of another user", func(t *testing.T) {
		_, k, _ := setup(t)
		b := generate(t, bob, device.Classical)
		h := found(t, b, nil)
		h.add(b, generate(t, bob, device.Classical))
		h.add(b, generate(t, bob, device.Classical))
		changed, err := k.Settle(h.log)
		wantFault(t, err, fault.Misuse)
		if changed || k.Pending() == nil {
			t.Error("settled")
		}
	})
	t.Run("nothing is pending", func(t *testing.T) {
		if changed, err := newcomer.Settle(newScene(t).log()); changed || err != nil {
			t.Errorf("changed %t, %v", changed, err)
		}
	})
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
