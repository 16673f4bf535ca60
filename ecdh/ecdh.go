// Package ecdh holds X25519 key pairs as opaque types (RFC 7748). Most people need Generate and PrivateKey.Agree, and
// give the result to Shared.HKDF: an agreed secret is never used as a key itself.
//
// The engine behind the types is chosen per architecture by benchmark (see engine_circl.go and engine_std.go); tests
// check it against the other one.
package ecdh

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/secret"
)

// Size is the length of a private key, a public key and an agreed secret, in bytes.
const Size = 32

// redacted keeps secrets out of everything that prints.
type redacted = secret.Redacted

// PrivateKey is an X25519 private key. It is safe for concurrent use. The zero value and nil are destroyed
// keys.
type PrivateKey struct {
	_ [0]func()
	redacted
	scalar *secret.Bytes
	public *PublicKey
}

// PublicKey is an X25519 public key that is not of low order. It is immutable.
type PublicKey struct {
	_ [0]func()
	b [Size]byte
}

// Generate makes a new key pair from crypto/rand.
func Generate() *PrivateKey {
	scalar := make([]byte, Size)
	rand.Read(scalar)
	return newPrivateKey(scalar)
}

// NewPrivateKey takes a private key of 32 bytes, which is copied. Every 32 bytes are one (RFC 7748 §5). Another length is
// fault.Malformed.
func NewPrivateKey(b []byte) (*PrivateKey, error) {
	if len(b) != Size {
		return nil, fmt.Errorf("ecdh: private key of %d bytes: %w", len(b), fault.Malformed)
	}
	return newPrivateKey(bytes.Clone(b)), nil
}

// newPrivateKey owns scalar.
func newPrivateKey(scalar []byte) *PrivateKey {
	public := &PublicKey{b: basePoint(scalar)}
	return &PrivateKey{
		redacted: secret.Redact("ecdh.PrivateKey", public.b[:]),
		scalar:   secret.Own(scalar),
		public:   public,
	}
}

// NewPublicKey takes a public key of 32 bytes. Points of low order, which make every agreement come out the same, are
// refused here, once; so is another length (both fault.Malformed).
func NewPublicKey(b []byte) (*PublicKey, error) {
	if len(b) != Size {
		return nil, fmt.Errorf("ecdh: public key of %d bytes: %w", len(b), fault.Malformed)
	}
	p := &PublicKey{b: [Size]byte(b)}
	if p.lowOrder() {
		return nil, fmt.Errorf("ecdh: public key of low order: %w", fault.Malformed)
	}
	return p, nil
}

// Public returns the public half. It is there even after Destroy. That of the zero value is of low order: nobody agrees
// with it.
func (k *PrivateKey) Public() *PublicKey {
	if k == nil || k.public == nil {
		return &PublicKey{}
	}
	return k.public
}

// Agree computes the shared secret of k and p (RFC 7748 §6.1). It fails with fault.DestroyedKey after Destroy; the
// all-zero secret, which only a point of low order gives, is fault.Malformed.
func (k *PrivateKey) Agree(p *PublicKey) (*Shared, error) {
	if p == nil {
		return nil, fmt.Errorf("ecdh: no public key: %w", fault.Misuse)
	}
	out := make([]byte, Size)
	err := k.secret().Use(func(scalar []byte) error {
		if !agree((*[Size]byte)(out), scalar, &p.b) {
			return fmt.Errorf("ecdh: shared secret is all zero: %w", fault.Malformed)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return newShared(out), nil
}

// Equal compares two private keys in constant time. A destroyed key equals nothing.
func (k *PrivateKey) Equal(other *PrivateKey) bool {
	return k.secret().Equal(other.secret())
}

// ExportSecret returns a copy of the 32 private bytes, which the caller must wipe.
func (k *PrivateKey) ExportSecret() ([]byte, error) { return k.secret().Export() }

// Destroy wipes the private key. It waits for running uses and is idempotent; later uses fail with fault.DestroyedKey.
func (k *PrivateKey) Destroy() { k.secret().Destroy() }

// secret is the scalar, nil for the zero value and nil, which are destroyed keys.
func (k *PrivateKey) secret() *secret.Bytes {
	if k == nil {
		return nil
	}
	return k.scalar
}

// Bytes returns a copy of the 32 bytes of the public key.
func (p *PublicKey) Bytes() []byte { return bytes.Clone(p.b[:]) }

// Equal reports whether two public keys have the same bytes, in constant time.
func (p *PublicKey) Equal(q *PublicKey) bool {
	return q != nil && subtle.ConstantTimeCompare(p.b[:], q.b[:]) == 1
}

// String returns the public key in hexadecimal.
func (p *PublicKey) String() string { return hex.EncodeToString(p.b[:]) }
