package envelope_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"slices"
	"testing"

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

// scene is a published envelope with one recipient in pieces, and two devices of which the first one reads it.
type scene struct {
	forged
	suite        uint64
	statement    octets
	reader, twin *envelope.Private

	// Where they are in a recipient, and how long the public half is. A key ID has 16 bytes, the wrapped key stands last.
	keyID, public, publicSize, wrapped int
}

// forge is the scene of suite 1, which most tests of what both suites share take.
func (v *vectors) forge(t testing.TB) *scene { return v.scenes(t)[0] }

// scenes are one of each suite.
func (v *vectors) scenes(t testing.TB) []*scene {
	t.Helper()
	carol := v.Devices["carol/phone"].key(t)
	stripped, err := parse(t, v.Suite2.Envelope).Strip(carol.KeyID)
	if err != nil {
		t.Fatal(err)
	}
	return []*scene{
		{
			pieces(t, v.Session.Stripped, v.Session.CEK, v.Session.Statement, 108), 1, v.Session.Statement,
			v.Devices["bob/tablet"].key(t), v.Devices["bob/phone"].key(t), 9, 34, 32, 68,
		},
		{
			pieces(t, stripped, v.Suite2.CEK, v.Suite2.Statement, 1202), 2, v.Suite2.Statement,
			carol, v.Devices["dave/phone"].key(t), 12, 32, 1120, 1154,
		},
	}
}

// pieces takes an envelope with one recipient of that size apart.
func pieces(t testing.TB, b, cek, statement octets, recipient int) forged {
	t.Helper()
	id := parse(t, b).ID
	r := wire.NewReader(b)
	r.Tag("tag")
	r.Array("array", 4)
	protected := r.Bytes("protected", 256)
	unprotected := r.Raw("unprotected")
	f := forged{
		head: []byte{0xd8, coseimpl.TagEncrypt, 0x84}, protected: protected, unprotected: unprotected, iv: unprotected[3:],
		cek: cek, aad: wire.AppendBound(nil, wire.LabelEnvelope, id[:]), padded: pad.Append(nil, statement),
		recipients: [][]byte{b[len(b)-recipient:]},
	}
	if r.Err() != nil || !bytes.Equal(f.bytes(), b) {
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
func open(b []byte, p *envelope.Private) ([]byte, error) {
	e, err := envelope.Parse(b)
	if err != nil {
		return nil, err
	}
	cek, err := e.Unwrap(p)
	if err != nil {
		return nil, err
	}
	return e.Open(cek)
}
