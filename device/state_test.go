package device_test

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/wire"
)

// parts are a state before it is encoded.
type parts struct {
	label        string
	record, seed []byte
	halves       []half
	contact      uint64
	next         uint64
	pending      []byte
}

type half struct {
	deviceKey, x25519, xwing []byte
	online                   uint64
}

// readParts takes a state apart, as docs/spec/device.md has it.
func readParts(t testing.TB, state []byte) parts {
	t.Helper()
	r := wire.NewReader(state)
	r.Array("state", 7)
	p := parts{label: r.Text("label", 64), record: r.Bytes("record", 1024), seed: r.Bytes("seed", 32)}
	for range r.Array("halves", 256) {
		r.Array("half", 4)
		p.halves = append(p.halves, half{
			r.Bytes("device-key", 2048), r.Bytes("X25519", 32), orNull(&r), uint64(r.Int("online")),
		})
	}
	p.contact, p.next = uint64(r.Int("contact")), uint64(r.Int("next"))
	p.pending = orNull(&r)
	if err := r.End("state"); err != nil {
		t.Fatal(err)
	}
	return p
}

func orNull(r *wire.Reader) []byte {
	if r.Major() == wire.MajorBytes {
		return r.Bytes("bytes", 2048)
	}
	r.Raw("null")
	return nil
}

func appendOrNull(b, content []byte) []byte {
	if content == nil {
		return append(b, wire.Null)
	}
	return wire.AppendBytes(b, content)
}

func (p parts) encode() []byte {
	b := wire.AppendText([]byte{0x87}, p.label)
	b = wire.AppendBytes(wire.AppendBytes(b, p.record), p.seed)
	b = wire.AppendHead(b, wire.MajorArray, uint64(len(p.halves)))
	for _, h := range p.halves {
		b = wire.AppendBytes(wire.AppendBytes(append(b, 0x84), h.deviceKey), h.x25519)
		b = wire.AppendHead(appendOrNull(b, h.xwing), wire.MajorUint, h.online)
	}
	b = wire.AppendHead(wire.AppendHead(b, wire.MajorUint, p.contact), wire.MajorUint, p.next)
	return appendOrNull(b, p.pending)
}

func privateHalves(t testing.TB, k *device.Keys) []half { return readParts(t, state(t, k)).halves }

// busy is a device with everything that a state can hold: a classical messaging key, one of the suite, and a pending entry.
func busy(t testing.TB, suite device.Suite) (*history, *device.Keys) {
	t.Helper()
	k := generate(t, alice, device.Classical)
	h := found(t, k, recoveryKey(t, 1))
	h.rotate(k, nil, start)
	h.update(k, suite)
	h.rotate(k, nil, start.Add(time.Hour))
	contact(t, k, start.Add(3*time.Hour), 0)
	if _, err := h.log.Update(k, suite, start.Add(100*day)); err != nil {
		t.Fatal(err)
	}
	return h, k
}

func TestStateIsEverythingThatKeysAre(t *testing.T) {
	h, k := busy(t, device.Hybrid)
	idle := generate(t, bob, device.Classical)
	for _, k := range []*device.Keys{k, idle} {
		b := state(t, k)
		again := restored(t, b)
		if !bytes.Equal(state(t, again), b) || !bytes.Equal(readParts(t, b).encode(), b) {
			t.Error("another state after a round trip")
		}
		if again.Record().Cert() != k.Record().Cert() || !bytes.Equal(again.Pending(), k.Pending()) ||
			!bytes.Equal(again.DeviceKey(), k.DeviceKey()) || !slices.Equal(again.KeyIDs(), k.KeyIDs()) {
			t.Error("other keys after a round trip")
		}
		clear(b) // the caller wipes it
		if !bytes.Equal(state(t, again), state(t, k)) {
			t.Error("the keys change with the bytes that they were read from")
		}
	}
	// The keys that were read do what the others do.
	again := restored(t, state(t, k))
	l, err := h.log.Extend([][]byte{again.Pending()})
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := again.Settle(l); err != nil || !changed {
		t.Fatal(err)
	}
	h.log = l
	h.accept(again.Record().ID(), h.rotate(again, nil, start))
	h.revoke(again, again)
}

func TestStateHasTheSpecifiedForm(t *testing.T) {
	h, k := busy(t, device.Hybrid)
	p := readParts(t, state(t, k))
	if p.label != "sotto/v1.device-state" || !bytes.Equal(p.record, k.Record().Bytes()) || !bytes.Equal(p.pending, k.Pending()) {
		t.Error("another label, record or pending entry")
	}
	if got := ed25519.NewKeyFromSeed(p.seed).Public(); !k.Record().Verifier().PublicKey().Equal(got) {
		t.Error("another seed")
	}
	if p.contact != uint64(start.Add(3*time.Hour).Unix()) || p.halves[0].online != 0 || p.halves[1].online != 2*3600 {
		t.Errorf("times %d %d %d", p.contact, p.halves[0].online, p.halves[1].online)
	}
	if p.next != h.log.Pin().Seq+1 {
		t.Errorf("next place %d", p.next)
	}
	if p.halves[0].xwing == nil || p.halves[1].xwing != nil || !bytes.Equal(p.halves[0].deviceKey, k.DeviceKey()) {
		t.Error("the halves are not newest first")
	}
}

// The hybrid state is the classical one with a longer device-key and a seed: some of its bytes are enough.
func TestStateRefusesEveryCutAndNothingPanics(t *testing.T) {
	for suite, step := range map[device.Suite]int{device.Classical: 1, device.Hybrid: 11} {
		_, k := busy(t, suite)
		b := state(t, k)
		for i := 0; i < len(b); i += step {
			if k, err := device.ParseKeys(b[:i]); err == nil || k != nil {
				t.Fatalf("cut at %d: accepted", i)
			} else {
				faulttest.FromInput(t, err)
			}
			bad := flipped(b, i, 1)
			k, err := device.ParseKeys(bad)
			faulttest.FromInput(t, err)
			switch {
			case err != nil && k != nil:
				t.Fatalf("byte %d: keys beside the error", i)
			case err == nil && !bytes.Equal(state(t, k), bad):
				t.Fatalf("byte %d: read as something else", i)
			}
		}
		_, err := device.ParseKeys(append(bytes.Clone(b), 0))
		wantFault(t, err, fault.Malformed)
	}
	_, err := device.ParseKeys(make([]byte, 1<<20))
	wantFault(t, err, fault.OverLimit)
}

func TestStateIsStrict(t *testing.T) {
	_, k := busy(t, device.Hybrid)
	good := readParts(t, state(t, k))
	// changed is the state after a change, newest the one with its newest messaging key changed.
	changed := func(change func(*parts)) []byte {
		p := good
		change(&p)
		return p.encode()
	}
	newest := func(change func(*half)) []byte {
		return changed(func(p *parts) { p.halves = with(p.halves, change) })
	}
	swapped := func(from, to []byte) []byte { return bytes.Replace(good.encode(), from, to, 1) }
	newer := changed(func(p *parts) { p.label = "sotto/v2.device-state" })
	withoutPending := changed(func(p *parts) { p.pending = nil })
	key, seed := wire.AppendBytes(nil, good.halves[0].deviceKey), wire.AppendBytes(nil, good.halves[0].xwing)
	for name, c := range map[string]struct {
		b    []byte
		want fault.Code
	}{
		"label of a newer version":           {newer, fault.UnsupportedVersion},
		"label and form of a newer version":  {append([]byte{0x88}, append(newer[1:], 0)...), fault.UnsupportedVersion},
		"label of another structure":         {changed(func(p *parts) { p.label = wire.LabelDevice }), fault.Malformed},
		"no array":                           {[]byte{0xa0}, fault.Malformed},
		"one element more":                   {append([]byte{0x88}, append(good.encode()[1:], 0)...), fault.Malformed},
		"one element less":                   {append([]byte{0x86}, good.encode()[1:]...), fault.Malformed},
		"seed of 31 bytes":                   {changed(func(p *parts) { p.seed = p.seed[1:] }), fault.Malformed},
		"seed of 33 bytes":                   {changed(func(p *parts) { p.seed = append([]byte{0}, p.seed...) }), fault.OverLimit},
		"record that is none":                {changed(func(p *parts) { p.record = []byte{0xa0} }), fault.Malformed},
		"X25519 key of 31 bytes":             {newest(func(h *half) { h.x25519 = h.x25519[1:] }), fault.Malformed},
		"X-Wing seed of 31 bytes":            {newest(func(h *half) { h.xwing = h.xwing[1:] }), fault.Malformed},
		"257 messaging keys":                 {changed(func(p *parts) { p.halves = slices.Repeat(p.halves[:1], 257) }), fault.OverLimit},
		"contact beyond 2^53":                {changed(func(p *parts) { p.contact = 1 << 53 }), fault.Malformed},
		"next place beyond 2^53":             {changed(func(p *parts) { p.next = 1 << 53 }), fault.Malformed},
		"on line beyond 2^53":                {newest(func(h *half) { h.online = 1 << 53 }), fault.Malformed},
		"pending entry that is none":         {changed(func(p *parts) { p.pending = []byte{0xa0} }), fault.Malformed},
		"pending entry of a newer version":   {changed(func(p *parts) { p.pending = newerEntry(t) }), fault.UnsupportedVersion},
		"pending neither an entry nor null":  {append(bytes.TrimSuffix(withoutPending, []byte{wire.Null}), 0), fault.Malformed},
		"X-Wing seed neither seed nor null":  {swapped(seed, []byte{0}), fault.Malformed},
		"messaging key of another structure": {swapped(append([]byte{0x84}, key...), append([]byte{0x83}, key...)), fault.Malformed},
		"negative time on line":              {swapped(append(seed, 0), append(bytes.Clone(seed), 0x20)), fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := device.ParseKeys(c.b)
			wantFault(t, err, c.want)
			if k != nil {
				t.Error("keys beside the error")
			}
		})
	}
}

// with is the halves with the newest one changed.
func with(halves []half, change func(*half)) []half {
	halves = slices.Clone(halves)
	change(&halves[0])
	return halves
}

func newerEntry(t testing.TB) []byte {
	s := newStranger(t, alice)
	return s.entry(t, entry(nil, opRoot, s.record, nil).with(4, 6))
}
