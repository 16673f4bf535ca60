// Package message holds the form of a message: content that a device signed, sealed under a key of its own. Nothing here
// draws randomness or decides whom to trust: random values come in as arguments, and what Open returns is verified by
// package session.
package message

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/pad"
	"github.com/sottokit/sotto/internal/wire"
)

// MaxSize bounds a message, in bytes.
const MaxSize = 1 << 20

const (
	headerCounter = -70005 // of a message: its place in the chain
	a256gcm       = 3      // the algorithm of every message (RFC 9053 §4.1)
	keySize       = 32
	ivSize        = 12
	prefixSize    = 16 // bytes of the session ID that a message shows
	chainSize     = 8
	overhead      = 128 // at least what a message has beside its padded content
	maxInt        = 1<<53 - 1
)

// Place is where a message stands: the session, the chain of its sender, and the counter in that chain.
type Place struct {
	Session [32]byte
	Chain   [chainSize]byte
	Counter uint64
}

// PRK is what all message keys of a session follow from: Extract(salt: session ID, secret). The caller wipes it.
func PRK(session [32]byte, secret []byte) ([]byte, error) {
	return hkdf.Extract(sha256.New, secret, session[:])
}

// keys derives the key that seals the message and the key of its IV, which the caller wipes:
//
//	MK || NK = X(PRK, ["sotto/v1.message-key", session, chain, counter], 64)
func (p *Place) keys(prk []byte) ([]byte, error) {
	return hkdf.Expand(sha256.New, prk, string(p.bound(wire.LabelMessageKey)), 2*keySize)
}

// bound is [label, session, chain, counter].
func (p *Place) bound(label string) []byte {
	b := wire.AppendText(append(make([]byte, 0, 96), wire.MajorArray|4), label)
	b = wire.AppendBytes(b, p.Session[:])
	b = wire.AppendBytes(b, p.Chain[:])
	return wire.AppendHead(b, wire.MajorUint, p.Counter)
}

// ContentAAD is the external_aad of content that the device of that record signs for this place:
// ["sotto/v1.content", session, sender, chain, counter].
func (p *Place) ContentAAD(sender [32]byte) []byte {
	b := wire.AppendText(append(make([]byte, 0, 128), wire.MajorArray|5), wire.LabelContent)
	b = wire.AppendBytes(b, p.Session[:])
	b = wire.AppendBytes(b, sender[:])
	b = wire.AppendBytes(b, p.Chain[:])
	return wire.AppendHead(b, wire.MajorUint, p.Counter)
}

// protected is {1: 3, 4: session[:16] || chain, 16: "sotto/v1.message", -70005: counter}.
func (p *Place) protected() []byte {
	kid := append(append(make([]byte, 0, prefixSize+chainSize), p.Session[:prefixSize]...), p.Chain[:]...)
	b := append(make([]byte, 0, 96), wire.MajorMap|4, coseimpl.HeaderAlg, a256gcm)
	b = wire.AppendBytes(append(b, coseimpl.HeaderKID), kid)
	b = wire.AppendText(append(b, coseimpl.HeaderTyp), wire.LabelMessage)
	return wire.AppendHead(wire.AppendInt(b, headerCounter), wire.MajorUint, p.Counter)
}

// Seal appends the message of signed content to dst, which must not overlap it. r are 32 random bytes. The IV follows from
// them and from the content: a device whose state was copied together with its random generator uses a key twice, but never
// with one IV for two texts.
//
//	IV      = HMAC-SHA-256(NK, r || H(pad(content)))[:12]
//	message = 16([<<protected>>, {5: IV}, A256GCM(MK) of pad(content)])  with external_aad ["sotto/v1.message", session, chain, counter]
//
// Content for which the message would exceed MaxSize is fault.OverLimit.
func Seal(dst []byte, p *Place, prk, r, content []byte) ([]byte, error) {
	size := pad.Size(len(content))
	if size > MaxSize-overhead {
		return nil, fmt.Errorf("message: content of %d bytes: %w", len(content), fault.OverLimit)
	}
	keys, err := p.keys(prk)
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	defer clear(keys)
	aead, err := newGCM(keys[:keySize])
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	padded := pad.Append(make([]byte, 0, size), content)
	iv := hedgedIV(keys[keySize:], r, padded)
	unprotected := wire.AppendBytes([]byte{wire.MajorMap | 1, coseimpl.HeaderIV}, iv)
	dst = slices.Grow(dst, size+2*overhead) // room for the AAD, too
	return coseimpl.AppendEncrypt0(dst, aead, true, p.protected(), unprotected, iv, padded, p.bound(wire.LabelMessage))
}

func hedgedIV(nk, r, padded []byte) []byte {
	sum := sha256.Sum256(padded)
	mac := hmac.New(sha256.New, nk)
	mac.Write(r)
	mac.Write(sum[:])
	return mac.Sum(nil)[:ivSize]
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Message is a parsed message, not yet opened: nothing in it was verified.
type Message struct {
	Prefix  [prefixSize]byte // of the session's ID
	Chain   [chainSize]byte
	Counter uint64
	sealed  *coseimpl.Encrypt0
}

// Parse reads a message of the one form that Seal writes. A label of a newer version is fault.UnsupportedVersion.
func Parse(b []byte) (*Message, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("message of %d bytes: %w", len(b), fault.OverLimit)
	}
	sealed, err := coseimpl.ParseEncrypt0(b, true)
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	if err := sealed.CheckType(wire.LabelMessage); err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	kid, err := sealed.Protected.Bytes(coseimpl.HeaderKID)
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	counter, _, err := sealed.Protected.Int(headerCounter)
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	if len(kid) != prefixSize+chainSize || counter < 0 || counter > maxInt {
		return nil, fmt.Errorf("message: no place in the protected header: %w", fault.Malformed)
	}
	m := &Message{[prefixSize]byte(kid), [chainSize]byte(kid[prefixSize:]), uint64(counter), sealed}
	p := Place{Chain: m.Chain, Counter: m.Counter}
	copy(p.Session[:], m.Prefix[:])
	if !sealed.HasExactly(p.protected()) {
		return nil, fmt.Errorf("message: headers are not exactly those of a message: %w", fault.Malformed)
	}
	return m, nil
}

// Open returns the content as it was signed. What does not open in this session is fault.Damaged.
func (m *Message) Open(session [32]byte, prk []byte) ([]byte, error) {
	p := Place{session, m.Chain, m.Counter}
	keys, err := p.keys(prk)
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	defer clear(keys)
	aead, err := newGCM(keys[:keySize])
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	padded, err := m.sealed.Open(nil, aead, a256gcm, nil, p.bound(wire.LabelMessage))
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	content, err := pad.Strip(padded)
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	return content, nil
}
