package device

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// Record is what a device says of itself, signed with its own key: whose it is, its ID, its Ed25519 key and its suite. A
// Record exists verified only. That it belongs to its user is what the user's Log says. It is immutable.
type Record struct {
	_        [0]func()
	fields   recordFields
	cert     CertID
	verifier *cose.Verifier
	b        []byte
}

// recordFields is the payload. Its SHA-256 is the CertID.
type recordFields struct {
	User    string                      `cbor:"1,keyasint"`
	ID      ID                          `cbor:"2,keyasint"`
	Ed25519 [ed25519.PublicKeySize]byte `cbor:"3,keyasint"`
	Suite   Suite                       `cbor:"4,keyasint"`
	Created uint64                      `cbor:"5,keyasint"`
}

// recordContext is the place of a record. It names nobody: a record travels before it is known whose it is.
func recordContext() cose.Context { return cose.Bind(wire.LabelDevice) }

// ParseRecord verifies a record of user's. Another user's is fault.UntrustedSigner, a suite of a newer version
// fault.UnsupportedVersion.
func ParseRecord(user string, b []byte) (*Record, error) {
	if err := checkUser(user, fault.Misuse); err != nil {
		return nil, err
	}
	r, s, err := readRecord(b)
	if err != nil {
		return nil, err
	}
	if r.fields.User != user {
		return nil, fmt.Errorf("device: record of another user: %w", fault.UntrustedSigner)
	}
	if err := s.verify("record", r.verifier, recordContext()); err != nil {
		return nil, err
	}
	return r, nil
}

// readRecord decodes a record without checking its signature.
func readRecord(b []byte) (*Record, *signed, error) {
	s, err := parseSigned("record", b, MaxRecord)
	if err != nil {
		return nil, nil, err
	}
	var f recordFields
	if err := wire.Unmarshal("device: record", s.payload, MaxRecord, &f); err != nil {
		return nil, nil, err
	}
	if err := f.check(); err != nil {
		return nil, nil, err
	}
	r, err := f.record(b, s.payload)
	return r, s, err
}

func (f *recordFields) check() error {
	if err := checkUser(f.User, fault.Malformed); err != nil {
		return err
	}
	switch {
	case f.Suite == 0:
		return fmt.Errorf("device: record: suite 0: %w", fault.Malformed)
	case f.Suite > Hybrid:
		return fmt.Errorf("device: record: suite %d: %w", uint64(f.Suite), fault.UnsupportedVersion)
	}
	return checkInts("record", f.Created)
}

// record makes the Record of checked fields.
func (f *recordFields) record(b, payload []byte) (*Record, error) {
	cert := CertID(sha256.Sum256(payload))
	v, err := cose.NewVerifier(f.Ed25519[:], cert[:])
	if err != nil {
		return nil, fmt.Errorf("device: record: %w", err)
	}
	return &Record{fields: *f, cert: cert, verifier: v, b: bytes.Clone(b)}, nil
}

// newRecord signs a record of the device that key, a signer without key ID, belongs to. It returns the signer that names
// the record, too.
func newRecord(f recordFields, key ed25519.PrivateKey) (*Record, *cose.Signer, error) {
	f.Ed25519 = [ed25519.PublicKeySize]byte(key.Public().(ed25519.PublicKey))
	payload, err := wire.Marshal(f)
	if err != nil {
		return nil, nil, fmt.Errorf("device: record: %w", err)
	}
	cert := sha256.Sum256(payload)
	signer, err := cose.NewSigner(key, cert[:])
	if err != nil {
		return nil, nil, fmt.Errorf("device: record: %w", err)
	}
	b, err := signer.Sign1(nil, payload, recordContext())
	if err != nil {
		return nil, nil, fmt.Errorf("device: record: %w", err)
	}
	r, err := f.record(b, payload)
	return r, signer, err
}

// String returns the device's ID and that of the record.
func (r *Record) String() string { return fmt.Sprintf("device %s, record %s", r.fields.ID, r.cert) }

// User returns the ID of the user whose device this claims to be.
func (r *Record) User() string { return r.fields.User }

// ID returns the device's ID.
func (r *Record) ID() ID { return r.fields.ID }

// Cert returns the ID of this record.
func (r *Record) Cert() CertID { return r.cert }

// Suite returns what the device can do.
func (r *Record) Suite() Suite { return r.fields.Suite }

// Created returns when the device says that the record was made. It is for people to see.
func (r *Record) Created() time.Time { return time.Unix(int64(r.fields.Created), 0) }

// Verifier checks what the device signs under this record.
func (r *Record) Verifier() *cose.Verifier {
	if r.verifier == nil { // of a zero Record, under which nothing verifies
		return &cose.Verifier{}
	}
	return r.verifier
}

// Bytes returns a copy of the signed record.
func (r *Record) Bytes() []byte { return bytes.Clone(r.b) }
