package conformance

import (
	"crypto/sha256"
	"errors"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/recovery"
)

// The signed structures of docs/spec/device.md. Published ones are made anew from them, beside package device, which reads
// them.

// deviceForm is the payload of one of them.
type deviceForm interface {
	place() []any // the elements of external_aad, the first of which is the label
}

type recordForm struct {
	User    string `cbor:"1,keyasint"`
	ID      []byte `cbor:"2,keyasint"`
	Ed25519 []byte `cbor:"3,keyasint"`
	Suite   uint64 `cbor:"4,keyasint"`
	Created uint64 `cbor:"5,keyasint"`
}

func (recordForm) place() []any { return []any{wire.LabelDevice} }

type deviceKeyForm struct {
	Cert   []byte  `cbor:"1,keyasint"`
	Gen    uint64  `cbor:"2,keyasint"`
	X25519 []byte  `cbor:"3,keyasint"`
	XWing  *[]byte `cbor:"4,keyasint"` // in suite 2
	Issued uint64  `cbor:"5,keyasint"`
	Seq    uint64  `cbor:"6,keyasint"`
	Head   []byte  `cbor:"7,keyasint"`
}

func (f deviceKeyForm) place() []any { return []any{wire.LabelDeviceKey, f.Cert} }

type entryForm struct {
	User     string  `cbor:"1,keyasint"`
	Seq      uint64  `cbor:"2,keyasint"`
	Prev     []byte  `cbor:"3,keyasint"`
	Op       uint64  `cbor:"4,keyasint"`
	Arg      *[]byte `cbor:"5,keyasint"`
	Issued   uint64  `cbor:"6,keyasint"`
	Recovery *[]byte `cbor:"7,keyasint"`
}

func (f entryForm) place() []any { return []any{wire.LabelDeviceLog, f.User} }

type registrationForm struct {
	Record    []byte `cbor:"1,keyasint"`
	Nonce     []byte `cbor:"2,keyasint"`
	Server    string `cbor:"3,keyasint"`
	Issued    uint64 `cbor:"4,keyasint"`
	Entry     []byte `cbor:"5,keyasint"` // H(log entry that brought the record in)
	DeviceKey []byte `cbor:"6,keyasint"`
}

func (f registrationForm) place() []any { return []any{wire.LabelRegistration, f.Server, f.Nonce} }

// certID is the ID of a record.
func (f recordForm) certID() ([]byte, error) {
	payload, err := wire.Marshal(f)
	return hashOf(payload), err
}

// signForm makes a structure as the key with that seed signs it, under kid.
func signForm(seed, kid []byte, f deviceForm) ([]byte, error) {
	signer, err := newSottoSigner(seed, kid)
	if err != nil {
		return nil, err
	}
	payload, err := wire.Marshal(f)
	if err != nil {
		return nil, err
	}
	external, err := wire.Marshal(f.place())
	if err != nil {
		return nil, err
	}
	return signer.sign(f.place()[0].(string), payload, external)
}

// signRecord makes a record, whose kid is its own ID.
func signRecord(seed []byte, f recordForm) ([]byte, error) {
	cert, err := f.certID()
	if err != nil {
		return nil, err
	}
	return signForm(seed, cert, f)
}

// readForm decodes a signed structure into the form that f points to and returns the kid. The signature is not checked:
// whoever makes the same bytes anew has proved it.
func readForm(b []byte, f deviceForm) (kid []byte, err error) {
	m, err := coseimpl.ParseSign1(b, true)
	if err != nil {
		return nil, err
	}
	if kid, err = m.Bytes(coseimpl.HeaderKID); err != nil {
		return nil, err
	}
	return kid, wire.Unmarshal("payload", m.Unverified(), device.MaxRegistration, f)
}

// hashOf is H of the specifications.
func hashOf(b []byte) []byte {
	hash := sha256.Sum256(b)
	return hash[:]
}

// publicOf is the Ed25519 key of a seed.
func publicOf(seed []byte) ([]byte, error) {
	s, err := newSottoSigner(seed, nil)
	if err != nil {
		return nil, err
	}
	return s.Verifier().PublicKey(), nil
}

// recoveryKID is the key ID of a recovery key in a log.
func recoveryKID(public []byte) ([]byte, error) {
	form, err := wire.Marshal([]any{wire.LabelRecovery, public})
	return hashOf(form), err
}

// deviceID is the ID in a file. One of another length is that of no device.
func deviceID(b []byte) (id device.ID) {
	if len(b) == len(id) {
		copy(id[:], b)
	}
	return id
}

// hashFrom is the hash in a file. One of another length is that of nothing.
func hashFrom(b []byte) (h device.Hash) {
	if len(b) == len(h) {
		copy(h[:], b)
	}
	return h
}

// recoverySecret is what follows from a recovery key.
func recoverySecret(key []byte, p recovery.Purpose) ([]byte, error) {
	k, err := recovery.NewKey(key)
	if err != nil {
		return nil, err
	}
	return k.ExportSecretFor(p)
}

// messagingKeys are the public keys of private ones. The second one is nil without a seed.
func messagingKeys(private, seed []byte) (x25519 []byte, xwing *[]byte, err error) {
	x, err := ecdh.NewPrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	if seed == nil {
		return x.Public().Bytes(), nil, nil
	}
	h, err := ecdh.NewHybridPrivateKey(seed)
	if err != nil {
		return nil, nil, err
	}
	public := h.Public().Bytes()
	return x.Public().Bytes(), &public, nil
}

// sameMessagingKey compares an accepted device-key with the public keys that must stand in it, nil for none of X-Wing.
func sameMessagingKey(m *device.MessagingKey, x25519, xwing []byte) error {
	var hybrid []byte
	if m.Hybrid() != nil {
		hybrid = m.Hybrid().Bytes()
	}
	return errors.Join(
		equal("X25519 key", m.X25519().Bytes(), x25519),
		equal("X-Wing key", hybrid, xwing))
}
