package cpace

import (
	"crypto/rand"
	"fmt"

	"github.com/bwesterb/go-ristretto"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/secret"
)

// redacted keeps secrets out of everything that prints.
type redacted = secret.Redacted

// Scalar is the secret number of one side, from 1 to the order of the group less 1. It serves one run, as the draft's
// security considerations demand. The zero value and nil are destroyed ones. It is safe for concurrent use.
type Scalar struct {
	_ [0]func()
	redacted
	b *secret.Bytes // 32 bytes, little-endian, reduced
}

// NewScalar draws a scalar from crypto/rand. It is 0 once in 2^252 draws; then the peer refuses the share.
func NewScalar() *Scalar {
	var wide [64]byte // reduced from twice the size, so that the bias is below 2^-250
	var k ristretto.Scalar
	rand.Read(wide[:])
	k.SetReduced(&wide)
	clear(wide[:])
	return newScalar(&k)
}

// ScalarFrom takes a scalar of 32 bytes, little-endian, for test vectors. Another length, 0, and what is not below the
// order of the group are fault.Malformed.
func ScalarFrom(b []byte) (*Scalar, error) {
	if len(b) != Size {
		return nil, fmt.Errorf("cpace: scalar of %d bytes: %w", len(b), fault.Malformed)
	}
	var k ristretto.Scalar
	if !k.SetBytesStrict((*[Size]byte)(b)) || k.IsNonZeroI() == 0 {
		return nil, fmt.Errorf("cpace: scalar is 0 or not reduced: %w", fault.Malformed)
	}
	return newScalar(&k), nil
}

// newScalar wipes k.
func newScalar(k *ristretto.Scalar) *Scalar {
	b := k.Bytes()
	clear(k[:])
	return &Scalar{redacted: secret.Redact("cpace.Scalar", nil), b: secret.Own(b)}
}

// Destroy wipes the scalar. It waits for running uses and is idempotent; later uses fail with fault.DestroyedKey.
func (s *Scalar) Destroy() { s.secret().Destroy() }

// secret is nil for the zero value and nil, which are destroyed scalars.
func (s *Scalar) secret() *secret.Bytes {
	if s == nil {
		return nil
	}
	return s.b
}

// mult returns the encoding of s times q (RFC 9496 §4.3.2), which may be the secret of a run: then the caller wipes it.
func (s *Scalar) mult(q *ristretto.Point) (encoded []byte, err error) {
	err = s.secret().Use(func(b []byte) error {
		var k ristretto.Scalar
		var p ristretto.Point
		encoded = p.ScalarMult(q, k.SetBytes((*[Size]byte)(b))).Bytes()
		clear(k[:])
		p.SetZero()
		return nil
	})
	return encoded, err
}
