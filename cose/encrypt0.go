package cose

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// Encrypt0 appends a COSE_Encrypt0 of plaintext (RFC 9052 §5.2) with a random IV to dst and returns the result:
//
//	16([<<{1: alg, 16: c.Type}>>, {5: IV}, ciphertext])
//
// without the typ when there is none, without the tag when c is Untagged. It allocates nothing when dst has room for
// plaintext, 100 bytes, twice c.Type and c.AAD. dst must overlap neither plaintext nor c.AAD (fault.Misuse). More than
// MaxPlaintext bytes, or MaxSeals messages, are fault.OverLimit.
func (k *Key) Encrypt0(dst, plaintext []byte, c Context) ([]byte, error) {
	aead, err := k.content()
	if err != nil {
		return nil, err
	}
	f, err := k.form(&c)
	if err != nil {
		return nil, err
	}
	if len(plaintext) > MaxPlaintext {
		return nil, fmt.Errorf("cose: plaintext of %d bytes: %w", len(plaintext), fault.OverLimit)
	}
	if err := c.overlaps(dst, plaintext); err != nil {
		return nil, err
	}
	if err := k.countSeal(); err != nil {
		return nil, err
	}
	dst = slices.Grow(append(dst, f.start...), ivSize)
	iv := dst[len(dst) : len(dst)+ivSize]
	rand.Read(iv)
	return coseimpl.AppendCiphertext0(dst[:len(dst)+ivSize], aead, f.protected, iv, plaintext, c.AAD), nil
}

// Decrypt0 appends the plaintext of message to dst and returns the result. On error the result is nil. message must be of
// the key's algorithm and of the form that c says; what is not is fault.Malformed, or fault.UnsupportedVersion when its
// type is a newer version of sotto's. What does not open with this key in this place is fault.Damaged. dst must overlap
// neither message nor c.AAD (fault.Misuse).
func (k *Key) Decrypt0(dst, message []byte, c Context) ([]byte, error) {
	aead, err := k.content()
	if err != nil {
		return nil, err
	}
	f, err := k.form(&c)
	if err != nil {
		return nil, err
	}
	if err := c.overlaps(dst, message); err != nil {
		return nil, err
	}
	if rest, ok := bytes.CutPrefix(message, f.start); ok && len(rest) > ivSize {
		if ciphertext, ok := wire.WholeBytes(rest[ivSize:]); ok {
			plaintext, err := coseimpl.AppendPlaintext0(dst, aead, f.protected, rest[:ivSize], ciphertext, c.AAD)
			return plaintext, wrapError(err)
		}
	}
	plaintext, err := k.decryptForeign(dst, aead, message, &c)
	return plaintext, wrapError(err)
}

// decryptForeign opens a message that is not of the one form that Encrypt0 writes: a standard message from elsewhere, or
// an own one that is refused with the reason.
func (k *Key) decryptForeign(dst []byte, aead cipher.AEAD, message []byte, c *Context) ([]byte, error) {
	m, err := coseimpl.ParseEncrypt0(message, !c.Untagged)
	if err != nil {
		return nil, err
	}
	if c.Type != "" {
		if err := m.CheckType(c.Type); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("headers are not exactly those of the type: %w", fault.Malformed)
	}
	return m.Open(dst, aead, int64(k.alg), k.baseIV, c.AAD)
}
