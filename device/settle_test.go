package device_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

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
	t.Run("revoked since", func(t *testing.T) {
		h, k, other := setup(t)
		old := state(t, k)
		h.take(k, k.Pending(), nil)
		h.revoke(other, k)
		put := restored(t, old)
		cert := put.Record().Cert()
		if changed, err := put.Settle(h.log); err != nil || !changed || put.Pending() != nil || put.Record().Cert() != cert {
			t.Errorf("a revoked device takes up a record: %t, %v", changed, err)
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
