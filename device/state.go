package device

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/secret"
	"github.com/sottokit/sotto/internal/wire"
)

// The state of Keys, for the device's own sealed store:
//
//	["sotto/v1.device-state", record, Ed25519 seed, [[device-key, X25519, X-Wing seed | null, seconds on line] …], contact,
//	 next place to sign for, pending entry | null]
//
// with the messaging keys newest first. It is written by hand, so that the encoder keeps no copy of a secret.

// maxState bounds a state, in bytes.
const maxState = 1024 + MaxRecord + MaxEntry + maxHalves*(MaxDeviceKey+128)

// ExportSecretState returns everything that Keys are, for ParseKeys. It holds the private keys: the caller seals it (package
// store) and wipes it.
func (k *Keys) ExportSecretState() ([]byte, error) {
	if err := k.begin(); err != nil {
		return nil, err
	}
	defer k.mu.Unlock()
	seed, err := k.signer.ExportSecretSeed()
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	defer clear(seed)
	b := make([]byte, 0, k.stateSize()) // with room, so that no copy of a secret is left behind
	b = wire.AppendHead(b, wire.MajorArray, 7)
	b = wire.AppendText(b, wire.LabelDeviceState)
	b = wire.AppendBytes(b, k.record.b)
	b = wire.AppendBytes(b, seed)
	b = wire.AppendHead(b, wire.MajorArray, uint64(len(k.messaging)))
	for _, h := range k.messaging {
		if b, err = h.append(b); err != nil {
			clear(b)
			return nil, fmt.Errorf("device: %w", err)
		}
	}
	b = wire.AppendHead(b, wire.MajorUint, k.contact)
	b = wire.AppendHead(b, wire.MajorUint, k.next)
	if k.pending == nil {
		return append(b, wire.Null), nil
	}
	return wire.AppendBytes(b, k.pending.bytes), nil
}

// stateSize is at least the size of the state.
func (k *Keys) stateSize() int {
	n := 256 + len(k.record.b)
	for _, h := range k.messaging {
		n += len(h.public.b) + 128
	}
	if k.pending != nil {
		n += len(k.pending.bytes)
	}
	return n
}

func (h *half) append(b []byte) ([]byte, error) {
	b = wire.AppendHead(b, wire.MajorArray, 4)
	b = wire.AppendBytes(b, h.public.b)
	x, err := h.x25519.ExportSecret()
	if err != nil {
		return b, err
	}
	defer clear(x)
	b = wire.AppendBytes(b, x)
	if h.hybrid == nil {
		b = append(b, wire.Null)
	} else {
		seed, err := h.hybrid.ExportSecret()
		if err != nil {
			return b, err
		}
		defer clear(seed)
		b = wire.AppendBytes(b, seed)
	}
	return wire.AppendHead(b, wire.MajorUint, h.online), nil
}

// ParseKeys takes what ExportSecretState returned. Everything in it must fit together: what does not is
// fault.Malformed, and a wrong signature fault.UntrustedSigner.
func ParseKeys(state []byte) (*Keys, error) {
	if len(state) > maxState {
		return nil, fmt.Errorf("device: state of %d bytes: %w", len(state), fault.OverLimit)
	}
	r := wire.NewReader(state)
	k := &Keys{}
	err := k.read(&r)
	if err == nil {
		err = r.End("device: state")
	}
	if err != nil {
		k.Destroy()
		return nil, err
	}
	return k, nil
}

func (k *Keys) read(r *wire.Reader) error {
	n := r.Array("device: state", wire.MaxItems)
	if label := r.Text("device: state: label", 64); wire.NewerLabel(label) {
		return fmt.Errorf("device: state: %w", fault.UnsupportedVersion)
	} else if r.Err() == nil && (label != wire.LabelDeviceState || n != 7) {
		r.Fail("device: state", "another structure", fault.Malformed)
	}
	record, seed := r.Bytes("device: state: record", MaxRecord), r.Bytes("device: state: seed", ed25519.SeedSize)
	if err := r.Err(); err != nil {
		return err
	}
	if err := k.readIdentity(record, seed); err != nil {
		return err
	}
	for range r.Array("device: state: messaging keys", maxHalves) {
		h, err := k.readHalf(r)
		if err != nil {
			return err
		}
		k.messaging = append(k.messaging, h)
		if n := len(k.messaging); n > 1 && k.messaging[n-2].public.fields.Gen <= h.public.fields.Gen {
			r.Fail("device: state: messaging keys", "not newest first", fault.Malformed)
		}
	}
	k.contact = readUint(r, "device: state: contact")
	k.next = readUint(r, "device: state: next")
	return k.readPending(r)
}

// readIdentity takes the record and the seed of its key.
func (k *Keys) readIdentity(record, seed []byte) error {
	rec, s, err := readRecord(record)
	if err != nil {
		return err
	}
	if err := s.verify("record", rec.verifier, recordContext()); err != nil {
		return err
	}
	if len(seed) != ed25519.SeedSize {
		return fmt.Errorf("device: state: seed of %d bytes: %w", len(seed), fault.Malformed)
	}
	signer, err := newSigner(seed, rec.cert[:])
	if err != nil {
		return err
	}
	k.record, k.signer, k.redacted = rec, signer, secret.Redact("device.Keys", rec.fields.ID[:])
	if !signer.Verifier().Equal(rec.verifier) {
		return fmt.Errorf("device: state: seed is not of the record's key: %w", fault.Malformed)
	}
	return nil
}

// readHalf takes one messaging key, whose private half must be that of its device-key.
func (k *Keys) readHalf(r *wire.Reader) (*half, error) {
	const what = "device: state: messaging key"
	if n := r.Array(what, 4); r.Err() == nil && n != 4 {
		r.Fail(what, "another structure", fault.Malformed)
	}
	b, x := r.Bytes(what, MaxDeviceKey), r.Bytes(what, ecdh.Size)
	var hybrid []byte
	if r.Major() == wire.MajorBytes {
		hybrid = r.Bytes(what, ecdh.Size)
	} else if raw := r.Raw(what); r.Err() == nil && raw[0] != wire.Null {
		r.Fail(what, "neither a seed nor null", fault.Malformed)
	}
	online := readUint(r, what)
	if err := r.Err(); err != nil {
		return nil, err
	}
	public, err := k.readOwn(b)
	if err != nil {
		return nil, err
	}
	h := &half{public: public, online: online}
	if h.x25519, err = ecdh.NewPrivateKey(x); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if hybrid != nil {
		if h.hybrid, err = ecdh.NewHybridPrivateKey(hybrid); err != nil {
			h.destroy()
			return nil, fmt.Errorf("%s: %w", what, err)
		}
	}
	same := h.x25519.Public().Equal(public.x25519) && (h.hybrid == nil) == (public.hybrid == nil)
	if !same || h.hybrid != nil && !h.hybrid.Public().Equal(public.hybrid) {
		h.destroy()
		return nil, fmt.Errorf("%s: private half of another key: %w", what, fault.Malformed)
	}
	return h, nil
}

func (k *Keys) readPending(r *wire.Reader) error {
	const what = "device: state: pending entry"
	if r.Major() != wire.MajorBytes {
		if raw := r.Raw(what); r.Err() == nil && raw[0] != wire.Null {
			r.Fail(what, "neither an entry nor null", fault.Malformed)
		}
		return r.Err()
	}
	b := r.Bytes(what, MaxEntry)
	if err := r.Err(); err != nil {
		return err
	}
	e, err := readEntry(append([]byte{}, b...))
	if err != nil {
		return err
	}
	record, _, err := e.record()
	if err != nil {
		return err
	}
	own := k.record.fields
	if e.User != own.User || e.Op == opUpdate && (record.fields.ID != own.ID || record.fields.Ed25519 != own.Ed25519) {
		return fmt.Errorf("%s: of another device: %w", what, fault.Malformed)
	}
	if e.Seq < k.next {
		return fmt.Errorf("%s: for a place that is settled: %w", what, fault.Malformed)
	}
	byRecovery := e.Op == opRecover || e.Op == opSetRecovery && !bytes.Equal(e.kid, k.record.cert[:])
	if !byRecovery {
		err = e.verify("state: pending entry", k.record.verifier, userContext(wire.LabelDeviceLog, own.User))
	}
	k.pending = e
	return err
}

func readUint(r *wire.Reader, what string) uint64 {
	v := r.Int(what)
	if v < 0 || v > maxInt {
		r.Fail(what, "not an unsigned integer below 2^53", fault.Malformed)
		return 0
	}
	return uint64(v)
}
