package envelope_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"slices"
	"testing"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/pad"
	"github.com/sottokit/sotto/internal/wire"
)

// forged is an envelope in pieces: every one can be another, while the rest is sealed as it must be.
type forged struct {
	head        []byte // tag and array
	protected   []byte // the map in the protected header
	unprotected []byte
	iv          []byte
	cek         []byte
	aad         []byte
	padded      []byte
	recipients  [][]byte
}

// forge is the published envelope with one recipient, bob's tablet.
func (v *vectors) forge(t testing.TB) forged {
	t.Helper()
	one := parse(t, v.Session.Stripped)
	r := wire.NewReader(v.Session.Stripped)
	r.Tag("tag")
	r.Array("array", 4)
	protected := r.Bytes("protected", 256)
	unprotected := r.Raw("unprotected")
	f := forged{
		head: []byte{0xd8, coseimpl.TagEncrypt, 0x84}, protected: protected, unprotected: unprotected, iv: unprotected[3:],
		cek: v.Session.CEK, aad: wire.AppendBound(nil, wire.LabelEnvelope, one.ID[:]),
		padded:     pad.Append(nil, v.Session.Statement),
		recipients: [][]byte{v.Session.Stripped[len(v.Session.Stripped)-108:]},
	}
	if r.Err() != nil || !bytes.Equal(f.bytes(), v.Session.Stripped) {
		t.Fatalf("forged %x: %v", f.bytes(), r.Err())
	}
	return f
}

func (f forged) bytes() []byte { return f.with(f.ciphertext()) }

// ciphertext is sealed under the content key, whatever the headers say.
func (f forged) ciphertext() []byte {
	block, err := aes.NewCipher(f.cek)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead.Seal(nil, f.iv, f.padded, coseimpl.AppendEncStructure(nil, f.protected, f.aad))
}

// with is the envelope of any ciphertext.
func (f forged) with(ciphertext []byte) []byte {
	b := append(f.front(), wire.AppendBytes(nil, ciphertext)...)
	return append(b, f.back()...)
}

func (f forged) front() []byte {
	return append(wire.AppendBytes(slices.Clone(f.head), f.protected), f.unprotected...)
}

func (f forged) back() []byte {
	b := wire.AppendHead(nil, wire.MajorArray, uint64(len(f.recipients)))
	return append(b, bytes.Join(f.recipients, nil)...)
}

// change returns the envelope with one thing changed.
func (f forged) change(how func(f *forged)) []byte {
	how(&f)
	return f.bytes()
}

// open is all that a device does with an envelope before it looks at the statement.
func (v *vectors) open(t testing.TB, b []byte, name string) ([]byte, error) {
	t.Helper()
	d := v.Devices[name]
	return open(b, [16]byte(d.KeyID), [32]byte(d.Cert), private(t, d.Private))
}

func open(b []byte, keyID [16]byte, cert [32]byte, key *ecdh.PrivateKey) ([]byte, error) {
	e, err := envelope.Parse(b)
	if err != nil {
		return nil, err
	}
	cek, err := e.Unwrap(keyID, cert, key)
	if err != nil {
		return nil, err
	}
	return e.Open(cek)
}
