package cose

import (
	"crypto/rand"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// Encrypt appends a COSE_Encrypt of plaintext (RFC 9052 §5.1) to dst and returns the result:
//
//	96([<<{1: alg, 16: c.Type}>>, {5: IV}, ciphertext, [recipient, …]])
//
// Content key, IV, ephemeral keys and nonces are drawn from crypto/rand. A recipient whose key is the content key (Direct,
// ECDHES, ECDHSS) must be the only one. dst must not overlap plaintext. Everything wrong with the arguments is
// fault.Misuse, too much of them fault.OverLimit.
func Encrypt(dst, plaintext []byte, to []Recipient, c Context) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if len(to) == 0 {
		return nil, fmt.Errorf("cose: no recipient: %w", fault.Misuse)
	}
	if len(plaintext) > MaxPlaintext || len(to) > coseimpl.MaxRecipients {
		return nil, fmt.Errorf("cose: %d bytes to %d recipients: %w", len(plaintext), len(to), fault.OverLimit)
	}
	if wire.Overlap(dst, plaintext) {
		return nil, fmt.Errorf("cose: dst overlaps plaintext: %w", fault.Misuse)
	}
	if _, err := fixed.FindContent(c.content()); err != nil {
		return nil, fmt.Errorf("cose: Context.Content %v: %w", c.Content, fault.Misuse)
	}
	iv := make([]byte, ivSize)
	rand.Read(iv)
	e := coseimpl.Envelope{
		Tagged:      !c.Untagged,
		Alg:         c.content(),
		Protected:   coseimpl.AppendProtected(nil, c.content(), c.Type),
		Unprotected: coseimpl.AppendHeader(nil, coseimpl.BytesField(coseimpl.HeaderIV, iv)),
		IV:          iv,
		External:    c.AAD,
		To:          make([]coseimpl.Recipient, len(to)),
	}
	for i, recipient := range to {
		if recipient == nil {
			return nil, fmt.Errorf("cose: recipient %d is nil: %w", i, fault.Misuse)
		}
		wipe, err := recipient.write(&e.To[i], Algorithm(e.Alg))
		if err != nil {
			return nil, wrapError(err)
		}
		defer wipe()
	}
	if wraps(e.To[0].Alg) {
		e.CEK = make([]byte, keySize)
		rand.Read(e.CEK)
		defer clear(e.CEK)
	}
	message, err := coseimpl.AppendEncrypt(dst, &fixed, &e, plaintext)
	return message, wrapError(err)
}

// wraps reports whether the recipient algorithm wraps a content key.
func wraps(alg int64) bool {
	a, err := fixed.FindRecipient(alg)
	return err == nil && a.Wrap
}

// Decrypt appends the plaintext of message to dst and returns the result, nil on error. Only recipients of with's
// algorithm and key ID are tried; when there is none, the error is fault.NotForThisDevice. See Key.Decrypt0 for the
// others; fault.UntrustedSigner says that a static key is not the expected sender's.
func Decrypt(dst, message []byte, with Opener, c Context) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if with == nil {
		return nil, fmt.Errorf("cose: no opener: %w", fault.Misuse)
	}
	if wire.Overlap(dst, message) {
		return nil, fmt.Errorf("cose: dst overlaps message: %w", fault.Misuse)
	}
	m, err := coseimpl.ParseEncrypt(message, !c.Untagged)
	if err != nil {
		return nil, wrapError(err)
	}
	if c.Type != "" {
		if err := m.CheckType(c.Type); err != nil {
			return nil, wrapError(err)
		}
		if !m.HasExactly(&fixed, message, coseimpl.AppendProtected(nil, c.content(), c.Type)) {
			return nil, fmt.Errorf("cose: headers are not exactly those of the type: %w", fault.Malformed)
		}
	}
	var o coseimpl.Opener
	wipe, err := with.read(&o, Algorithm(c.content()))
	if err != nil {
		return nil, wrapError(err)
	}
	defer wipe()
	plaintext, err := m.Open(dst, &fixed, c.content(), &o, nil, c.AAD)
	return plaintext, wrapError(err)
}
