package device

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// The operations of a log.
const (
	opRoot        = 0 // the first device, signed by itself
	opAdd         = 1 // a device more, signed by an active one
	opRevoke      = 2 // a device less, signed by an active one
	opUpdate      = 3 // a new record of a device, signed under the old one
	opRecover     = 4 // one new device instead of all, signed by the recovery key
	opSetRecovery = 5 // another recovery key
)

// entryFields is the payload of an entry.
type entryFields struct {
	User     string                       `cbor:"1,keyasint"`
	Seq      uint64                       `cbor:"2,keyasint"`
	Prev     Hash                         `cbor:"3,keyasint"` // of the entry before; zeros in the first one
	Op       uint64                       `cbor:"4,keyasint"`
	Arg      *[]byte                      `cbor:"5,keyasint"` // a record, a CertID to revoke, or null
	Issued   uint64                       `cbor:"6,keyasint"` // shown to people, never judged
	Recovery *[ed25519.PublicKeySize]byte `cbor:"7,keyasint"` // the recovery key from here on, or null
}

// entry is a decoded entry whose signature and place were not checked yet.
type entry struct {
	*signed
	entryFields
	hash Hash
}

func readEntry(b []byte) (*entry, error) {
	s, err := parseSigned("log entry", b, MaxEntry)
	if err != nil {
		return nil, err
	}
	e := &entry{signed: s, hash: sha256.Sum256(b)}
	if err := wire.Unmarshal("device: log entry", s.payload, MaxEntry, &e.entryFields); err != nil {
		return nil, err
	}
	if e.Op > opSetRecovery {
		return nil, fmt.Errorf("device: log entry: operation %d: %w", e.Op, fault.UnsupportedVersion)
	}
	return e, checkInts("log entry", e.Seq, e.Issued)
}

// record decodes the record that the entry brings in, if its operation is one that does. Its signature is not checked yet.
func (e *entry) record() (*Record, *signed, error) {
	if e.Op == opRevoke || e.Op == opSetRecovery {
		return nil, nil, nil
	}
	if e.Arg == nil {
		return nil, nil, fmt.Errorf("no record: %w", fault.Malformed)
	}
	r, s, err := readRecord(*e.Arg)
	if err == nil && r.fields.User != e.User {
		err = fmt.Errorf("record of another user: %w", fault.UntrustedSigner)
	}
	return r, s, err
}

// revoked is the record that the entry takes out.
func (e *entry) revoked() (CertID, error) {
	if e.Arg == nil || len(*e.Arg) != len(CertID{}) {
		return CertID{}, fmt.Errorf("no ID of a record: %w", fault.Malformed)
	}
	return CertID(*e.Arg), nil
}

// recoveryKey is the recovery key that the entry sets, nil for none.
func (e *entry) recoveryKey() (*cose.Verifier, error) {
	switch {
	case e.Op == opSetRecovery && e.Recovery == nil:
		return nil, fmt.Errorf("no recovery key: %w", fault.Malformed)
	case e.Recovery == nil:
		return nil, nil
	case e.Op != opRoot && e.Op != opRecover && e.Op != opSetRecovery:
		return nil, fmt.Errorf("recovery key in an operation that sets none: %w", fault.Malformed)
	}
	return recoveryVerifier(e.Recovery[:])
}

// recoveryVerifier is the recovery key as it signs: its key ID is H(["sotto/v1.recovery", key]).
func recoveryVerifier(public ed25519.PublicKey) (*cose.Verifier, error) {
	kid := sha256.Sum256(wire.AppendBound(nil, wire.LabelRecovery, public))
	v, err := cose.NewVerifier(public, kid[:])
	if err != nil {
		return nil, fmt.Errorf("recovery key: %w", err)
	}
	return v, nil
}

// sign signs the entry.
func (f *entryFields) sign(by *cose.Signer) ([]byte, error) {
	b, err := sign("log entry", by, f, userContext(wire.LabelDeviceLog, f.User))
	if err == nil && len(b) > MaxEntry {
		return nil, fmt.Errorf("device: log entry of %d bytes: %w", len(b), fault.OverLimit)
	}
	return b, err
}
