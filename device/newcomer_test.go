package device_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// What CheckNew says beforehand is what Add says.
func TestNewDeviceIsCheckedAsAddChecksIt(t *testing.T) {
	k := generate(t, alice, device.Classical)
	h := found(t, k, nil)
	fresh := generate(t, alice, device.Hybrid)
	if err := h.log.CheckNew(fresh.Record()); err != nil {
		t.Errorf("a new device: %v", err)
	}
	gone := generate(t, alice, device.Classical)
	h.add(k, gone)
	wantFault(t, h.log.CheckNew(gone.Record()), fault.Malformed)
	h.revoke(k, gone)
	wantFault(t, h.log.CheckNew(gone.Record()), fault.Malformed)
	wantFault(t, h.log.CheckNew(generate(t, bob, device.Classical).Record()), fault.UntrustedSigner)
	wantFault(t, h.log.CheckNew(nil), fault.UntrustedSigner)
	var none *device.Log
	wantFault(t, none.CheckNew(fresh.Record()), fault.UntrustedSigner)

	sameKey := newStranger(t, alice)
	w := bare(t)
	w.put(w.founder.signer, opAdd, sameKey.record, nil)
	r, err := device.ParseRecord(alice, strangerOf(t, sameKey.key, sameKey.fields.with(2, bytes.Repeat([]byte{9}, 16))).record)
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, w.log().CheckNew(r), fault.Malformed)
	for range device.MaxActive - 1 {
		h.add(k, generate(t, alice, device.Classical))
	}
	wantFault(t, h.log.CheckNew(fresh.Record()), fault.OverLimit)
}

func TestKeyOfANewDeviceIsVerified(t *testing.T) {
	h, _, _ := keyScene(t)
	pin := h.log.Pin()
	for _, c := range []struct {
		suite int64
		xwing []byte
	}{{1, nil}, {suite2, hybridKey()}} {
		s := newStranger(t, alice)
		s = strangerOf(t, s.key, s.fields.with(4, c.suite))
		r, err := device.ParseRecord(alice, s.record)
		if err != nil {
			t.Fatal(err)
		}
		good := h.deviceKey(s.signer, c.xwing)
		m, err := r.VerifyKey(s.deviceKey(t, good), pin)
		if err != nil || m.Cert() != r.Cert() {
			t.Fatalf("suite %d: %v", c.suite, err)
		}
		other := newStranger(t, alice)
		refuse := func(b []byte, want fault.Code) {
			t.Helper()
			_, err := r.VerifyKey(b, pin)
			wantFault(t, err, want)
		}
		refuse(other.deviceKey(t, h.deviceKey(other.signer, nil)), fault.UntrustedSigner) // of another record
		refuse(other.deviceKey(t, good), fault.UntrustedSigner)                           // signed by another device
		first := sha256.Sum256(h.entries[0])
		refuse(s.deviceKey(t, good.with(6, pin.Seq-1).with(7, first[:])), fault.UntrustedSigner) // an earlier end
		refuse(s.deviceKey(t, good.with(6, pin.Seq+1)), fault.UntrustedSigner)                   // a later one
		refuse(s.deviceKey(t, good.with(7, first[:])), fault.UntrustedSigner)                    // another one
		if c.xwing == nil {
			refuse(s.deviceKey(t, good.with(4, hybridKey())), fault.Malformed)
		} else {
			refuse(s.deviceKey(t, good.with(4, nil)), fault.Malformed)
		}
		refuse([]byte{0xd2}, fault.Malformed)
	}
}

func TestAddClaimIsWhatTheEntrySays(t *testing.T) {
	k, fresh := generate(t, alice, device.Classical), generate(t, alice, device.Classical)
	h := found(t, k, nil)
	head := h.log.Pin().Head
	h.add(k, fresh)
	by, record, prev, err := device.AddClaim(h.entries[1])
	if err != nil || by != k.Record().Cert() || !bytes.Equal(record, fresh.Record().Bytes()) || prev != head {
		t.Errorf("%v, %v, %v", by, prev, err)
	}
	h.revoke(k, fresh)
	for _, b := range [][]byte{h.entries[0], h.entries[2], nil, {0xd2, 0x84}} {
		_, _, _, err := device.AddClaim(b)
		wantFault(t, err, fault.Malformed)
	}
}

func TestRevokeClaimIsWhatTheEntrySays(t *testing.T) {
	k, gone := generate(t, alice, device.Classical), generate(t, alice, device.Classical)
	h := found(t, k, nil)
	h.add(k, gone)
	h.revoke(k, gone)
	c, err := device.RevokeClaim(h.entries[2])
	if err != nil || c != gone.Record().Cert() {
		t.Errorf("%v, %v", c, err)
	}
	for _, b := range [][]byte{h.entries[0], h.entries[1], nil} {
		_, err := device.RevokeClaim(b)
		wantFault(t, err, fault.Malformed)
	}
}

func TestDeviceIsFoundByItsID(t *testing.T) {
	k, gone := generate(t, alice, device.Classical), generate(t, alice, device.Classical)
	h := found(t, k, nil)
	h.add(k, gone)
	h.update(gone, device.Hybrid)
	h.revoke(k, gone)
	if r, active := h.log.Device(k.Record().ID()); !active || r.Cert() != k.Record().Cert() {
		t.Error("the device that is active")
	}
	if r, active := h.log.Device(gone.Record().ID()); active || r.Cert() != gone.Record().Cert() {
		t.Error("the device that was revoked")
	}
	if r, active := h.log.Device(device.ID{1}); r != nil || active {
		t.Error("a device that never was")
	}
}

func TestRecoveryKeyInForceIsTold(t *testing.T) {
	k := generate(t, alice, device.Classical)
	first, second := recoveryKey(t, 1), recoveryKey(t, 2)
	wantFault(t, found(t, k, nil).log.CheckRecovery(first), fault.Misuse)
	k = generate(t, alice, device.Classical)
	h := found(t, k, first)
	if err := h.log.CheckRecovery(first); err != nil {
		t.Error(err)
	}
	wantFault(t, h.log.CheckRecovery(second), fault.WrongSecret)
	wantFault(t, h.log.CheckRecovery(nil), fault.Misuse)
	entry, err := h.log.SetRecovery(k, first, second, start)
	h.take(k, entry, err)
	wantFault(t, h.log.CheckRecovery(first), fault.WrongSecret)
	if err := h.log.CheckRecovery(second); err != nil {
		t.Error(err)
	}
}

// An app that keeps its recovery key among its options hands in the same one twice.
func TestRecoveringWithTheSameKeyKeepsIt(t *testing.T) {
	key := recoveryKey(t, 1)
	h := found(t, generate(t, alice, device.Classical), key)
	h.recover(key, generate(t, alice, device.Classical), recoveryKey(t, 1))
	if err := h.log.CheckRecovery(key); err != nil {
		t.Error(err)
	}
}
