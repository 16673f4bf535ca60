package device

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// KeyID names a messaging key: 16 bytes of the SHA-256 of its payload.
type KeyID [16]byte

// String returns the KeyID in hexadecimal.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// MessagingKey is the public key that messages to a device are sealed to, signed by the device. It hangs on the record by
// that signature and changes every week, while the log holds the identity only. A MessagingKey exists accepted only
// (Log.AcceptKey). It is immutable.
type MessagingKey struct {
	_      [0]func()
	fields deviceKeyFields
	id     KeyID
	x25519 *ecdh.PublicKey
	hybrid *ecdh.HybridPublicKey
	b      []byte
}

// deviceKeyFields is the payload of a device-key.
type deviceKeyFields struct {
	Cert   CertID          `cbor:"1,keyasint"`
	Gen    uint64          `cbor:"2,keyasint"` // counts the device's keys; never comes twice, never goes back
	X25519 [ecdh.Size]byte `cbor:"3,keyasint"`
	XWing  *[]byte         `cbor:"4,keyasint"` // of suite 2, else null
	Issued uint64          `cbor:"5,keyasint"`
	Seq    uint64          `cbor:"6,keyasint"` // the device's own log, as it saw it:
	Head   Hash            `cbor:"7,keyasint"` // to hide a revocation is to hide every device-key since
}

func deviceKeyContext(c CertID) cose.Context { return cose.Bind(wire.LabelDeviceKey, c[:]) }

// readMessagingKey decodes a device-key without checking its signature.
func readMessagingKey(b []byte) (*MessagingKey, *signed, error) {
	s, err := parseSigned("device-key", b, MaxDeviceKey)
	if err != nil {
		return nil, nil, err
	}
	id := sha256.Sum256(s.payload)
	m := &MessagingKey{id: KeyID(id[:]), b: bytes.Clone(b)}
	if err := wire.Unmarshal("device: device-key", s.payload, MaxDeviceKey, &m.fields); err != nil {
		return nil, nil, err
	}
	f := &m.fields
	if err := checkInts("device-key", f.Gen, f.Issued, f.Seq); err != nil {
		return nil, nil, err
	}
	if m.x25519, err = ecdh.NewPublicKey(f.X25519[:]); err != nil {
		return nil, nil, fmt.Errorf("device: device-key: %w", err)
	}
	if f.XWing == nil {
		return m, s, nil
	}
	if m.hybrid, err = ecdh.NewHybridPublicKey(*f.XWing); err != nil {
		return nil, nil, fmt.Errorf("device: device-key: %w", err)
	}
	return m, s, nil
}

// Seen is what is remembered of the newest messaging key that was accepted of a device. It is comparable.
type Seen struct {
	Gen uint64
	ID  KeyID
}

// StaleAfter is the age over which a messaging key is reported as stale.
const StaleAfter = 30 * 24 * time.Hour

// AcceptKey verifies a device-key that is said to be of that device against the log of its user. last is what was seen of
// the device before, nil for nothing.
//
// A lower generation than seen is fault.Rollback, the same one with other content fault.SenderReset: the device was
// cloned. A key of a revoked device is fault.RevokedDevice, of another device fault.UntrustedSigner. A key whose device knows more of the log than l, or another
// entry than l has, is fault.TooFarAhead: fetch the log first, and seal nothing to that user until it agrees or the device
// is revoked. A claim is never a fork. Everything else that is wrong is refused with its own reason.
func (l *Log) AcceptKey(of ID, deviceKey []byte, last *Seen) (*MessagingKey, error) {
	return l.acceptKey(of, deviceKey, last, true)
}

// ResumeKey makes a messaging key again from the bytes of one that was accepted. They come from the caller's own sealed store,
// so the signature is not verified again; the log may have grown, and everything else is held against it as in AcceptKey.
func (l *Log) ResumeKey(of ID, deviceKey []byte) (*MessagingKey, error) {
	return l.acceptKey(of, deviceKey, nil, false)
}

func (l *Log) acceptKey(of ID, deviceKey []byte, last *Seen, fresh bool) (*MessagingKey, error) {
	m, s, err := readMessagingKey(deviceKey)
	if err != nil {
		return nil, err
	}
	r, err := l.Find(m.fields.Cert)
	if err != nil {
		return nil, err
	}
	if r.fields.ID != of {
		return nil, fmt.Errorf("device: device-key of another device: %w", fault.UntrustedSigner)
	}
	if fresh {
		err = s.verify("device-key", r.verifier, deviceKeyContext(r.cert))
	}
	if err != nil {
		return nil, err
	}
	if err := m.check(r, l, last); err != nil {
		return nil, fmt.Errorf("device: device-key of generation %d: %w", m.fields.Gen, err)
	}
	return m, nil
}

// check holds a signed device-key against its record, the log and what was seen before.
func (m *MessagingKey) check(r *Record, l *Log, last *Seen) error {
	if err := m.checkSuite(r); err != nil {
		return err
	}
	f := &m.fields
	switch {
	case last != nil && f.Gen < last.Gen:
		return fmt.Errorf("generation %d was seen: %w", last.Gen, fault.Rollback)
	case last != nil && f.Gen == last.Gen && m.id != last.ID:
		return fmt.Errorf("another key of this generation was seen: %w", fault.SenderReset)
	case f.Seq >= uint64(len(l.hashes)):
		return fmt.Errorf("the device knows log entry %d, %d are held: %w", f.Seq, len(l.hashes), fault.TooFarAhead)
	case f.Head != l.hashes[f.Seq]:
		return fmt.Errorf("the device knows another log entry %d: %w", f.Seq, fault.TooFarAhead)
	}
	return nil
}

// checkSuite holds the keys that there are against the suite of the record.
func (m *MessagingKey) checkSuite(r *Record) error {
	switch {
	case r.fields.Suite == Hybrid && m.hybrid == nil:
		return fmt.Errorf("no hybrid key in suite 2: %w", fault.Malformed)
	case r.fields.Suite == Classical && m.hybrid != nil:
		return fmt.Errorf("hybrid key in suite 1: %w", fault.Malformed)
	}
	return nil
}

// String returns the generation and ID of the key.
func (m *MessagingKey) String() string {
	return fmt.Sprintf("messaging key %d, %s", m.fields.Gen, m.id)
}

// Cert returns the record that the key hangs on.
func (m *MessagingKey) Cert() CertID { return m.fields.Cert }

// ID returns the key's ID.
func (m *MessagingKey) ID() KeyID { return m.id }

// Seen returns what is to be remembered of the key.
func (m *MessagingKey) Seen() Seen { return Seen{m.fields.Gen, m.id} }

// X25519 returns the key of suite 1.
func (m *MessagingKey) X25519() *ecdh.PublicKey { return m.x25519 }

// Hybrid returns the key of suite 2, nil when the device has suite 1.
func (m *MessagingKey) Hybrid() *ecdh.HybridPublicKey { return m.hybrid }

// Stale reports whether the key is older than StaleAfter by the caller's own clock: the device was away for long, or
// somebody hides its newer keys.
func (m *MessagingKey) Stale(now time.Time) bool {
	return now.Sub(time.Unix(int64(m.fields.Issued), 0)) > StaleAfter
}

// Bytes returns a copy of the signed device-key.
func (m *MessagingKey) Bytes() []byte { return bytes.Clone(m.b) }
