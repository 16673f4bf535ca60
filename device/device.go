// Package device knows who a user's devices are. Each device has two separately made key pairs: Ed25519 to sign with,
// which names the device for life (Record), and X25519 to receive with, which changes every week (MessagingKey). A user's
// devices stand in a hash-chained log that they sign themselves (Log), so that no server can add one.
//
// Most people need Generate and Found for the first device, Log.Add for the next one, Verify for the log of somebody else,
// and Resume and Log.Extend for a log that was verified before. Each change of one's own log goes round the same way: sign,
// store the Keys, send the entry, Extend, Settle, store the Keys. Time is an argument everywhere; nothing here does I/O. The
// formats are in docs/spec/device.md.
package device

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// ID names a device of a user: 16 random bytes, which stay when its record is renewed.
type ID [16]byte

// String returns the ID in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Hash is a SHA-256. That of a signed object covers its whole tagged bytes.
type Hash [sha256.Size]byte

// String returns the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

func hash(b []byte) Hash { return sha256.Sum256(b) }

// CertID names a record: the SHA-256 of its payload. It is the key ID of what the device signs.
type CertID [sha256.Size]byte

// String returns the CertID in hexadecimal.
func (c CertID) String() string { return hex.EncodeToString(c[:]) }

// Suite says which algorithms a device can do. It may grow in the life of a device and never shrinks.
type Suite uint64

// The suites.
const (
	Classical Suite = 1 // X25519
	Hybrid    Suite = 2 // X25519 and X-Wing (X25519 with ML-KEM-768)
)

// Limits. Sizes are in bytes.
const (
	MaxUser         = 128 // of a user ID, at least 1
	MaxServer       = 256 // of a server ID, at least 1
	MaxRecord       = 1024
	MaxDeviceKey    = 2048
	MaxEntry        = 2048
	MaxRegistration = 4096
	MaxEntries      = 65536 // of a log
	MaxActive       = 32    // active devices of a user
	MaxHeads        = 4096  // users of a roster
	MaxRoster       = 10000 // devices of a roster
)

// checkUser refuses what is no user ID: UTF-8 of 1 to MaxUser bytes without control characters. It is opaque and compared
// as bytes. wrong is the code: whose mistake it is.
func checkUser(user string, wrong fault.Code) error {
	return checkName("user ID", user, MaxUser, wrong)
}

func checkName(what, name string, limit int, wrong fault.Code) error {
	if !wire.ValidName(name, limit) {
		return fmt.Errorf("device: %s of %d bytes is not 1 to %d bytes of UTF-8 without control characters: %w", what, len(name), limit, wrong)
	}
	return nil
}

// maxInt bounds every integer of the formats, so that each implementation can hold it exactly: 2^53 - 1.
const maxInt = 1<<53 - 1

func checkInts(what string, values ...uint64) error {
	for _, v := range values {
		if v > maxInt {
			return fmt.Errorf("device: %s: integer over 2^53: %w", what, fault.Malformed)
		}
	}
	return nil
}

// seconds is a time as the formats have it: Unix seconds. Nothing is decided by the time of somebody else.
func seconds(now time.Time) (uint64, error) {
	s := now.Unix()
	if s < 0 || s > maxInt {
		return 0, fmt.Errorf("device: a time before 1970: %w", fault.Misuse)
	}
	return uint64(s), nil
}

// signed is a COSE_Sign1 whose signature was not checked yet.
type signed struct {
	bytes   []byte
	kid     []byte // who claims to have signed
	payload []byte // what is claimed
}

// parseSigned reads the outside of a signed object.
func parseSigned(what string, b []byte, limit int) (*signed, error) {
	if len(b) > limit {
		return nil, fmt.Errorf("device: %s of %d bytes: %w", what, len(b), fault.OverLimit)
	}
	m, err := coseimpl.ParseSign1(b, true)
	if err != nil {
		return nil, fmt.Errorf("device: %s: %w", what, err)
	}
	kid, err := m.Bytes(coseimpl.HeaderKID)
	if err != nil {
		return nil, fmt.Errorf("device: %s: %w", what, err)
	}
	return &signed{b, kid, m.Unverified()}, nil
}

// verify checks that exactly these bytes were signed by v for the place that c names.
func (s *signed) verify(what string, v *cose.Verifier, c cose.Context) error {
	if _, err := v.Verify1(s.bytes, c); err != nil {
		return fmt.Errorf("device: %s: %w", what, err)
	}
	return nil
}

// sign encodes fields, one of the structs of the formats, and signs them for the place that c names.
func sign(what string, s *cose.Signer, fields any, c cose.Context) ([]byte, error) {
	payload, err := wire.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("device: %s: %w", what, err)
	}
	b, err := s.Sign1(nil, payload, c)
	if err != nil {
		return nil, fmt.Errorf("device: %s: %w", what, err)
	}
	return b, nil
}

// userContext is the place of what belongs to a user: external_aad [label, user ID as text].
func userContext(label, user string) cose.Context {
	aad := wire.AppendText(wire.AppendHead(nil, wire.MajorArray, 2), label)
	return cose.Context{Type: label, AAD: wire.AppendText(aad, user)}
}
