// Package recovery holds the recovery key: one secret of 32 random bytes that a user prints or writes down, and that
// opens everything again when no device is left. Most people need Generate and Key.ExportSecretText to print it, and
// Parse to read what the user types.
//
// The key itself is never used. What opens a lockbox, signs for the device log or opens a backup follows from it, each by
// its own Purpose, so that what one of them learns is no use to the others.
package recovery

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/secret"
	"github.com/sottokit/sotto/internal/wire"
)

// Size is the length of a recovery key and of every secret that follows from it, in bytes.
const Size = 32

// redacted keeps secrets out of everything that prints.
type redacted = secret.Redacted

// Key is a recovery key. Whoever has it has the account. It is safe for concurrent use. The zero value and nil are
// destroyed keys.
type Key struct {
	_ [0]func()
	redacted
	b *secret.Bytes
}

// Generate makes a new recovery key from crypto/rand.
func Generate() *Key {
	b := make([]byte, Size)
	rand.Read(b)
	return newKey(b)
}

// NewKey takes the 32 bytes of a recovery key, which are copied. Another length is fault.Malformed.
func NewKey(b []byte) (*Key, error) {
	if len(b) != Size {
		return nil, fmt.Errorf("recovery: key of %d bytes: %w", len(b), fault.Malformed)
	}
	return newKey(bytes.Clone(b)), nil
}

// newKey owns b.
func newKey(b []byte) *Key {
	return &Key{redacted: secret.Redact("recovery.Key", nil), b: secret.Own(b)}
}

// Purpose is what a secret that follows from a recovery key is for. There are no others than the constants.
type Purpose int

// The purposes.
const (
	ForLog     Purpose = iota + 1 // the Ed25519 seed that signs for the device log
	ForBackup                     // opens a vault
	ForLockbox                    // opens a slot of a lockbox
)

// label is the text that stands for the purpose in the KDF's info, "" for a number that is none.
func (p Purpose) label() string {
	switch p {
	case ForLog:
		return "log"
	case ForBackup:
		return "backup"
	case ForLockbox:
		return "lockbox"
	}
	return ""
}

// ExportSecretFor returns the 32 bytes that the key stands for in one place, which the caller must wipe:
//
//	HKDF-SHA-256(ikm: key, no salt, info: ["sotto/v1.recovery", purpose as text], 32 bytes)
//
// A number that is no Purpose is fault.Misuse.
func (k *Key) ExportSecretFor(p Purpose) ([]byte, error) {
	label := p.label()
	if label == "" {
		return nil, fmt.Errorf("recovery: purpose %d: %w", int(p), fault.Misuse)
	}
	info := wire.AppendHead(nil, wire.MajorArray, 2)
	info = wire.AppendText(info, wire.LabelRecovery)
	info = wire.AppendText(info, label)
	var out []byte
	err := k.secret().Use(func(b []byte) (err error) {
		out, err = hkdf.Key(sha256.New, b, nil, string(info), Size)
		return err
	})
	return out, wrapError(err)
}

// ExportSecret returns a copy of the 32 bytes of the key, which the caller must wipe.
func (k *Key) ExportSecret() ([]byte, error) {
	b, err := k.secret().Export()
	return b, wrapError(err)
}

// Equal compares two keys in constant time. A destroyed key equals nothing.
func (k *Key) Equal(other *Key) bool { return k.secret().Equal(other.secret()) }

// Destroy wipes the key. It waits for running uses and is idempotent; later uses fail with fault.DestroyedKey.
func (k *Key) Destroy() { k.secret().Destroy() }

// secret is what k holds, nil for the zero value and nil, which are destroyed keys.
func (k *Key) secret() *secret.Bytes {
	if k == nil {
		return nil
	}
	return k.b
}

// wrapError names the package in an error that comes from below.
func wrapError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("recovery: %w", err)
}
