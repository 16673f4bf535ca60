package device_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

const day = 24 * time.Hour

func TestGenerationsCountUp(t *testing.T) {
	for _, suite := range []device.Suite{device.Classical, device.Hybrid} {
		k := generate(t, alice, suite)
		h := found(t, k, nil)
		var last *device.Seen
		for gen := range uint64(4) {
			if k.DeviceKey() == nil != (gen == 0) {
				t.Error("a device-key before the first rotation, or none after it")
			}
			b := h.rotate(k, nil, start.Add(time.Duration(gen)*time.Hour))
			m, err := h.log.AcceptKey(k.Record().ID(), b, last)
			if err != nil {
				t.Fatal(err)
			}
			if m.Seen().Gen != gen || (m.Hybrid() != nil) != (suite == device.Hybrid) {
				t.Errorf("generation %d, want %d", m.Seen().Gen, gen)
			}
			if !bytes.Equal(k.DeviceKey(), b) || k.KeyIDs()[0] != m.ID() || len(k.KeyIDs()) != int(gen)+1 {
				t.Error("the device shows another key")
			}
			clear(b) // the caller's, and so are these
			clear(k.DeviceKey())
			clear(m.Bytes())
			h.accept(k.Record().ID(), m.Bytes())
			seen := m.Seen()
			last = &seen
		}
		h.accept(k.Record().ID(), k.DeviceKey())
	}
}

func TestRestoredDeviceRaisesItsGeneration(t *testing.T) {
	k := generate(t, alice, device.Classical)
	h := found(t, k, nil)
	h.rotate(k, nil, start)
	old := state(t, k)
	var published []byte
	for range 3 {
		published = h.rotate(k, nil, start)
	}
	seen := h.accept(k.Record().ID(), published).Seen()
	next := func(k *device.Keys, published []byte) uint64 {
		t.Helper()
		return h.accept(k.Record().ID(), h.rotate(k, published, start)).Seen().Gen
	}
	if gen := next(restored(t, old), published); gen != seen.Gen+1 {
		t.Errorf("the copy went on at %d, %d was published", gen, seen.Gen)
	}
	if gen := next(k, h.rotate(restored(t, old), nil, start)); gen != seen.Gen+1 {
		t.Errorf("an old published key moved the device to %d", gen)
	}
	// What was published under the record before an update counts, too.
	k = restored(t, old)
	h.update(k, device.Hybrid)
	if gen := next(k, published); gen != seen.Gen+1 {
		t.Errorf("the updated copy went on at %d, %d was published", gen, seen.Gen)
	}
}

func TestRotateRefusesKeysOfOthers(t *testing.T) {
	k, other := generate(t, alice, device.Classical), generate(t, alice, device.Classical)
	h := found(t, k, nil)
	h.add(k, other)
	own := h.rotate(k, nil, start)
	s, o := signerOf(t, k), signerOf(t, other)
	signed := func(by signer, place []byte) []byte {
		return sign1(by, wire.LabelDeviceKey, deviceKeyAAD(place), h.deviceKey(s, nil).encode(t)).bytes()
	}
	before := state(t, k)
	for name, c := range map[string]struct {
		published []byte
		want      fault.Code
	}{
		"of another device":        {h.rotate(other, nil, start), fault.UntrustedSigner},
		"of another with this kid": {signer{o.key, s.kid}.deviceKey(t, h.deviceKey(s, nil)), fault.UntrustedSigner},
		"with a broken signature":  {flipped(own, len(own)-1, 1), fault.UntrustedSigner},
		"that is none":             {[]byte{0xa0}, fault.Malformed},
		"that is empty":            {[]byte{}, fault.Malformed},
		"of another key ID":        {signed(signer{s.key, o.kid}, s.kid), fault.UntrustedSigner},
		"for another place":        {signed(s, o.kid), fault.UntrustedSigner},
		"of the last generation":   {s.deviceKey(t, h.deviceKey(s, nil).with(2, uint64(1<<53-1))), fault.SenderReset},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := k.Rotate(h.log, c.published, start)
			wantFault(t, err, c.want)
			if b != nil || !bytes.Equal(state(t, k), before) {
				t.Error("the keys changed")
			}
		})
	}
	b := found(t, generate(t, bob, device.Classical), nil)
	_, err := k.Rotate(b.log, nil, start)
	wantFault(t, err, fault.Misuse)
}

func TestRotationIsDue(t *testing.T) {
	k := generate(t, alice, device.Classical)
	h := found(t, k, nil)
	if !k.RotationDue(start) {
		t.Error("not due before the first one")
	}
	h.rotate(k, nil, start)
	for age, want := range map[time.Duration]bool{
		0: false, 7*day - time.Second: false, 7 * day: true, 400 * day: true,
		-time.Second: false, -day: false, -day - time.Second: true, -400 * day: true,
	} {
		if k.RotationDue(start.Add(age)) != want {
			t.Errorf("after %v: due is %t", age, !want)
		}
	}
	h.update(k, device.Hybrid)
	if !k.RotationDue(start) {
		t.Error("not due although the key hangs on a record that was replaced")
	}
	h.rotate(k, nil, start)
	if k.RotationDue(start) {
		t.Error("due again")
	}
}

func TestPrivateHalvesAreLimited(t *testing.T) {
	k := generate(t, alice, device.Classical)
	h := found(t, k, nil)
	for range 256 {
		h.rotate(k, nil, start)
	}
	before := k.KeyIDs()
	b, err := k.Rotate(h.log, nil, start)
	wantFault(t, err, fault.OverLimit)
	if b != nil || !slices.Equal(k.KeyIDs(), before) {
		t.Error("the keys changed")
	}
	if again := restored(t, state(t, k)); !slices.Equal(again.KeyIDs(), before) {
		t.Error("a full state is another one when it is read again")
	}
	for n := range 6 {
		contact(t, k, start.Add(time.Duration(n+1)*day), 0)
	}
	contact(t, k, start.Add(7*day), 255)
	h.rotate(k, nil, start.Add(7*day))
}
