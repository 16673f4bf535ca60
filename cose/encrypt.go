package cose

import (
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
)

// Encrypt appends a COSE_Encrypt of plaintext (RFC 9052 §5.1) to dst and returns the result:
//
//	96([<<{1: alg, 16: c.Type}>>, {5: IV}, ciphertext, [recipient, …]])
//
// Content key, IV, ephemeral keys and nonces are drawn from crypto/rand. A recipient whose key is the content key (Direct,
// ECDHES, ECDHSS), and one of ToStatic, must be the only one.
//
// The recipients stand outside of what the content key authenticates: they can be dropped, repeated and re-encoded without
// a trace, so the bytes of a message do not identify it. Sign1 over the whole message binds them.
//
// dst must overlap neither plaintext nor c.AAD. Everything wrong with the arguments is
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
	if err := c.overlaps(dst, plaintext); err != nil {
		return nil, err
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
		wipe, err := recipient.write(&e.To[i], &c)
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
	if len(to) > 1 && slices.ContainsFunc(e.To, isStatic) {
		return nil, fmt.Errorf("cose: a static recipient among others: %w", fault.Misuse)
	}
	message, err := coseimpl.AppendEncrypt(dst, &fixed, &e, plaintext)
	return message, wrapError(err)
}

// isStatic reports whether the recipient proves who the sender is. It does so only where nobody else has the content key:
// any recipient could seal other content under it and leave the others' part as it was.
func isStatic(r coseimpl.Recipient) bool {
	return r.Alg == int64(ECDHSS) || r.Alg == int64(ECDHSSA256KW)
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
	if err := c.overlaps(dst, message); err != nil {
		return nil, err
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
	wipe, err := with.read(&o, &c)
	if err != nil {
		return nil, wrapError(err)
	}
	defer wipe()
	o.Exact = c.Type != ""
	if o.From != nil && m.Recipients() > 1 {
		return nil, fmt.Errorf("cose: a static recipient among others: %w", fault.Malformed)
	}
	plaintext, err := m.Open(dst, &fixed, c.content(), &o, nil, c.AAD)
	return plaintext, wrapError(err)
}
