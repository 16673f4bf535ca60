// Package dek holds content keys (DEK). Most people need Key.Seal and Key.Open, for messages and for files of up to
// MaxSeal bytes. A DEK belongs to one channel key (KEK) and is stored wrapped under it.
package dek

import (
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/secret"
	"github.com/sottokit/sotto/internal/wire"
)

// MaxSeal bounds what one Seal takes, in bytes.
const MaxSeal = 16 << 20

// MaxAAD bounds the aad of Seal and Open, in bytes.
const MaxAAD = 64 << 10

// redacted keeps secrets out of everything that prints.
type redacted = secret.Redacted

// Key is a content key. It is safe for concurrent use. The zero value and nil are destroyed keys.
type Key struct {
	_ [0]func()
	redacted
	k *cose.Key
}

// Generate makes a new random content key.
func Generate() *Key {
	k, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		return &Key{} // unreachable: the algorithm is fixed. The zero Key is a destroyed one.
	}
	return newKey(k)
}

func newKey(k *cose.Key) *Key { return &Key{redacted: secret.Redact("dek.Key", k.ID()), k: k} }

// Wrap seals the key under w, a KEK as a rule. It opens only with the same aad, which says where the key belongs, for
// example a channel.
func (k *Key) Wrap(w cose.Wrapper, aad []byte) ([]byte, error) {
	wrapped, err := cose.Wrap(w, k.key(), AAD(aad))
	if err != nil {
		return nil, fmt.Errorf("dek: %w", err)
	}
	return wrapped, nil
}

// AAD is the aad under which Wrap calls the Wrapper, ["sotto/v1.dek", aad]. It is for what deals with wrapped keys without
// knowing their role, mk.Ring.Rewrap for one.
func AAD(aad []byte) []byte { return wire.AppendBound(nil, wire.LabelDEK, aad) }

// Unwrap opens what Wrap sealed. The errors are those of cose.Wrapper: another wrapper is fault.WrongSecret, another aad
// or altered bytes are fault.Damaged, a key that is no content key fault.Malformed.
func Unwrap(w cose.Wrapper, wrapped, aad []byte) (*Key, error) {
	k, err := cose.Unwrap(w, wrapped, AAD(aad))
	if err != nil {
		return nil, fmt.Errorf("dek: %w", err)
	}
	if k.Algorithm() != cose.A256GCM || !k.IsBare() {
		k.Destroy()
		return nil, fmt.Errorf("dek: a key of %v: %w", k.Algorithm(), fault.Malformed)
	}
	return newKey(k), nil
}

// context binds sealed content to aad: external_aad ["sotto/v1.sealed", aad]. buf keeps short ones off the heap.
func context(buf, aad []byte) cose.Context {
	return cose.Context{Type: wire.LabelSealed, AAD: wire.AppendBound(buf, wire.LabelSealed, aad)}
}

// Seal appends the sealed plaintext to dst and returns the result, a COSE_Encrypt0 with a random IV (cose.Key.Encrypt0).
// It opens only with the same aad. It allocates nothing when dst has room for the message and 250 bytes more and aad has up
// to 100 bytes. dst must not overlap plaintext (fault.Misuse). Over MaxSeal bytes, or cose.MaxSeals calls, are
// fault.OverLimit.
func (k *Key) Seal(dst, plaintext, aad []byte) ([]byte, error) {
	if len(plaintext) > MaxSeal || len(aad) > MaxAAD {
		return nil, fmt.Errorf("dek: plaintext of %d and aad of %d bytes: %w", len(plaintext), len(aad), fault.OverLimit)
	}
	var buf [128]byte
	return k.key().Encrypt0(dst, plaintext, context(buf[:0], aad))
}

// Open appends the plaintext of sealed to dst and returns the result, nil on error: fault.Damaged for what does not open
// with this key and this aad, fault.Malformed for what is no sealed content. dst must not overlap sealed (fault.Misuse).
func (k *Key) Open(dst, sealed, aad []byte) ([]byte, error) {
	if len(sealed) > MaxSeal+Overhead || len(aad) > MaxAAD {
		return nil, fmt.Errorf("dek: sealed %d and aad of %d bytes: %w", len(sealed), len(aad), fault.OverLimit)
	}
	var buf [128]byte
	return k.key().Decrypt0(dst, sealed, context(buf[:0], aad))
}

// Overhead is what sealing adds at most, in bytes: 26 of headers with the type, 12 of IV, 5 of length, 16 of tag.
const Overhead = 8 + len(wire.LabelSealed) + 3 + 12 + 5 + 16

// ID returns 8 bytes of a hash of the key, for logs and hints.
func (k *Key) ID() []byte { return k.key().ID() }

// ExportSecret returns a copy of the 32 secret bytes, which the caller must wipe.
func (k *Key) ExportSecret() ([]byte, error) { return k.key().ExportSecret() }

// Equal compares two keys in constant time. A destroyed key equals nothing.
func (k *Key) Equal(other *Key) bool { return k.key().Equal(other.key()) }

// Destroy wipes the key. It is idempotent; later uses fail with fault.DestroyedKey.
func (k *Key) Destroy() { k.key().Destroy() }

// key is the key inside, nil for the zero value and nil, which are destroyed keys.
func (k *Key) key() *cose.Key {
	if k == nil {
		return nil
	}
	return k.k
}
