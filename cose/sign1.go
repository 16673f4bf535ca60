package cose

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"sync/atomic"

	gocose "github.com/veraison/go-cose"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/secret"
	"github.com/sottokit/sotto/internal/wire"
)

// Signer signs COSE_Sign1 messages (RFC 9052 §4.2) with Ed25519. It is safe for concurrent use. The zero value is a
// destroyed key.
type Signer struct {
	_ [0]func()
	redacted
	private  *secret.Bytes            // a key in memory: seed and public key, as crypto/ed25519 has it
	device   atomic.Pointer[hardware] // a key elsewhere
	verifier *Verifier
}

// hardware is a signing key that is not in memory.
type hardware struct{ crypto.Signer }

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
// the header as kid and is expected there by the Verifier; nil leaves it out. A key of another kind, or whose public half
// is not its own, is fault.Malformed.
func NewSigner(key crypto.Signer, keyID []byte) (*Signer, error) {
	if key == nil {
		return nil, fmt.Errorf("cose: no signing key: %w", fault.Misuse)
	}
	if p, ok := key.(*ed25519.PrivateKey); ok && p != nil {
		key = *p
	}
	if k, ok := key.(ed25519.PrivateKey); ok {
		return newSignerInMemory(k, keyID)
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("cose: signing key is not Ed25519: %w", fault.Malformed)
	}
	v, err := NewVerifier(public, keyID)
	if err != nil {
		return nil, err
	}
	s := &Signer{redacted: secret.Redact("cose.Signer", v.key), verifier: v}
	s.device.Store(&hardware{key})
	return s, nil
}

func newSignerInMemory(k ed25519.PrivateKey, keyID []byte) (*Signer, error) {
	if len(k) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("cose: Ed25519 private key of %d bytes: %w", len(k), fault.Malformed)
	}
	own := ed25519.NewKeyFromSeed(k[:ed25519.SeedSize])
	// Signing with another public half gives the same R with another S, from which the private scalar follows.
	if !bytes.Equal(own[ed25519.SeedSize:], k[ed25519.SeedSize:]) {
		clear(own)
		return nil, fmt.Errorf("cose: Ed25519 public half is not that of the seed: %w", fault.Malformed)
	}
	v, err := NewVerifier(ed25519.PublicKey(own[ed25519.SeedSize:]), keyID)
	if err != nil {
		clear(own)
		return nil, err
	}
	return newSigner(own, v), nil
}

// newSigner owns key.
func newSigner(key ed25519.PrivateKey, v *Verifier) *Signer {
	return &Signer{redacted: secret.Redact("cose.Signer", v.key), private: secret.Own(key), verifier: v}
}

// NewVerifier takes an Ed25519 public key of 32 bytes and the key ID that its messages carry, nil for none. Another
// length, and the 14 encodings of points of small order, under which anything verifies, are fault.Malformed. 32 bytes
// that are no point at all make a Verifier that refuses every message.
func NewVerifier(public ed25519.PublicKey, keyID []byte) (*Verifier, error) {
	if len(public) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("cose: Ed25519 public key of %d bytes: %w", len(public), fault.Malformed)
	}
	if len(keyID) > MaxKeyID {
		return nil, fmt.Errorf("cose: key ID of %d bytes: %w", len(keyID), fault.OverLimit)
	}
	if smallOrder(public) {
		return nil, fmt.Errorf("cose: Ed25519 public key of small order: %w", fault.Malformed)
	}
	return &Verifier{key: bytes.Clone(public), keyID: bytes.Clone(keyID)}, nil
}

// Verifier returns the public side.
func (s *Signer) Verifier() *Verifier {
	if s.verifier == nil {
		return &Verifier{}
	}
	return s.verifier
}

// PublicKey returns a copy of the 32 bytes of the public key.
func (v *Verifier) PublicKey() ed25519.PublicKey { return bytes.Clone(v.key) }

// KeyID returns a copy of the key ID, nil when there is none.
func (v *Verifier) KeyID() []byte { return bytes.Clone(v.keyID) }

// Equal reports whether two verifiers have the same key and key ID.
func (v *Verifier) Equal(other *Verifier) bool {
	return other != nil && bytes.Equal(v.key, other.key) && bytes.Equal(v.keyID, other.keyID)
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
	if err := c.overlaps(dst, payload); err != nil {
		return nil, err
	}
	protected, unprotected := s.Verifier().headers(c.Type)
	message, err := coseimpl.AppendSign1(dst, ed25519Signer{s}, !c.Untagged, protected, unprotected, payload, c.AAD)
	return message, wrapError(err)
}

// headers returns both headers of a message of this key, in deterministic order: 1, 4, 16.
func (v *Verifier) headers(typ string) (protected, unprotected []byte) {
	pairs := byte(1)
	if typ != "" {
		pairs++
		if v.keyID != nil {
			pairs++
		}
	}
	protected = append(make([]byte, 0, 16+len(v.keyID)+len(typ)), wire.MajorMap|pairs, coseimpl.HeaderAlg)
	protected = wire.AppendInt(protected, int64(EdDSA))
	kid := func(dst []byte) []byte { return wire.AppendBytes(append(dst, coseimpl.HeaderKID), v.keyID) }
	switch {
	case typ == "" && v.keyID == nil:
		return protected, []byte{wire.MajorMap}
	case typ == "":
		return protected, kid([]byte{wire.MajorMap | 1})
	case v.keyID != nil:
		protected = kid(protected)
	}
	return wire.AppendText(append(protected, coseimpl.HeaderTyp), typ), []byte{wire.MajorMap}
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
	if s.device.Load() != nil {
		return nil, fmt.Errorf("cose: the signing key is not in memory: %w", fault.Misuse)
	}
	var seed []byte
	err := s.private.Use(func(key []byte) error {
		seed = bytes.Clone(key[:ed25519.SeedSize])
		return nil
	})
	return seed, wrapError(err)
}

// Destroy wipes the key, or lets go of the one in hardware. It is idempotent; later uses fail with fault.DestroyedKey. The
// Verifier lives on.
func (s *Signer) Destroy() {
	s.device.Store(nil)
	s.private.Destroy()
}

// ed25519Signer and ed25519Verifier are what go-cose calls.
type ed25519Signer struct{ s *Signer }

func (ed25519Signer) Algorithm() gocose.Algorithm { return gocose.AlgorithmEdDSA }

func (e ed25519Signer) Sign(random io.Reader, content []byte) (sig []byte, err error) {
	if device := e.s.device.Load(); device != nil {
		return device.sign(random, content, e.s.verifier.key)
	}
	err = e.s.private.Use(func(key []byte) error {
		sig = ed25519.Sign(key, content)
		return nil
	})
	return sig, err
}

// sign asks the device, outside of any lock, and checks its answer: a signature with a fault may give the key away.
func (h *hardware) sign(random io.Reader, content []byte, public ed25519.PublicKey) ([]byte, error) {
	sig, err := h.Signer.Sign(random, content, crypto.Hash(0)) // Hash(0) asks for pure Ed25519
	if err == nil && !ed25519.Verify(public, content, sig) {
		return nil, fmt.Errorf("signature of the device is wrong: %w", fault.StoreFailed)
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
