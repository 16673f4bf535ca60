package linking

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/secret"
	"github.com/sottokit/sotto/internal/wire"
)

const (
	a256gcm = 3 // the algorithm of every sealed message (RFC 9053 §4.1)
	keySize = 32
	ivSize  = 12
)

// Channel is what two devices have in common once they found each other: a secret that nobody between them has, and a
// transcript. All that they prove, show and seal follows from both. It is safe for concurrent use. The zero
// value is a destroyed one.
type Channel struct {
	_ [0]func()
	redacted
	rendezvous [16]byte
	transcript [32]byte
	prk        *secret.Bytes
}

// ByQR makes the channel of two devices one of which scanned the QR code of the other. own is the key of this attempt.
//
//	PRK = Extract(salt: rendezvous, passphrase || X25519(eO, eN))
func ByQR(rendezvous [16]byte, passphrase []byte, own *ecdh.PrivateKey, peer *ecdh.PublicKey, transcript [32]byte) (*Channel, error) {
	agreed, err := own.Agree(peer)
	if err != nil {
		return nil, err
	}
	defer agreed.Destroy()
	z, err := agreed.ExportSecret()
	if err != nil {
		return nil, err
	}
	defer clear(z)
	ikm := append(append(make([]byte, 0, len(passphrase)+len(z)), passphrase...), z...)
	defer clear(ikm)
	return newChannel(rendezvous, ikm, transcript)
}

// ByCode makes the channel of two devices one of which was given the code of the other.
//
//	PRK = Extract(salt: rendezvous, ISK)
func ByCode(rendezvous [16]byte, isk []byte, transcript [32]byte) (*Channel, error) {
	return newChannel(rendezvous, isk, transcript)
}

func newChannel(rendezvous [16]byte, ikm []byte, transcript [32]byte) (*Channel, error) {
	prk, err := hkdf.Extract(sha256.New, ikm, rendezvous[:])
	if err != nil {
		return nil, err
	}
	return &Channel{
		redacted:   secret.Redact("linking.Channel", rendezvous[:]),
		rendezvous: rendezvous, transcript: transcript, prk: secret.Own(prk),
	}, nil
}

// expand is X(PRK, info, size), which the caller wipes.
func (c *Channel) expand(info []byte, size int) (out []byte, err error) {
	err = c.prk.Use(func(prk []byte) (err error) {
		out, err = hkdf.Expand(sha256.New, prk, string(info), size)
		return err
	})
	return out, err
}

// Tag proves that a side has this channel.
//
//	HMAC(X(PRK, ["sotto/v1.link-confirm", th], 32), [side, th])
func (c *Channel) Tag(side Side) (tag [32]byte, err error) {
	key, err := c.expand(wire.AppendBound(nil, wire.LabelLinkConfirm, c.transcript[:]), sha256.Size)
	if err != nil {
		return tag, err
	}
	defer clear(key)
	mac := hmac.New(sha256.New, key)
	mac.Write(wire.AppendBound(nil, string(side), c.transcript[:]))
	mac.Sum(tag[:0])
	return tag, nil
}

// Digits are what the new device shows and the person types into the old one: check modulo a million. opening is rO, with
// a code, and nil with a QR code.
//
//	check = X(PRK, ["sotto/v1.link-check", th], 16), with a code ["sotto/v1.link-check", th, rO]
func (c *Channel) Digits(opening *[32]byte) (string, error) {
	parts := [][]byte{c.transcript[:]}
	if opening != nil {
		parts = append(parts, opening[:])
	}
	check, err := c.expand(wire.AppendBound(nil, wire.LabelLinkCheck, parts...), 16)
	if err != nil {
		return "", err
	}
	defer clear(check)
	return digitsOf([16]byte(check)), nil
}

// digitsOf is a number of 128 bits modulo a million, in six decimal digits.
func digitsOf(check [16]byte) string {
	const million = 1_000_000
	high, low := binary.BigEndian.Uint64(check[:]), binary.BigEndian.Uint64(check[8:])
	const overflow = (1 << 63 % million) * 2 % million // 2^64 modulo a million
	return fmt.Sprintf("%06d", (high%million*overflow+low%million)%million)
}

// Seal returns a message. Each place has one key and one IV: a message is sealed once in an attempt.
func (c *Channel) Seal(m Content) ([]byte, error) {
	name, to, seq := m.place()
	content, err := wire.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c.SealAt(to, seq, content)
}

// Open reads the message that has its place at m into m. What is sealed for another place, by somebody else, or altered
// is fault.Damaged.
func (c *Channel) Open(message []byte, m Content) error {
	name, to, seq := m.place()
	content, err := c.OpenAt(to, seq, message)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := wire.Unmarshal(name, content, MaxMessage, m); err != nil {
		return err
	}
	return m.Check()
}

// SealAt seals content for a place:
//
//	16([<<{1: 3, 6: seq, 16: "sotto/v1.link"}>>, {}, A256GCM(X(PRK, ["sotto/v1.link-key", to, th], 32)) of content])
//	with external_aad ["sotto/v1.link", rendezvous, to, th] and the IV X(PRK, ["sotto/v1.link-iv", to, th], 12) XOR seq
//
// A Partial IV on a base IV that both sides know (RFC 9052 §3.1): the IV does not travel.
func (c *Channel) SealAt(to Direction, seq byte, content []byte) ([]byte, error) {
	aead, iv, err := c.cipher(to)
	if err != nil {
		return nil, err
	}
	iv[ivSize-1] ^= seq
	return coseimpl.AppendEncrypt0(nil, aead, true, protected(seq), []byte{wire.MajorMap}, iv, content, c.external(to))
}

// OpenAt is the way back.
func (c *Channel) OpenAt(to Direction, seq byte, message []byte) ([]byte, error) {
	if len(message) > MaxMessage {
		return nil, fmt.Errorf("%d bytes: %w", len(message), fault.OverLimit)
	}
	sealed, err := coseimpl.ParseEncrypt0(message, true)
	if err != nil {
		return nil, err
	}
	if err := sealed.CheckType(wire.LabelLink); err != nil {
		return nil, err
	}
	place, err := sealed.Protected.Bytes(coseimpl.HeaderPartialIV)
	if err != nil {
		return nil, err
	}
	if len(place) != 1 || len(sealed.Unprotected) != 0 || !bytes.Equal(sealed.Raw, protected(place[0])) {
		return nil, fmt.Errorf("headers are not exactly those of a message: %w", fault.Malformed)
	}
	if place[0] != seq {
		return nil, fmt.Errorf("sealed as number %d, not %d: %w", place[0], seq, fault.Damaged)
	}
	aead, iv, err := c.cipher(to)
	if err != nil {
		return nil, err
	}
	return sealed.Open(nil, aead, a256gcm, iv, c.external(to))
}

// cipher is the key and the base IV of a direction.
func (c *Channel) cipher(to Direction) (cipher.AEAD, []byte, error) {
	key, err := c.expand(c.directed(wire.LabelLinkKey, to), keySize)
	if err != nil {
		return nil, nil, err
	}
	defer clear(key)
	iv, err := c.expand(c.directed(wire.LabelLinkIV, to), ivSize)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, iv, err
}

// directed is [label, direction, transcript].
func (c *Channel) directed(label string, to Direction) []byte {
	b := wire.AppendText(append(make([]byte, 0, 96), wire.MajorArray|3), label)
	b = wire.AppendText(b, string(to))
	return wire.AppendBytes(b, c.transcript[:])
}

// external is ["sotto/v1.link", rendezvous, direction, transcript].
func (c *Channel) external(to Direction) []byte {
	b := wire.AppendText(append(make([]byte, 0, 96), wire.MajorArray|4), wire.LabelLink)
	b = wire.AppendText(wire.AppendBytes(b, c.rendezvous[:]), string(to))
	return wire.AppendBytes(b, c.transcript[:])
}

// protected is {1: 3, 6: seq, 16: "sotto/v1.link"}. One byte is the shortest form of every number that there is.
func protected(seq byte) []byte {
	b := append(make([]byte, 0, 32), wire.MajorMap|3, coseimpl.HeaderAlg, a256gcm)
	b = append(b, coseimpl.HeaderPartialIV, wire.MajorBytes|1, seq)
	return wire.AppendText(append(b, coseimpl.HeaderTyp), wire.LabelLink)
}

// Destroy wipes the secret. It is idempotent, and does nothing to nil.
func (c *Channel) Destroy() {
	if c != nil {
		c.prk.Destroy()
	}
}
