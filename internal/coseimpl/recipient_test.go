package coseimpl

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// fixedAgreer agrees on the same secret with everybody.
type fixedAgreer struct{}

func (fixedAgreer) AppendPublic(dst []byte) ([]byte, error) { return dst, nil }
func (fixedAgreer) Agree(Header) ([]byte, error)            { return bytes.Repeat([]byte{7}, 32), nil }

// An identity may travel in either header of a recipient, and must be the expected one wherever it stands. Here it is
// protected, and the content key was derived as the sender wants it: only the comparison is left.
func TestIdentitiesInTheProtectedHeaderAreComparedToo(t *testing.T) {
	table := Table{
		Content: []ContentAlgorithm{{ID: 3, KeySize: 32, IVSize: 12, New: func(key []byte) (cipher.AEAD, error) {
			block, err := aes.NewCipher(key)
			if err != nil {
				return nil, err
			}
			return cipher.NewGCM(block)
		}}},
		Recipients: []RecipientAlgorithm{{ID: -25, Source: FromEphemeral, KDF: true}},
	}
	opener := Opener{Alg: -25, Mine: fixedAgreer{}, KDF: KDF{U: Party{Identity: []byte("alice")}}}
	for name, want := range map[string]fault.Code{"alice": 0, "mallory": fault.Malformed} {
		protected := AppendHeader(nil, IntField(HeaderAlg, -25), BytesField(HeaderPartyU, []byte(name)))
		secret, err := fixedAgreer{}.Agree(nil)
		if err != nil {
			t.Fatal(err)
		}
		cek, err := opener.KDF.derive(secret, 3, 32, protected)
		if err != nil {
			t.Fatal(err)
		}
		aead, err := table.Content[0].AEAD(cek)
		if err != nil {
			t.Fatal(err)
		}
		iv, header := make([]byte, 12), AppendProtected(nil, 3, "")
		message := wire.AppendBytes([]byte{0xd8, TagEncrypt, wire.MajorArray | 4}, header)
		message = AppendHeader(message, BytesField(HeaderIV, iv))
		message = appendCiphertext(message, aead, contextEncrypt, header, iv, []byte("hi"), nil)
		message = wire.AppendBytes(append(message, wire.MajorArray|1, wire.MajorArray|3), protected)
		message = AppendHeader(message, Field{Label: HeaderEphemeralKey, Value: (&OKPKey{X: make([]byte, 32)}).Append(nil, CurveX25519)})
		message = wire.AppendBytes(message, nil)

		m, err := ParseEncrypt(message, true)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Open(nil, &table, 3, &opener, nil, nil)
		if want == 0 && (err != nil || string(got) != "hi") || want != 0 && !errors.Is(err, want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
