// Package mk turns passwords into master keys (MK). Most people need Stretch, one of KeyI, KeyII and KeyIII on its
// result, and then hand the Key to whatever takes a cose.Wrapper, a channel key (package kek) for example.
//
//	stretched = Argon2id(password, salt: ID)
//	MK        = HKDF-SHA-256(ikm: stretched, salt: IV | PK | vetKey, info: COSE_KDF_Context, 32 bytes)
//
// The three kinds differ in the salt of the last step, which somebody else keeps: an IV that a service gives out (kind
// I), a key PK that a service derives for its user (kind II), or a vetKey of the Internet Computer (kind III). Kinds II
// and III make a stolen database useless for guessing passwords: the second secret is not in it.
package mk

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"golang.org/x/crypto/argon2"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/secret"
)

// Sizes in bytes.
const (
	Size        = 32   // of a master key, an IV and a PK
	VetKeySize  = 48   // of a vetKey, a compressed point of BLS12-381 G1
	MinID       = 8    // of an ID: the salt of Argon2 has 8 bytes at least
	MaxID       = 1024 // of an ID
	MaxPassword = 4096 // of a password
)

// redacted keeps secrets out of everything that prints.
type redacted = secret.Redacted

// Stretched is a password after Argon2id, from which master keys are made. It is as secret as the password: guessing it
// costs nothing. It is safe for concurrent use.
type Stretched struct {
	_ [0]func()
	redacted
	b     *secret.Bytes
	empty bool // the password was empty
}

// Stretch runs Argon2id version 1.3 over the password, byte for byte as given (see Spellings), with the user's ID as
// salt. It allocates p.Memory() bytes and cannot be interrupted: ctx is looked at before and after. Choose p with
// Calibrate so that the wait is short, and let one Stretch run at a time on a phone.
//
// Parameters out of bounds are refused as Params.Check says; an ID of fewer than MinID bytes is fault.Misuse, longer
// input than MaxID and MaxPassword fault.OverLimit, a done ctx fault.Canceled. An empty password is good for KeyIII only.
func Stretch(ctx context.Context, password, id []byte, p Params) (*Stretched, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if len(id) < MinID {
		return nil, fmt.Errorf("mk: ID of %d bytes, %d is the least: %w", len(id), MinID, fault.Misuse)
	}
	if len(id) > MaxID || len(password) > MaxPassword {
		return nil, fmt.Errorf("mk: ID of %d and password of %d bytes: %w", len(id), len(password), fault.OverLimit)
	}
	if err := canceled(ctx); err != nil {
		return nil, err
	}
	out := argon2.IDKey(password, id, p.Time, p.MemoryKiB, p.Threads, Size)
	s := &Stretched{redacted: secret.Redact("mk.Stretched", nil), b: secret.Own(out), empty: len(password) == 0}
	if err := canceled(ctx); err != nil {
		s.Destroy()
		return nil, err
	}
	return s, nil
}

func canceled(ctx context.Context) error {
	if ctx == nil {
		return fmt.Errorf("mk: no context: %w", fault.Misuse)
	}
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("mk: %w: %w", fault.Canceled, ctx.Err())
}

// KeyI makes a master key of kind I. iv are the 32 bytes that the service keeps for this user; another length is
// fault.Malformed. The master key of an empty password is refused as fault.Misuse.
func (s *Stretched) KeyI(iv []byte) (*Key, error) { return s.withPassword("IV", iv) }

// KeyII makes a master key of kind II. pk are the 32 bytes that the service derives for this user. The errors are those of
// KeyI.
func (s *Stretched) KeyII(pk []byte) (*Key, error) { return s.withPassword("PK", pk) }

// KeyIII makes a master key of kind III from the 48 bytes of a vetKey, or the 32 bytes of a key derived from one; another
// length is fault.Malformed. The password may be empty: the vetKey alone is a secret.
func (s *Stretched) KeyIII(vetKey []byte) (*Key, error) {
	if len(vetKey) != VetKeySize && len(vetKey) != Size {
		return nil, fmt.Errorf("mk: vetKey of %d bytes: %w", len(vetKey), fault.Malformed)
	}
	return s.key(vetKey)
}

// KeyIIIWithoutPassword makes a master key of kind III for a user who has no password. The input keying material is then
// empty, which is another key than the one of an empty password.
func KeyIIIWithoutPassword(vetKey []byte) (*Key, error) {
	return (&Stretched{b: secret.Own([]byte{}), empty: true}).KeyIII(vetKey)
}

func (s *Stretched) withPassword(what string, salt []byte) (*Key, error) {
	if s.empty {
		return nil, fmt.Errorf("mk: empty password: %w", fault.Misuse)
	}
	if len(salt) != Size {
		return nil, fmt.Errorf("mk: %s of %d bytes: %w", what, len(salt), fault.Malformed)
	}
	return s.key(salt)
}

// kdfContext is the info of the last step, a COSE_KDF_Context (RFC 9053 §5.2): an A256GCM key (3) of 256 bits, nobody as
// parties, and the protected header {1: -10} of direct+HKDF-SHA-256.
const kdfContext = "\x84\x03\x83\xf6\xf6\xf6\x83\xf6\xf6\xf6\x82\x19\x01\x00\x43\xa1\x01\x29"

func (s *Stretched) key(salt []byte) (*Key, error) {
	var k *cose.Key
	err := s.b.Use(func(ikm []byte) error {
		b, err := hkdf.Key(sha256.New, ikm, salt, kdfContext, Size)
		if err != nil {
			return err
		}
		defer clear(b)
		k, err = cose.NewKey(cose.A256GCM, b)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("mk: %w", err)
	}
	return newKey(k), nil
}

// ExportSecret returns a copy of the 32 bytes, which the caller must wipe.
func (s *Stretched) ExportSecret() ([]byte, error) { return s.b.Export() }

// Destroy wipes the stretched password. It is idempotent; later uses fail with fault.DestroyedKey.
func (s *Stretched) Destroy() { s.b.Destroy() }

// Key is a master key. It seals other keys (cose.Wrapper), never content. It is safe for concurrent use. The zero value
// and nil are destroyed keys.
type Key struct {
	_ [0]func()
	redacted
	k *cose.Key
}

// NewKey takes a master key of 32 bytes from elsewhere, for example one that a service drew at random; they are copied.
func NewKey(b []byte) (*Key, error) {
	k, err := cose.NewKey(cose.A256GCM, b)
	if err != nil {
		return nil, fmt.Errorf("mk: %w", err)
	}
	return newKey(k), nil
}

func newKey(k *cose.Key) *Key { return &Key{redacted: secret.Redact("mk.Key", k.ID()), k: k} }

// ID returns 8 bytes of a hash of the key, for hints. Who has it, the user's ID and the IV of a kind I key can try passwords
// on it, as on any wrapped key: keep it out of logs that leave the device.
func (k *Key) ID() []byte { return k.key().ID() }

// WrapKey seals inner under the master key; see cose.Key.WrapKey.
func (k *Key) WrapKey(inner *cose.Key, aad []byte) ([]byte, error) {
	return k.key().WrapKey(inner, aad)
}

// UnwrapKey opens what WrapKey sealed. Under another master key, that is with a wrong password, it is fault.WrongSecret.
func (k *Key) UnwrapKey(wrapped, aad []byte) (*cose.Key, error) {
	return k.key().UnwrapKey(wrapped, aad)
}

// Equal compares two master keys in constant time. A destroyed key equals nothing.
func (k *Key) Equal(other *Key) bool { return k.key().Equal(other.key()) }

// ExportSecret returns a copy of the 32 bytes, which the caller must wipe.
func (k *Key) ExportSecret() ([]byte, error) { return k.key().ExportSecret() }

// Destroy wipes the key. It is idempotent; later uses fail with fault.DestroyedKey.
func (k *Key) Destroy() { k.key().Destroy() }

// key is the key inside, nil for the zero value and nil, which are destroyed keys.
func (k *Key) key() *cose.Key {
	if k == nil {
		return nil
	}
	return k.k
}

var _ cose.Wrapper = (*Key)(nil)
