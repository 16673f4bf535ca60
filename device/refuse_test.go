package device_test

import (
	"bytes"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// What a log would refuse is not even signed.
func TestAuthoringRefusesWhatTheLogWould(t *testing.T) {
	key, old, unknown := recoveryKey(t, 2), recoveryKey(t, 1), recoveryKey(t, 9)
	destroyed := recoveryKey(t, 8)
	destroyed.Destroy()
	phone, lost := generate(t, alice, device.Classical), generate(t, alice, device.Classical)
	laptop := generate(t, alice, device.Hybrid)
	h := found(t, phone, old)
	h.add(phone, laptop)
	h.add(phone, lost)
	h.revoke(phone, lost)
	entry, err := h.log.SetRecovery(phone, old, key, start)
	h.take(phone, entry, err)
	stale := restored(t, state(t, laptop))
	h.update(laptop, device.Hybrid)
	fresh, bobs := generate(t, alice, device.Classical), generate(t, bob, device.Classical)
	lonely := generate(t, alice, device.Classical)
	none := found(t, lonely, nil)

	for _, c := range []struct {
		name string
		by   *device.Keys
		want fault.Code
		sign func() ([]byte, error)
	}{
		{"a device twice", phone, fault.Malformed, func() ([]byte, error) {
			return h.log.Add(phone, laptop.Record(), start)
		}},
		{"a device that was revoked", phone, fault.Malformed, func() ([]byte, error) {
			return h.log.Add(phone, lost.Record(), start)
		}},
		{"a device of another user", phone, fault.UntrustedSigner, func() ([]byte, error) {
			return h.log.Add(phone, bobs.Record(), start)
		}},
		{"by a revoked device", lost, fault.RevokedDevice, func() ([]byte, error) {
			return h.log.Add(lost, fresh.Record(), start)
		}},
		{"by a device not in the log", fresh, fault.UntrustedSigner, func() ([]byte, error) {
			return h.log.Add(fresh, fresh.Record(), start)
		}},
		{"under a record that was replaced", stale, fault.UntrustedSigner, func() ([]byte, error) {
			return h.log.Add(stale, fresh.Record(), start)
		}},
		{"by a device of another user", bobs, fault.Misuse, func() ([]byte, error) {
			return h.log.Add(bobs, fresh.Record(), start)
		}},
		{"revoke an unknown device", phone, fault.Misuse, func() ([]byte, error) {
			return h.log.Revoke(phone, device.ID{1}, start)
		}},
		{"revoke twice", phone, fault.Misuse, func() ([]byte, error) {
			return h.log.Revoke(phone, lost.Record().ID(), start)
		}},
		{"update by a revoked device", lost, fault.RevokedDevice, func() ([]byte, error) {
			return h.log.Update(lost, device.Hybrid, start)
		}},
		{"update to a lower suite", laptop, fault.Malformed, func() ([]byte, error) {
			return h.log.Update(laptop, device.Classical, start)
		}},
		{"update to suite 0", laptop, fault.Malformed, func() ([]byte, error) {
			return h.log.Update(laptop, 0, start)
		}},
		{"update to suite 3", laptop, fault.UnsupportedVersion, func() ([]byte, error) {
			return h.log.Update(laptop, 3, start)
		}},
		{"update to the same record", laptop, fault.Malformed, func() ([]byte, error) {
			return h.log.Update(laptop, laptop.Record().Suite(), laptop.Record().Created())
		}},
		{"update of another user", bobs, fault.Misuse, func() ([]byte, error) {
			return h.log.Update(bobs, device.Hybrid, start)
		}},
		{"recover by a replaced key", fresh, fault.WrongSecret, func() ([]byte, error) {
			return h.log.Recover(fresh, old, nil, start)
		}},
		{"recover by an unknown key", fresh, fault.WrongSecret, func() ([]byte, error) {
			return h.log.Recover(fresh, unknown, nil, start)
		}},
		{"recover where there is no key", fresh, fault.Misuse, func() ([]byte, error) {
			return none.log.Recover(fresh, key, nil, start)
		}},
		{"recover by a destroyed key", fresh, fault.DestroyedKey, func() ([]byte, error) {
			return h.log.Recover(fresh, destroyed, nil, start)
		}},
		{"recover to a destroyed key", fresh, fault.DestroyedKey, func() ([]byte, error) {
			return h.log.Recover(fresh, key, destroyed, start)
		}},
		{"recover to a key of before", fresh, fault.Misuse, func() ([]byte, error) {
			return h.log.Recover(fresh, key, old, start)
		}},
		{"recover to a known device", phone, fault.Malformed, func() ([]byte, error) {
			return h.log.Recover(phone, key, nil, start)
		}},
		{"recover another user", bobs, fault.Misuse, func() ([]byte, error) {
			return h.log.Recover(bobs, key, nil, start)
		}},
		{"set the recovery key by a device", phone, fault.UntrustedSigner, func() ([]byte, error) {
			return h.log.SetRecovery(phone, nil, unknown, start)
		}},
		{"set the recovery key by a replaced one", phone, fault.WrongSecret, func() ([]byte, error) {
			return h.log.SetRecovery(phone, old, unknown, start)
		}},
		{"set the recovery key by none that is", lonely, fault.Misuse, func() ([]byte, error) {
			return none.log.SetRecovery(lonely, key, unknown, start)
		}},
		{"set the recovery key by a destroyed one", phone, fault.DestroyedKey, func() ([]byte, error) {
			return h.log.SetRecovery(phone, destroyed, unknown, start)
		}},
		{"set a recovery key of before", phone, fault.Misuse, func() ([]byte, error) {
			return h.log.SetRecovery(phone, key, old, start)
		}},
		{"set a destroyed recovery key", phone, fault.DestroyedKey, func() ([]byte, error) {
			return h.log.SetRecovery(phone, key, destroyed, start)
		}},
		{"found with a destroyed recovery key", fresh, fault.DestroyedKey, func() ([]byte, error) {
			return fresh.Found(destroyed, start)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, pin := state(t, c.by), h.log.Pin()
			entry, err := c.sign()
			wantFault(t, err, c.want)
			if entry != nil || c.by.Pending() != nil || !bytes.Equal(state(t, c.by), before) || h.log.Pin() != pin {
				t.Error("something was signed")
			}
		})
	}
}

func TestActiveDevicesAreLimited(t *testing.T) {
	k := generate(t, alice, device.Classical)
	h := found(t, k, recoveryKey(t, 1))
	var last *device.Keys
	for range device.MaxActive - 1 {
		last = generate(t, alice, device.Classical)
		h.add(k, last)
	}
	_, err := h.log.Add(k, generate(t, alice, device.Classical).Record(), start)
	wantFault(t, err, fault.OverLimit)
	h.revoke(k, last)
	h.add(k, generate(t, alice, device.Classical))
	h.recover(recoveryKey(t, 1), generate(t, alice, device.Classical), nil) // which ends all of them
}
