package conformance

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/sottokit/sotto/internal/coseimpl"
)

// wide is the table of algorithms that published vectors are run with: those of package cose, and what the same code
// can do with other parameters. Names are the ones that cose-wg/Examples uses. It is written nowhere.
var wide = coseimpl.Table{
	BareStatic: true,
	Content: []coseimpl.ContentAlgorithm{
		{ID: 1, Name: "A128GCM", KeySize: 16, IVSize: 12, New: newGCM},
		{ID: 2, Name: "A192GCM", KeySize: 24, IVSize: 12, New: newGCM},
		{ID: 3, Name: "A256GCM", KeySize: 32, IVSize: 12, New: newGCM},
		{ID: 24, Name: "ChaCha-Poly1305", KeySize: 32, IVSize: 12, New: chacha20poly1305.New},

		// RFC 9053 §4.2: the first number is L in bits, the last one is M in bits.
		{ID: 10, Name: "AES-CCM-16-128/64", KeySize: 16, IVSize: 13, New: newCCM(2, 8)},
		{ID: 11, Name: "AES-CCM-16-256/64", KeySize: 32, IVSize: 13, New: newCCM(2, 8)},
		{ID: 12, Name: "AES-CCM-64-128/64", KeySize: 16, IVSize: 7, New: newCCM(8, 8)},
		{ID: 13, Name: "AES-CCM-64-256/64", KeySize: 32, IVSize: 7, New: newCCM(8, 8)},
		{ID: 30, Name: "AES-CCM-16-128/128", KeySize: 16, IVSize: 13, New: newCCM(2, 16)},
		{ID: 31, Name: "AES-CCM-16-256/128", KeySize: 32, IVSize: 13, New: newCCM(2, 16)},
		{ID: 32, Name: "AES-CCM-64-128/128", KeySize: 16, IVSize: 7, New: newCCM(8, 16)},
		{ID: 33, Name: "AES-CCM-64-256/128", KeySize: 32, IVSize: 7, New: newCCM(8, 16)},
	},
	Recipients: []coseimpl.RecipientAlgorithm{
		{ID: -6, Name: "direct", Source: coseimpl.FromKey},
		{ID: -5, Name: "A256KW", Source: coseimpl.FromKey, Wrap: true},
		{ID: -10, Name: "HKDF-HMAC-SHA-256", Source: coseimpl.FromKey, KDF: true},
		{ID: -25, Name: "ECDH-ES", Source: coseimpl.FromEphemeral, KDF: true},
		{ID: -27, Name: "ECDH-SS", Source: coseimpl.FromStatic, KDF: true},
		{ID: -31, Name: "ECDH-ES-A256KW", Source: coseimpl.FromEphemeral, KDF: true, Wrap: true},
		{ID: -34, Name: "ECDH-SS-A256KW", Source: coseimpl.FromStatic, KDF: true, Wrap: true},
	},
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// contentNamed returns the content algorithm of a published name. One that wide does not have skips the case.
func contentNamed(name string) (*coseimpl.ContentAlgorithm, error) {
	for i := range wide.Content {
		if wide.Content[i].Name == name {
			return &wide.Content[i], nil
		}
	}
	return nil, notOurs(name)
}

func notOurs(name string) error { return skip(fmt.Sprintf("%q is not an algorithm of sotto", name)) }
