package conformance

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// rfcTests makes a driver for a file that holds the test vectors of an RFC as a list of tests.
func rfcTests(f func(s *suite, test []byte) (string, error)) driver {
	return func(s *suite, file []byte) error {
		var form struct {
			Tests []json.RawMessage `json:"tests"`
		}
		if err := decode(file, &form); err != nil {
			return err
		}
		s.checkEach("test", form.Tests, func(test []byte) (string, error) { return f(s, test) })
		return nil
	}
}

// keyWrap is for RFC 3394 §4.
func keyWrap(_ *suite, test []byte) (string, error) {
	var t struct {
		KEK     octets `json:"kek"`
		Key     octets `json:"keyData"`
		Wrapped octets `json:"wrapped"`
	}
	if err := decode(test, &t); err != nil {
		return "", err
	}
	wrapped, err := coseimpl.WrapKey(t.KEK, t.Key)
	if err != nil {
		return "", err
	}
	key, err := coseimpl.UnwrapKey(t.KEK, t.Wrapped)
	if err != nil {
		return "", err
	}
	return "", errors.Join(equal("wrapped key", wrapped, t.Wrapped), equal("unwrapped key", key, t.Key))
}

// hkdfBothSteps is for RFC 5869 appendix A.
func hkdfBothSteps(_ *suite, test []byte) (string, error) {
	var t struct {
		Hash string `json:"hash"`
		IKM  octets `json:"ikm"`
		Salt octets `json:"salt,omitempty"` // absent stands for zeros (RFC 5869 §2.2)
		Info octets `json:"info"`
		Size int    `json:"L"`
		PRK  octets `json:"prk"`
		OKM  octets `json:"okm"`
	}
	if err := decode(test, &t); err != nil {
		return "", err
	}
	if t.Hash != "SHA-256" {
		return "", skip(t.Hash + " is not a hash of sotto's HKDF")
	}
	prk, err := hkdf.Extract(sha256.New, t.IKM, t.Salt)
	if err != nil {
		return "", err
	}
	okm, err := hkdf.Expand(sha256.New, prk, string(t.Info), max(t.Size, 0))
	if err != nil {
		return "", err
	}
	return "", errors.Join(equal("PRK", prk, t.PRK), equal("OKM", okm, t.OKM))
}

// pbkdf2Test is for RFC 6070 §2 and RFC 7914 §11.
func pbkdf2Test(_ *suite, test []byte) (string, error) {
	var t struct {
		PRF        string `json:"prf"`
		Password   octets `json:"password"`
		Salt       octets `json:"salt"`
		Iterations int    `json:"iterations"`
		Size       int    `json:"dkLen"`
		DK         octets `json:"dk"`
	}
	if err := decode(test, &t); err != nil {
		return "", err
	}
	if t.PRF != "HMAC-SHA-256" {
		return "", skip("PBKDF2 with " + t.PRF + " is not in sotto")
	}
	dk, err := pbkdf2SHA256(t.Password, t.Salt, t.Iterations, t.Size)
	if err != nil {
		return "", err
	}
	return "", equal("derived key", dk, t.DK)
}

// Bounds of PBKDF2: a vector file must not take the machine.
const (
	maxIterations = 10_000_000
	maxDerived    = 1 << 16 // bytes
)

func pbkdf2SHA256(password, salt []byte, iterations, size int) ([]byte, error) {
	if iterations < 1 || size < 1 {
		return nil, fmt.Errorf("PBKDF2 with %d iterations for %d bytes", iterations, size)
	}
	if iterations > maxIterations || size > maxDerived {
		return nil, skip(fmt.Sprintf("PBKDF2 with %d iterations for %d bytes is too costly", iterations, size))
	}
	return pbkdf2.Key(sha256.New, string(password), salt, iterations, size)
}

func scryptTest(_ *suite, test []byte) (string, error) {
	var t struct {
		DK octets `json:"dk"`
	}
	if err := decode(test, &t); err != nil {
		return "", err
	}
	return "", skip("scrypt is not in sotto")
}

// ed25519Test is for RFC 8032 §7. sotto has neither the contexts nor the pre-hashed form.
func ed25519Test(_ *suite, test []byte) (string, error) {
	var t struct {
		Algorithm string `json:"algorithm"`
		Secret    octets `json:"sk"`
		Public    octets `json:"pk"`
		Msg       octets `json:"msg"`
		Sig       octets `json:"sig"`
	}
	if err := decode(test, &t); err != nil {
		return "", err
	}
	if t.Algorithm != "Ed25519" {
		return "", skip(t.Algorithm + " is not in sotto")
	}
	if len(t.Secret) != ed25519.SeedSize {
		return "", fmt.Errorf("sk of %d bytes", len(t.Secret))
	}
	key := ed25519.NewKeyFromSeed(t.Secret)
	s, err := cose.NewSigner(key, nil)
	if err != nil {
		return "", err
	}
	if err := equal("public key", s.Verifier().PublicKey(), t.Public); err != nil {
		return "", err
	}
	if !ed25519.Verify(s.Verifier().PublicKey(), t.Msg, t.Sig) {
		return "", errSignature
	}
	return "", equal("signature", ed25519.Sign(key, t.Msg), t.Sig)
}

// chachaTest is for RFC 8439 §2.8.2.
func chachaTest(_ *suite, test []byte) (string, error) {
	var t struct {
		Key   octets `json:"key"`
		Nonce octets `json:"nonce"`
		AAD   octets `json:"aad"`
		PT    octets `json:"pt"`
		CT    octets `json:"ct"`
		Tag   octets `json:"tag"`
	}
	if err := decode(test, &t); err != nil {
		return "", err
	}
	content, err := contentNamed("ChaCha-Poly1305")
	if err != nil {
		return "", err
	}
	aead, err := content.AEAD(t.Key)
	if err != nil {
		return "", err
	}
	if len(t.Nonce) != content.IVSize {
		return "", fmt.Errorf("nonce of %d bytes", len(t.Nonce))
	}
	sealed := slices.Concat(t.CT, t.Tag)
	plaintext, err := aead.Open(nil, t.Nonce, sealed, t.AAD)
	if err != nil {
		return "", err
	}
	again := aead.Seal(nil, t.Nonce, t.PT, t.AAD)
	return "", errors.Join(equal("plaintext", plaintext, t.PT), equal("ciphertext", again, sealed))
}

// malformedCBOR is for RFC 8949 appendix F: both decoders of the house refuse every item.
func malformedCBOR(_ *suite, test []byte) (string, error) {
	var t struct {
		Item octets `json:"hex"`
	}
	if err := decode(test, &t); err != nil {
		return "", err
	}
	r := wire.NewReader(t.Item)
	r.Raw("item")
	if r.End("item") == nil {
		return "", fmt.Errorf("wire.Reader: %w", errOpened)
	}
	var v any
	if wire.Unmarshal("item", t.Item, len(t.Item), &v) == nil {
		return "", fmt.Errorf("wire.Unmarshal: %w", errOpened)
	}
	return "", nil
}
