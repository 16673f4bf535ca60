package message_test

import (
	"crypto/aes"
	"crypto/cipher"
	"slices"
	"testing"

	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/message"
	"github.com/sottokit/sotto/internal/pad"
	"github.com/sottokit/sotto/internal/wire"
)

// forged is a message in pieces: every one can be another, while the rest is sealed as it must be.
type forged struct {
	head        []byte // tag and array
	protected   []byte // the map in the protected header
	unprotected []byte
	iv          []byte
	key         []byte
	aad         []byte
	padded      []byte
}

// forge is published message number 1.
func (v *vectors) forge(t testing.TB) forged {
	t.Helper()
	b := v.Messages.Sealed[1]
	r := wire.NewReader(b)
	r.Tag("tag")
	r.Array("array", 3)
	protected, unprotected := r.Bytes("protected", 256), r.Raw("unprotected")
	aad := wire.AppendText([]byte{0x84}, wire.LabelMessage)
	aad = wire.AppendBytes(wire.AppendBytes(aad, v.Session.ID), v.Messages.Chain)
	content, err := parse(t, b).Open([32]byte(v.Session.ID), v.Messages.PRK)
	if err != nil {
		t.Fatal(err)
	}
	f := forged{
		head: []byte{0xd0, 0x83}, protected: protected, unprotected: unprotected, iv: unprotected[3:],
		key: v.Messages.Keys[1][:32], aad: append(aad, 1), padded: pad.Append(nil, content),
	}
	if !slices.Equal(f.bytes(), b) {
		t.Fatalf("forged %x", f.bytes())
	}
	return f
}

func (f forged) bytes() []byte { return append(f.front(), wire.AppendBytes(nil, f.ciphertext())...) }

func (f forged) front() []byte {
	return append(wire.AppendBytes(slices.Clone(f.head), f.protected), f.unprotected...)
}

// ciphertext is sealed under the message's key, whatever the headers say.
func (f forged) ciphertext() []byte {
	block, err := aes.NewCipher(f.key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead.Seal(nil, f.iv, f.padded, coseimpl.AppendEncStructure0(nil, f.protected, f.aad))
}

// change returns the message with one thing changed.
func (f forged) change(how func(f *forged)) []byte {
	how(&f)
	return f.bytes()
}

func (v *vectors) open(b []byte) ([]byte, error) {
	m, err := message.Parse(b)
	if err != nil {
		return nil, err
	}
	return m.Open([32]byte(v.Session.ID), v.Messages.PRK)
}
