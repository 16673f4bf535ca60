package ecdh

import (
	"bytes"
	"crypto/hpke"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/secret"
)

// HybridPublicSize is the length of a hybrid public key, in bytes: ML-KEM-768 (1184), then X25519 (32). A hybrid private
// key is a seed of Size bytes.
const HybridPublicSize = 1184 + Size

// HybridPrivateKey is a private key of X-Wing, that is X25519 and ML-KEM-768 in one (draft-connolly-cfrg-xwing-kem, HPKE
// KEM 0x647a). It is safe for concurrent use. The zero value and nil are destroyed keys.
type HybridPrivateKey struct {
	_ [0]func()
	redacted
	seed   *secret.Bytes
	public *HybridPublicKey
}

// HybridPublicKey is a public key of X-Wing whose two halves were checked. It is immutable.
type HybridPublicKey struct {
	_   [0]func()
	b   [HybridPublicSize]byte
	key hpke.PublicKey // nil of the zero value
}

// GenerateHybrid makes a new hybrid key pair from crypto/rand.
func GenerateHybrid() *HybridPrivateKey {
	seed := make([]byte, Size)
	rand.Read(seed)
	k, err := newHybridPrivateKey(seed)
	if err != nil {
		return &HybridPrivateKey{} // unreachable: every 32 bytes are a seed. The zero value is a destroyed key.
	}
	return k
}

// NewHybridPrivateKey takes a seed of 32 bytes, which is copied. Another length is fault.Malformed.
func NewHybridPrivateKey(seed []byte) (*HybridPrivateKey, error) {
	return newHybridPrivateKey(bytes.Clone(seed))
}

// newHybridPrivateKey owns seed.
func newHybridPrivateKey(seed []byte) (*HybridPrivateKey, error) {
	if len(seed) != Size {
		return nil, fmt.Errorf("ecdh: hybrid private key of %d bytes: %w", len(seed), fault.Malformed)
	}
	private, err := hpke.MLKEM768X25519().NewPrivateKey(seed)
	if err != nil {
		return nil, fmt.Errorf("ecdh: hybrid private key: %w", fault.Malformed)
	}
	public, err := NewHybridPublicKey(private.PublicKey().Bytes())
	if err != nil {
		return nil, err
	}
	return &HybridPrivateKey{
		redacted: secret.Redact("ecdh.HybridPrivateKey", public.b[:]),
		seed:     secret.Own(seed),
		public:   public,
	}, nil
}

// NewHybridPublicKey takes a public key of HybridPublicSize bytes. Another length, an ML-KEM half that is not canonical
// (FIPS 203 §7.2) and an X25519 half of low order are fault.Malformed.
func NewHybridPublicKey(b []byte) (*HybridPublicKey, error) {
	if len(b) != HybridPublicSize {
		return nil, fmt.Errorf("ecdh: hybrid public key of %d bytes: %w", len(b), fault.Malformed)
	}
	key, err := hpke.MLKEM768X25519().NewPublicKey(b)
	if err != nil {
		return nil, fmt.Errorf("ecdh: hybrid public key: %w", fault.Malformed)
	}
	if _, err := NewPublicKey(b[HybridPublicSize-Size:]); err != nil {
		return nil, err
	}
	return &HybridPublicKey{b: [HybridPublicSize]byte(b), key: key}, nil
}

// Public returns the public half. It is there even after Destroy. That of the zero value is all zero, which is no key.
func (k *HybridPrivateKey) Public() *HybridPublicKey {
	if k == nil || k.public == nil {
		return &HybridPublicKey{}
	}
	return k.public
}

// ExportSecret returns a copy of the 32 bytes of the seed, which the caller must wipe.
func (k *HybridPrivateKey) ExportSecret() ([]byte, error) { return k.secret().Export() }

// Equal compares two private keys in constant time. A destroyed key equals nothing.
func (k *HybridPrivateKey) Equal(other *HybridPrivateKey) bool {
	return k.secret().Equal(other.secret())
}

// Destroy wipes the key. It is idempotent; later uses fail with fault.DestroyedKey.
func (k *HybridPrivateKey) Destroy() { k.secret().Destroy() }

// secret is the seed, nil for the zero value and nil, which are destroyed keys.
func (k *HybridPrivateKey) secret() *secret.Bytes {
	if k == nil {
		return nil
	}
	return k.seed
}

// Bytes returns a copy of the public key.
func (p *HybridPublicKey) Bytes() []byte { return bytes.Clone(p.b[:]) }

// Equal reports whether two public keys are the same.
func (p *HybridPublicKey) Equal(other *HybridPublicKey) bool { return other != nil && p.b == other.b }

// String returns the first 8 bytes of the public key in hexadecimal.
func (p *HybridPublicKey) String() string { return hex.EncodeToString(p.b[:8]) }
