// Package cose reads and writes COSE messages (RFC 9052, RFC 9053). Most people need Key.Encrypt0 and Key.Decrypt0;
// those who seal to somebody's public key need Encrypt and Decrypt, those who sign Signer.Sign1 and Verifier.Verify1.
//
// Every call says in a Context what the bytes are for, and a message opens only where the same is said. sotto's own
// messages (Context.Type set) have exactly one form; standard messages from elsewhere (Type "") are read as RFC 9052
// allows, with three deliberate limits: the algorithm counts only where it is protected, heads are of shortest form, and
// content is never detached.
package cose

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// Algorithm is a COSE algorithm by its IANA number.
type Algorithm int64

// The algorithms of this package. There are no others, and none is ever negotiated.
const (
	A256GCM          Algorithm = 3   // AES-256-GCM, RFC 9053 §4.1
	ChaCha20Poly1305 Algorithm = 24  // RFC 9053 §4.3
	A256KW           Algorithm = -5  // AES-256 key wrap, RFC 9053 §6.2.1
	Direct           Algorithm = -6  // a shared key is the content key, RFC 9053 §6.1.1
	EdDSA            Algorithm = -8  // Ed25519, RFC 9053 §2.2
	ECDHES           Algorithm = -25 // X25519 ephemeral-static + HKDF-SHA-256, RFC 9053 §6.3.1
	ECDHSS           Algorithm = -27 // X25519 static-static + HKDF-SHA-256
	ECDHESA256KW     Algorithm = -31 // X25519 ephemeral-static + A256KW, RFC 9053 §6.4.1
	ECDHSSA256KW     Algorithm = -34 // X25519 static-static + A256KW
)

// String returns the name of the algorithm, or its number when it is not one of this package.
func (a Algorithm) String() string {
	switch a {
	case A256GCM:
		return "A256GCM"
	case ChaCha20Poly1305:
		return "ChaCha20-Poly1305"
	case A256KW:
		return "A256KW"
	case Direct:
		return "direct"
	case EdDSA:
		return "EdDSA"
	case ECDHES:
		return "ECDH-ES+HKDF-256"
	case ECDHSS:
		return "ECDH-SS+HKDF-256"
	case ECDHESA256KW:
		return "ECDH-ES+A256KW"
	case ECDHSSA256KW:
		return "ECDH-SS+A256KW"
	}
	return fmt.Sprintf("algorithm %d", int64(a))
}

// Limits, in bytes.
const (
	MaxPlaintext = coseimpl.MaxContent // of one message
	MaxType      = 128                 // of Context.Type
	MaxKeyID     = 1024                // of a key ID, and of a nonce of a Party
)

const (
	keySize = 32
	ivSize  = 12
)

// fixed is the algorithm table of this package. It is written nowhere.
var fixed = coseimpl.Table{
	Content: []coseimpl.ContentAlgorithm{
		{ID: int64(A256GCM), Name: "A256GCM", KeySize: keySize, IVSize: ivSize, New: newGCM},
		{ID: int64(ChaCha20Poly1305), Name: "ChaCha20-Poly1305", KeySize: keySize, IVSize: ivSize, New: chacha20poly1305.New},
	},
	Recipients: []coseimpl.RecipientAlgorithm{
		{ID: int64(Direct), Name: "direct", Source: coseimpl.FromKey},
		{ID: int64(A256KW), Name: "A256KW", Source: coseimpl.FromKey, Wrap: true},
		{ID: int64(ECDHES), Name: "ECDH-ES", Source: coseimpl.FromEphemeral, KDF: true},
		{ID: int64(ECDHSS), Name: "ECDH-SS", Source: coseimpl.FromStatic, KDF: true},
		{ID: int64(ECDHESA256KW), Name: "ECDH-ES+A256KW", Source: coseimpl.FromEphemeral, KDF: true, Wrap: true},
		{ID: int64(ECDHSSA256KW), Name: "ECDH-SS+A256KW", Source: coseimpl.FromStatic, KDF: true, Wrap: true},
	},
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Context says what the bytes are for. Writer and reader give the same one.
type Context struct {
	// Type is the label of an own message, for example "acme/v1.note": exactly one slash, at most MaxType bytes. It goes
	// into the protected header as typ (RFC 9596). "" stands for a standard message from or for elsewhere.
	Type string

	// AAD is the complete external_aad (RFC 9052 §4.3). With a Type it must be the encoding of a CBOR array that starts
	// with the Type, as Bind makes it. nil means empty.
	AAD []byte

	// Untagged is the form that is written and expected: without the CBOR tag. The other form is then refused.
	Untagged bool

	// Content is the content algorithm of Encrypt and Decrypt; 0 is A256GCM. Elsewhere the key decides.
	Content Algorithm
}

// Bind makes the Context of an own message: typ, and where the message belongs. Nothing opens with other parts.
func Bind(typ string, parts ...[]byte) Context {
	return Context{Type: typ, AAD: wire.AppendBound(nil, typ, parts...)}
}

// check refuses a Context that does not bind what it claims to.
func (c *Context) check() error {
	if err := c.checkType(); err != nil {
		return err
	}
	return c.checkAAD()
}

func (c *Context) checkType() error {
	n := len(c.Type)
	if n > MaxType || n > 0 && (strings.Count(c.Type, "/") != 1 || c.Type[0] == ' ' || c.Type[n-1] == ' ' || !utf8.ValidString(c.Type)) {
		return fmt.Errorf("cose: Context.Type is no label: %w", fault.Misuse)
	}
	return nil
}

// checkAAD checks that the AAD of an own message starts with the head of a short array, the head of a text, and the type.
func (c *Context) checkAAD() error {
	n := len(c.Type)
	if n == 0 {
		return nil
	}
	start := 1 + wire.HeadSize(uint64(n)) // n is at most MaxType, so the head of the text has one byte or two
	if len(c.AAD) < start+n || c.AAD[0] < wire.MajorArray|1 || c.AAD[0] >= wire.MajorArray|24 ||
		start == 2 && c.AAD[1] != wire.MajorText|byte(n) || start == 3 && (c.AAD[1] != wire.MajorText|24 || c.AAD[2] != byte(n)) ||
		string(c.AAD[start:start+n]) != c.Type {
		return fmt.Errorf("cose: Context.AAD does not start with the type: %w", fault.Misuse)
	}
	return nil
}

// content returns the content algorithm of an Encrypt.
func (c *Context) content() int64 {
	if c.Content == 0 {
		return int64(A256GCM)
	}
	return int64(c.Content)
}

// overlaps reports whether appending to dst would write over what is read meanwhile.
func (c *Context) overlaps(dst, in []byte) error {
	if wire.Overlap(dst, in) || wire.Overlap(dst, c.AAD) {
		return fmt.Errorf("cose: dst overlaps the input: %w", fault.Misuse)
	}
	return nil
}

// wrapError names the package in an error that comes from below.
func wrapError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cose: %w", err)
}
