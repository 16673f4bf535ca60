package cose

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	gocose "github.com/veraison/go-cose"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/secret"
)

// Signer signs COSE_Sign1 messages (RFC 9052 §4.2) with Ed25519. It is safe for concurrent use.
type Signer struct {
	_ [0]func()
	redacted
	life     secret.Life
	key      crypto.Signer
	verifier *Verifier
}

// Verifier checks COSE_Sign1 messages of one Ed25519 key. It is immutable. The zero value refuses every message.
type Verifier struct {
	_     [0]func()
	key   ed25519.PublicKey
	keyID []byte
}

// GenerateSigner makes a new Ed25519 key from crypto/rand, without a key ID.
func GenerateSigner() *Signer {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	key := ed25519.NewKeyFromSeed(seed)
	clear(seed)
	return newSigner(key, &Verifier{key: key.Public().(ed25519.PublicKey)})
}

// NewSigner takes an Ed25519 key: the standard library's, of which a copy is kept, or one in hardware. keyID goes into
// the header as kid and is expected there by the Verifier; nil leaves it out. A key of another kind is fault.Malformed.
func NewSigner(key crypto.Signer, keyID []byte) (*Signer, error) {
	if key == nil {
		return nil, fmt.Errorf("cose: no signing key: %w", fault.Misuse)
	}
	if k, ok := key.(ed25519.PrivateKey); ok {
		if len(k) != ed25519.PrivateKeySize {
			return nil, fmt.Errorf("cose: Ed25519 private key of %d bytes: %w", len(k), fault.Malformed)
		}
		key = slices.Clone(k)
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("cose: signing key is not Ed25519: %w", fault.Malformed)
	}
	v, err := NewVerifier(public, keyID)
	if err != nil {
		return nil, err
	}
	return newSigner(key, v), nil
}

func newSigner(key crypto.Signer, v *Verifier) *Signer {
	s := &Signer{redacted: secret.Redact("cose.Signer", v.key[:8]), key: key, verifier: v}
	s.life.Birth()
	return s
}

// NewVerifier takes an Ed25519 public key of 32 bytes and the key ID that its messages carry, nil for none. Another
// length, and the 14 encodings of points of small order, under which anything verifies, are fault.Malformed. 32 bytes
// that are no point at all make a Verifier that refuses every message.
func NewVerifier(public ed25519.PublicKey, keyID []byte) (*Verifier, error) {
	if len(public) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("cose: Ed25519 public key of %d bytes: %w", len(public), fault.Malformed)
	}
	if smallOrder(public) {
		return nil, fmt.Errorf("cose: Ed25519 public key of small order: %w", fault.Malformed)
	}
	return &Verifier{key: bytes.Clone(public), keyID: bytes.Clone(keyID)}, nil
}

// Verifier returns the public side.
func (s *Signer) Verifier() *Verifier { return s.verifier }

// PublicKey returns a copy of the 32 bytes of the public key.
func (v *Verifier) PublicKey() ed25519.PublicKey { return bytes.Clone(v.key) }

// KeyID returns a copy of the key ID, nil when there is none.
func (v *Verifier) KeyID() []byte { return bytes.Clone(v.keyID) }

// Equal reports whether two verifiers have the same key and key ID.
func (v *Verifier) Equal(other *Verifier) bool {
	return subtle.ConstantTimeCompare(v.key, other.key) == 1 && bytes.Equal(v.keyID, other.keyID)
}

// String returns the public key in hexadecimal.
func (v *Verifier) String() string { return hex.EncodeToString(v.key) }

// Sign1 appends a COSE_Sign1 of payload to dst and returns the result: with a Type
//
//	18([<<{1: -8, 4: kid, 16: c.Type}>>, {}, payload, signature])
//
// and for a standard message 18([<<{1: -8}>>, {4: kid}, payload, signature]). Over MaxPlaintext bytes are
// fault.OverLimit; a signer in hardware that fails is fault.StoreFailed.
func (s *Signer) Sign1(dst, payload []byte, c Context) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if len(payload) > MaxPlaintext {
		return nil, fmt.Errorf("cose: payload of %d bytes: %w", len(payload), fault.OverLimit)
	}
	if err := s.life.Begin(); err != nil {
		return nil, wrapError(err)
	}
	defer s.life.End()
	protected, unprotected := s.verifier.headers(c.Type)
	message, err := coseimpl.AppendSign1(dst, ed25519Signer{s.key}, !c.Untagged, protected, unprotected, payload, c.AAD)
	return message, wrapError(err)
}

// headers returns both headers of a message of this key.
func (v *Verifier) headers(typ string) (protected, unprotected []byte) {
	protect := []coseimpl.Field{coseimpl.IntField(coseimpl.HeaderAlg, int64(EdDSA))}
	var open []coseimpl.Field
	if v.keyID != nil {
		kid := coseimpl.BytesField(coseimpl.HeaderKID, v.keyID)
		if typ == "" {
			open = append(open, kid)
		} else {
			protect = append(protect, kid)
		}
	}
	if typ != "" {
		protect = append(protect, coseimpl.TextField(coseimpl.HeaderTyp, typ))
	}
	return coseimpl.AppendHeader(nil, protect...), coseimpl.AppendHeader(nil, open...)
}

// Verify1 returns the payload of message if this key signed it for c. The payload points into message. A message that is
// not of the expected form is fault.Malformed; another kid, or a signature that is not this key's over exactly this, is
// fault.UntrustedSigner.
func (v *Verifier) Verify1(message []byte, c Context) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	m, err := coseimpl.ParseSign1(message, !c.Untagged)
	if err != nil {
		return nil, wrapError(err)
	}
	kid, err := m.Bytes(coseimpl.HeaderKID)
	if err != nil {
		return nil, wrapError(err)
	}
	// A standard message may leave the kid out, or carry one that was never agreed on.
	if agreed := v.keyID != nil && (kid != nil || c.Type != ""); agreed && !bytes.Equal(kid, v.keyID) {
		return nil, fmt.Errorf("cose: another key ID: %w", fault.UntrustedSigner)
	}
	if c.Type != "" {
		if err := m.CheckType(c.Type); err != nil {
			return nil, wrapError(err)
		}
		if protected, _ := v.headers(c.Type); !bytes.Equal(m.Raw, protected) || len(m.Unprotected) > 0 {
			return nil, fmt.Errorf("cose: headers are not exactly those of the type: %w", fault.Malformed)
		}
	}
	payload, err := m.Verify(ed25519Verifier(v.key), c.AAD)
	return payload, wrapError(err)
}

// ExportSecretSeed returns a copy of the 32 secret bytes (RFC 8032 §5.1.5), which the caller must wipe. A key in hardware
// has none to give: fault.Misuse.
func (s *Signer) ExportSecretSeed() ([]byte, error) {
	if err := s.life.Begin(); err != nil {
		return nil, wrapError(err)
	}
	defer s.life.End()
	key, ok := s.key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("cose: the signing key is not in memory: %w", fault.Misuse)
	}
	return key.Seed(), nil
}

// Destroy wipes the key, or lets go of the one in hardware. It waits for running uses and is idempotent; later uses fail
// with fault.DestroyedKey. The Verifier lives on.
func (s *Signer) Destroy() {
	s.life.Kill(func() {
		if key, ok := s.key.(ed25519.PrivateKey); ok {
			clear(key)
		}
		s.key = nil
	})
}

// ed25519Signer and ed25519Verifier are what go-cose calls.
type ed25519Signer struct{ crypto.Signer }

func (ed25519Signer) Algorithm() gocose.Algorithm { return gocose.AlgorithmEdDSA }

func (s ed25519Signer) Sign(random io.Reader, content []byte) ([]byte, error) {
	sig, err := s.Signer.Sign(random, content, crypto.Hash(0)) // Hash(0) asks crypto/ed25519 for pure Ed25519
	if err == nil && len(sig) != ed25519.SignatureSize {
		return nil, fmt.Errorf("signature of %d bytes: %w", len(sig), fault.StoreFailed)
	}
	return sig, err
}

type ed25519Verifier ed25519.PublicKey

func (ed25519Verifier) Algorithm() gocose.Algorithm { return gocose.AlgorithmEdDSA }

func (v ed25519Verifier) Verify(content, sig []byte) error {
	if len(v) != ed25519.PublicKeySize { // of a zero Verifier; crypto/ed25519 panics
		return gocose.ErrVerification
	}
	if !ed25519.Verify(ed25519.PublicKey(v), content, sig) { // cofactorless, S < L, R compared as bytes
		return gocose.ErrVerification
	}
	return nil
}
