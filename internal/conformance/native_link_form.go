package conformance

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/wire"
)

// What follows from the secrets of two devices that are being linked, as docs/spec/link.md has it, beside internal/linking,
// which apps use.

// linkForm is an attempt: its mailbox, its transcript, and the PRK from which all keys follow.
type linkForm struct {
	rendezvous, transcript, prk []byte
}

// linkQRForm is the content of a QR code.
type linkQRForm struct {
	Version    uint64 `cbor:"1,keyasint"`
	Rendezvous []byte `cbor:"2,keyasint"`
	Passphrase []byte `cbor:"3,keyasint"`
	Key        []byte `cbor:"4,keyasint"`
	User       string `cbor:"5,keyasint"`
	Cert       []byte `cbor:"6,keyasint"`
	Expires    uint64 `cbor:"7,keyasint"`
	Intent     uint64 `cbor:"8,keyasint"`
}

// linkByQR is the attempt in which that content was answered with a key.
func linkByQR(f *linkQRForm, qr, newKey []byte, own *ecdh.PrivateKey) (*linkForm, error) {
	peer, err := ecdh.NewPublicKey(newKey)
	if err != nil {
		return nil, err
	}
	agreed, err := own.Agree(peer)
	if err != nil {
		return nil, err
	}
	z, err := agreed.ExportSecret()
	if err != nil {
		return nil, err
	}
	seen, err := wire.Marshal([]any{wire.LabelLinkTranscript, 1, hashOf(qr), newKey})
	if err != nil {
		return nil, err
	}
	prk, err := hkdf.Extract(sha256.New, append(append([]byte{}, f.Passphrase...), z...), f.Rendezvous)
	return &linkForm{f.Rendezvous, hashOf(seen), prk}, err
}

// expand is X(PRK, [label, part, …], size).
func (l *linkForm) expand(size int, label string, parts ...any) ([]byte, error) {
	info, err := wire.Marshal(append([]any{label}, parts...))
	if err != nil {
		return nil, err
	}
	return hkdf.Expand(sha256.New, l.prk, string(info), size)
}

func (l *linkForm) confirm() ([]byte, error) {
	return l.expand(sha256.Size, wire.LabelLinkConfirm, l.transcript)
}

// tag proves that a side, "old" or "new", has the keys.
func (l *linkForm) tag(side string) ([]byte, error) {
	key, err1 := l.confirm()
	text, err2 := wire.Marshal([]any{side, l.transcript})
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	return mac.Sum(nil), errors.Join(err1, err2)
}

// digits are what a person types. opening is nil with a QR code.
func (l *linkForm) digits(opening []byte) (string, error) {
	parts := []any{l.transcript}
	if opening != nil {
		parts = append(parts, opening)
	}
	check, err := l.expand(16, wire.LabelLinkCheck, parts...)
	if err != nil {
		return "", err
	}
	n := new(big.Int).SetBytes(check)
	return fmt.Sprintf("%06d", n.Mod(n, big.NewInt(1_000_000))), nil
}

// keys are the key and the base IV of a direction, "old-to-new" or "new-to-old".
func (l *linkForm) keys(direction string) (key, iv []byte, err error) {
	key, err1 := l.expand(32, wire.LabelLinkKey, direction, l.transcript)
	iv, err2 := l.expand(12, wire.LabelLinkIV, direction, l.transcript)
	return key, iv, errors.Join(err1, err2)
}

// seal makes a message.
func (l *linkForm) seal(direction string, seq byte, fields map[uint64]any) ([]byte, error) {
	key, iv, err := l.keys(direction)
	if err != nil {
		return nil, err
	}
	aead, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	content, err1 := wire.Marshal(fields)
	protected, err2 := wire.Marshal(map[uint64]any{1: 3, 6: []byte{seq}, 16: wire.LabelLink})
	external, err3 := wire.Marshal([]any{wire.LabelLink, l.rendezvous, direction, l.transcript})
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	aad, err := wire.Marshal([]any{"Encrypt0", protected, external})
	if err != nil {
		return nil, err
	}
	iv[len(iv)-1] ^= seq
	b, err := wire.Marshal([]any{protected, map[uint64]any{}, aead.Seal(nil, iv, content, aad)})
	return append([]byte{wire.MajorTag | 16}, b...), err
}
