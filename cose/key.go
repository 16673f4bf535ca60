package cose

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"sync/atomic"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/secret"
	"github.com/sottokit/sotto/internal/wire"
)

// redacted keeps secrets out of everything that prints.
type redacted = secret.Redacted

// Key is a symmetric key of one algorithm for life: A256GCM, ChaCha20Poly1305 or A256KW. It is safe for concurrent use.
// The zero value and nil are destroyed keys.
type Key struct {
	_ [0]func()
	redacted
	alg    Algorithm
	kid    []byte // parameters of a parsed COSE_Key, kept so that it is written back as it was
	baseIV []byte
	id     [8]byte

	// A use takes the cipher once and finishes with it, also when Destroy comes in between: the cipher holds the expanded
	// key and is dropped, not wiped. The secret itself is wiped, after the uses that read it.
	secret *secret.Bytes
	aead   atomic.Pointer[content] // nil for A256KW, and after Destroy
	seals  atomic.Uint64

	lastForm atomic.Pointer[form]
}

// content is the cipher of a content key.
type content struct{ cipher.AEAD }

// MaxSeals bounds the messages that one Key value seals with random IVs (RFC 9053 §4.1.1, NIST SP 800-38D §8.3). It is
// counted per value and process: an app whose keys outlive processes rotates them long before.
const MaxSeals uint64 = 1 << 32

// GenerateKey makes a new random key. An algorithm that is none of A256GCM, ChaCha20Poly1305 and A256KW is fault.Misuse.
func GenerateKey(a Algorithm) (*Key, error) {
	b := make([]byte, keySize)
	rand.Read(b)
	return newKey(coseimpl.SymmetricKey{Alg: int64(a), K: b}, fault.Misuse)
}

// NewKey takes the 32 bytes of a key, which are copied. Another length or algorithm is fault.Malformed.
func NewKey(a Algorithm, b []byte) (*Key, error) {
	return newKey(coseimpl.SymmetricKey{Alg: int64(a), K: bytes.Clone(b)}, fault.Malformed)
}

// ParseKey takes a key as COSE_Key of type Symmetric (RFC 9052 §7), with its parameters in any order. It must name its
// algorithm. A key ID and a base IV are kept. Anything else is fault.Malformed, and key_ops fault.UnsupportedVersion.
func ParseKey(coseKey []byte) (*Key, error) {
	k, err := coseimpl.ParseSymmetricKey(coseKey)
	if err != nil {
		return nil, wrapError(err)
	}
	if k.BaseIV != nil && len(k.BaseIV) != ivSize {
		return nil, fmt.Errorf("cose: base IV of %d bytes: %w", len(k.BaseIV), fault.Malformed)
	}
	return newKey(coseimpl.SymmetricKey{
		Alg: k.Alg, KID: bytes.Clone(k.KID), BaseIV: bytes.Clone(k.BaseIV), K: bytes.Clone(k.K),
	}, fault.Malformed)
}

// ParseOwnKey takes a key as sotto writes it inside of its own messages: as ParseKey, and in exactly the form of
// ExportSecretCOSEKey.
func ParseOwnKey(coseKey []byte) (*Key, error) {
	k, err := ParseKey(coseKey)
	if err != nil {
		return nil, err
	}
	again, err := k.ExportSecretCOSEKey()
	defer clear(again)
	if err != nil || subtle.ConstantTimeCompare(again, coseKey) != 1 {
		k.Destroy()
		return nil, fmt.Errorf("cose: COSE_Key is not in deterministic form: %w", fault.Malformed)
	}
	return k, nil
}

// newKey owns what s holds. wrong is the code for an algorithm that a Key cannot have.
func newKey(s coseimpl.SymmetricKey, wrong fault.Code) (*Key, error) {
	if len(s.K) != keySize {
		return nil, fmt.Errorf("cose: key of %d bytes: %w", len(s.K), fault.Malformed)
	}
	k := &Key{alg: Algorithm(s.Alg), kid: s.KID, baseIV: s.BaseIV, secret: secret.Own(s.K)}
	if k.alg != A256KW {
		alg, err := fixed.FindContent(s.Alg)
		if err != nil {
			return nil, fmt.Errorf("cose: key of %v: %w", k.alg, wrong)
		}
		aead, err := alg.AEAD(s.K)
		if err != nil {
			return nil, wrapError(err)
		}
		k.aead.Store(&content{aead})
	}
	h := sha256.New()
	h.Write(wire.AppendInt(wire.AppendText(nil, wire.LabelKeyID), s.Alg))
	h.Write(s.K)
	copy(k.id[:], h.Sum(nil))
	k.redacted = secret.Redact("cose.Key", k.id[:])
	return k, nil
}

// Algorithm returns the one algorithm of the key.
func (k *Key) Algorithm() Algorithm { return k.orZero().alg }

// ID returns 8 bytes of a hash of the key, for logs and hints. It says nothing about the key to who does not have it.
func (k *Key) ID() []byte { return bytes.Clone(k.orZero().id[:]) }

// KeyID returns the kid of a key that came as COSE_Key, nil when it had none.
func (k *Key) KeyID() []byte { return bytes.Clone(k.orZero().kid) }

// IsBare reports whether the key has neither kid nor base IV: {1: 4, 3: alg, -1: k} and nothing else.
func (k *Key) IsBare() bool { return k.orZero().kid == nil && k.orZero().baseIV == nil }

// Equal compares algorithm and secret, the latter in constant time. A destroyed key equals nothing.
func (k *Key) Equal(other *Key) bool {
	return k.orZero().secret.Equal(other.orZero().secret) && k.Algorithm() == other.Algorithm()
}

// orZero makes nil the zero value, which is a destroyed key.
func (k *Key) orZero() *Key {
	if k == nil {
		return &Key{}
	}
	return k
}

// ExportSecret returns a copy of the 32 secret bytes, which the caller must wipe.
func (k *Key) ExportSecret() ([]byte, error) {
	b, err := k.orZero().secret.Export()
	return b, wrapError(err)
}

// ExportSecretCOSEKey returns the key as COSE_Key in deterministic form, {1: 4, 3: alg, -1: k} and what it was parsed
// with. The caller must wipe it.
func (k *Key) ExportSecretCOSEKey() ([]byte, error) {
	k = k.orZero()
	var coseKey []byte
	err := k.secret.Use(func(b []byte) error {
		s := coseimpl.SymmetricKey{Alg: int64(k.alg), KID: k.kid, BaseIV: k.baseIV, K: b}
		coseKey = s.Append(make([]byte, 0, maxWrappedKey)) // with room, so that no copy of the secret is left behind
		return nil
	})
	return coseKey, wrapError(err)
}

// Destroy wipes the key. It is idempotent; running uses finish with the key, later ones fail with fault.DestroyedKey. The
// key schedule inside the standard library's cipher cannot be wiped; it is dropped.
func (k *Key) Destroy() {
	if k != nil {
		k.aead.Store(nil)
		k.secret.Destroy()
	}
}

// content returns the cipher of a content key.
func (k *Key) content() (cipher.AEAD, error) {
	if k == nil {
		return nil, wrapError(fault.DestroyedKey)
	}
	if c := k.aead.Load(); c != nil {
		return c.AEAD, nil
	}
	if k.alg == A256KW {
		return nil, fmt.Errorf("cose: a key of %v seals no content: %w", k.alg, fault.Misuse)
	}
	return nil, wrapError(fault.DestroyedKey)
}

// countSeal counts one message towards MaxSeals.
func (k *Key) countSeal() error {
	if k.seals.Add(1) > MaxSeals {
		k.seals.Add(^uint64(0)) // stay at the limit: the counter must not wrap
		return fmt.Errorf("cose: messages sealed under one key: %w", fault.OverLimit)
	}
	return nil
}
