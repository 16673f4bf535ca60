package coseimpl

import (
	"bytes"
	"crypto/cipher"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// Starts of an Enc_structure (RFC 9052 §5.3): the head of an array of three, and the context as text.
const (
	contextEncrypt0 = "\x83\x68Encrypt0"
	contextEncrypt  = "\x83\x67Encrypt"
)

// AppendEncrypt0 appends a COSE_Encrypt0 (RFC 9052 §5.2). protected is the serialized protected header, unprotected the
// encoded map that carries the IV. dst must not overlap plaintext.
func AppendEncrypt0(dst []byte, a cipher.AEAD, tagged bool, protected, unprotected, iv, plaintext, external []byte) ([]byte, error) {
	if len(iv) != a.NonceSize() {
		return nil, fmt.Errorf("IV of %d bytes: %w", len(iv), fault.Misuse)
	}
	dst = AppendEncrypt0Start(dst, tagged, protected)
	dst = append(dst, unprotected...)
	return AppendCiphertext0(dst, a, protected, iv, plaintext, external), nil
}

// AppendEncrypt0Start appends everything of a COSE_Encrypt0 up to its unprotected header.
func AppendEncrypt0Start(dst []byte, tagged bool, protected []byte) []byte {
	return wire.AppendBytes(appendHead0(dst, tagged), protected)
}

// AppendHotStart0 appends everything of a hot COSE_Encrypt0 before the IV, 16([<<{1: alg, 16: typ}>>, {5: bytes(ivSize) …
// It also returns the protected header, which is a part of the result.
func AppendHotStart0(dst []byte, tagged bool, alg int64, typ string, ivSize int) (start, protected []byte) {
	size := protectedSize(alg, typ)
	dst = wire.AppendHead(appendHead0(dst, tagged), wire.MajorBytes, uint64(size))
	begin, end := len(dst), len(dst)+size
	dst = AppendProtected(dst, alg, typ)
	dst = append(dst, wire.MajorMap|1, HeaderIV, wire.MajorBytes|byte(ivSize))
	return dst, dst[begin:end:end]
}

func appendHead0(dst []byte, tagged bool) []byte {
	if tagged {
		return append(dst, wire.MajorTag|TagEncrypt0, wire.MajorArray|3)
	}
	return append(dst, wire.MajorArray|3)
}

// AppendCiphertext0 completes a COSE_Encrypt0 that stands in dst up to and including its unprotected header. iv has the
// size that a wants; it may point into dst.
func AppendCiphertext0(dst []byte, a cipher.AEAD, protected, iv, plaintext, external []byte) []byte {
	return appendCiphertext(dst, a, contextEncrypt0, protected, iv, plaintext, external)
}

func appendCiphertext(dst []byte, a cipher.AEAD, context string, protected, iv, plaintext, external []byte) []byte {
	size := len(plaintext) + a.Overhead()
	dst = wire.AppendHead(dst, wire.MajorBytes, uint64(size))

	// The Enc_structure is built in the spare room behind the ciphertext, so that sealing allocates nothing.
	end := len(dst) + size
	dst = slices.Grow(dst, size+encStructureSize(context, protected, external))
	enc := appendEncStructure(dst[end:end], context, protected, external)
	return a.Seal(dst, iv, plaintext, enc)
}

// AppendPlaintext0 appends the plaintext of a COSE_Encrypt0's ciphertext to dst, which must not overlap it. The IV has
// the size that a wants. On error the result is nil.
func AppendPlaintext0(dst []byte, a cipher.AEAD, protected, iv, ciphertext, external []byte) ([]byte, error) {
	return appendPlaintext(dst, a, contextEncrypt0, protected, iv, ciphertext, external)
}

func appendPlaintext(dst []byte, a cipher.AEAD, context string, protected, iv, ciphertext, external []byte) ([]byte, error) {
	size := len(ciphertext) - a.Overhead()
	if size < 0 {
		return nil, fmt.Errorf("ciphertext of %d bytes is shorter than its tag: %w", len(ciphertext), fault.Malformed)
	}
	if size > MaxContent {
		return nil, fmt.Errorf("ciphertext of %d bytes: %w", len(ciphertext), fault.OverLimit)
	}
	end := len(dst) + size
	dst = slices.Grow(dst, size+encStructureSize(context, protected, external))
	enc := appendEncStructure(dst[end:end], context, protected, external)
	plaintext, err := a.Open(dst, iv, ciphertext, enc)
	if err != nil {
		return nil, fault.Damaged
	}
	return plaintext, nil
}

// appendEncStructure appends the AAD of the AEAD: [context, protected, external_aad] (RFC 9052 §5.3).
func appendEncStructure(dst []byte, context string, protected, external []byte) []byte {
	dst = append(dst, context...)
	dst = wire.AppendBytes(dst, protected)
	return wire.AppendBytes(dst, external)
}

func encStructureSize(context string, protected, external []byte) int {
	return len(context) + wire.HeadSize(uint64(len(protected))) + len(protected) + wire.HeadSize(uint64(len(external))) + len(external)
}

// AppendEncStructure0 is the AAD of a COSE_Encrypt0, for vectors that publish it.
func AppendEncStructure0(dst, protected, external []byte) []byte {
	return appendEncStructure(dst, contextEncrypt0, protected, external)
}

// Encrypt0 is a decoded COSE_Encrypt0, not yet opened: nothing in it was verified.
type Encrypt0 struct {
	Buckets
	Ciphertext []byte
}

// ParseEncrypt0 decodes a COSE_Encrypt0 in exactly one of its forms, tagged or not.
func ParseEncrypt0(message []byte, tagged bool) (*Encrypt0, error) {
	r := wire.NewReader(message)
	readStart(&r, "COSE_Encrypt0", tagged, TagEncrypt0, 3)
	m := &Encrypt0{Buckets: readBuckets(&r)}
	m.Ciphertext = r.Bytes("ciphertext", MaxContent+maxTag) // detached content (null) is not supported
	return m, r.End("COSE_Encrypt0")
}

// readStart reads the tag, which is there exactly when it is expected, and the head of the message array.
func readStart(r *wire.Reader, what string, tagged bool, tag uint64, elements int) {
	if tagged && r.Tag(what) != tag {
		r.Fail(what, "another tag", fault.Malformed)
	}
	if n := r.Array(what, wire.MaxItems); r.Err() == nil && n != elements {
		r.Fail(what, fmt.Sprintf("%d elements instead of %d", n, elements), fault.Malformed)
	}
}

// Open decrypts with a key of algorithm alg. baseIV completes a Partial IV and is nil when none is expected.
func (m *Encrypt0) Open(dst []byte, a cipher.AEAD, alg int64, baseIV, external []byte) ([]byte, error) {
	iv, err := m.openWith(alg, a.NonceSize(), baseIV)
	if err != nil {
		return nil, err
	}
	return AppendPlaintext0(dst, a, m.Raw, iv, m.Ciphertext, external)
}

// openWith checks that the message is of algorithm alg and returns its IV.
func (b *Buckets) openWith(alg int64, ivSize int, baseIV []byte) ([]byte, error) {
	have, err := b.Alg()
	if err != nil {
		return nil, err
	}
	if have != alg {
		return nil, fmt.Errorf("algorithm %d instead of %d: %w", have, alg, fault.Malformed)
	}
	return b.iv(ivSize, baseIV)
}

// iv returns the IV of the message: given whole, or as a Partial IV that is left-padded and XORed onto the base IV
// (RFC 9052 §3.1).
func (b *Buckets) iv(size int, baseIV []byte) ([]byte, error) {
	iv, err := b.Bytes(HeaderIV)
	if err != nil {
		return nil, err
	}
	partial, err := b.Bytes(HeaderPartialIV)
	if err != nil {
		return nil, err
	}
	switch {
	case iv != nil:
	case partial == nil:
		return nil, fmt.Errorf("no IV: %w", fault.Malformed)
	case len(partial) > size || len(baseIV) != size:
		return nil, fmt.Errorf("partial IV of %d bytes with a base IV of %d: %w", len(partial), len(baseIV), fault.Malformed)
	default:
		iv = slices.Clone(baseIV)
		for i, p := range partial {
			iv[size-len(partial)+i] ^= p
		}
	}
	if len(iv) != size {
		return nil, fmt.Errorf("IV of %d bytes instead of %d: %w", len(iv), size, fault.Malformed)
	}
	return iv, nil
}

// HasExactly reports whether the headers are the given serialized protected one and {5: IV}, which own messages have.
func (b *Buckets) HasExactly(protected []byte) bool {
	return bytes.Equal(protected, b.received) && b.Unprotected.has(HeaderIV)
}

// CheckType compares typ (RFC 9596) with the expected one and tells a newer version of the same label apart.
func (b *Buckets) CheckType(want string) error {
	have, err := b.Protected.Text(HeaderTyp)
	switch {
	case err != nil:
		return err
	case have == want:
		return nil
	case wire.NewerLabel(have):
		return fmt.Errorf("typ: %w", fault.UnsupportedVersion)
	default:
		return fmt.Errorf("typ is not the expected one: %w", fault.Malformed)
	}
}
