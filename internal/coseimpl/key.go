package coseimpl

import (
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// Parameters of a COSE_Key (RFC 9052 §7.1, RFC 9053 §7).
const (
	KeyType   = 1
	KeyKID    = 2
	KeyAlg    = 3
	KeyOps    = 4
	KeyBaseIV = 5
	KeyCurve  = -1 // of OKP and EC2 keys
	KeyX      = -2 // public key
	KeyY      = -3
	KeyD      = -4 // private key
	KeyK      = -1 // secret of a symmetric key
)

// Key types and curves (RFC 9053 §7).
const (
	TypeOKP       = 1
	TypeSymmetric = 4
	CurveX25519   = 4
	CurveEd25519  = 6
)

const maxKey = 4096 // bytes of an encoded COSE_Key

// ParseKey decodes a COSE_Key with its parameters in any order. Unknown parameters are kept.
func ParseKey(b []byte) (Header, error) {
	if len(b) > maxKey {
		return nil, fmt.Errorf("COSE_Key of %d bytes: %w", len(b), fault.OverLimit)
	}
	r := wire.NewReader(b)
	k := readHeader(&r, "COSE_Key")
	if err := r.End("COSE_Key"); err != nil {
		return nil, err
	}
	if _, present, err := k.Int(KeyType); err != nil || !present {
		return nil, fmt.Errorf("COSE_Key without a key type: %w", fault.Malformed)
	}
	return k, nil
}

// expectType checks the key type, and refuses a key that restricts its operations (key_ops): nothing here would obey it.
func (h Header) expectType(want int64) error {
	if _, restricted := h.Find(KeyOps); restricted {
		return fmt.Errorf("COSE_Key with key_ops: %w", fault.UnsupportedVersion)
	}
	return h.expect(KeyType, want, "key type")
}

// SymmetricKey is a decoded COSE_Key of type Symmetric. Optional parameters are nil.
type SymmetricKey struct {
	Alg         int64
	KID, BaseIV []byte
	K           []byte // points into what was parsed
}

// ParseSymmetricKey decodes a symmetric COSE_Key, which must name its algorithm: a key has one for life.
func ParseSymmetricKey(b []byte) (*SymmetricKey, error) {
	h, err := ParseKey(b)
	if err != nil {
		return nil, err
	}
	if err := h.expectType(TypeSymmetric); err != nil {
		return nil, err
	}
	var k SymmetricKey
	present := false
	if k.Alg, present, err = h.Int(KeyAlg); err != nil || !present {
		return nil, fmt.Errorf("COSE_Key without an algorithm: %w", fault.Malformed)
	}
	for _, f := range []struct {
		label int64
		value *[]byte
	}{{KeyKID, &k.KID}, {KeyBaseIV, &k.BaseIV}, {KeyK, &k.K}} {
		if *f.value, err = h.Bytes(f.label); err != nil {
			return nil, fmt.Errorf("COSE_Key: %w", err)
		}
	}
	if k.K == nil {
		return nil, fmt.Errorf("COSE_Key without k: %w", fault.Malformed)
	}
	return &k, nil
}

// Append appends the key in deterministic form.
func (k *SymmetricKey) Append(dst []byte) []byte {
	fields := []Field{IntField(KeyType, TypeSymmetric), IntField(KeyAlg, k.Alg), BytesField(KeyK, k.K)}
	if k.KID != nil {
		fields = append(fields, BytesField(KeyKID, k.KID))
	}
	if k.BaseIV != nil {
		fields = append(fields, BytesField(KeyBaseIV, k.BaseIV))
	}
	dst = AppendHeader(dst, fields...)
	clear(fields[2].Value)
	return dst
}

// OKPKey is a decoded COSE_Key of type OKP. X or D may be nil.
type OKPKey struct {
	KID  []byte
	X, D []byte // public and private key; they point into what was parsed
}

// ParseOKPKey decodes an OKP COSE_Key of the given curve. X and D have size bytes where they are present.
func ParseOKPKey(b []byte, curve int64, size int) (*OKPKey, error) {
	h, err := ParseKey(b)
	if err != nil {
		return nil, err
	}
	return h.OKP(curve, size)
}

// OKP reads a parsed COSE_Key as an OKP key.
func (h Header) OKP(curve int64, size int) (*OKPKey, error) {
	if err := h.expectType(TypeOKP); err != nil {
		return nil, err
	}
	if err := h.expect(KeyCurve, curve, "curve"); err != nil {
		return nil, err
	}
	var k OKPKey
	var err error
	for _, f := range []struct {
		label int64
		value *[]byte
		size  int
	}{{KeyKID, &k.KID, -1}, {KeyX, &k.X, size}, {KeyD, &k.D, size}} {
		if *f.value, err = h.Bytes(f.label); err != nil {
			return nil, fmt.Errorf("COSE_Key: %w", err)
		}
		if *f.value != nil && f.size >= 0 && len(*f.value) != f.size {
			return nil, fmt.Errorf("COSE_Key parameter %d has %d bytes instead of %d: %w", f.label, len(*f.value), f.size, fault.Malformed)
		}
	}
	return &k, nil
}

// Append appends the key in deterministic form, for the given curve.
func (k *OKPKey) Append(dst []byte, curve int64) []byte {
	fields := []Field{IntField(KeyType, TypeOKP), IntField(KeyCurve, curve)}
	for _, f := range []struct {
		label int64
		value []byte
	}{{KeyKID, k.KID}, {KeyX, k.X}, {KeyD, k.D}} {
		if f.value != nil {
			field := BytesField(f.label, f.value)
			if f.label == KeyD {
				defer clear(field.Value)
			}
			fields = append(fields, field)
		}
	}
	return AppendHeader(dst, fields...)
}

// PublicOKP is the parsed form of a public OKP key, as Agreer takes it.
func PublicOKP(curve int64, x []byte) Header {
	return Header{IntField(KeyType, TypeOKP), IntField(KeyCurve, curve), BytesField(KeyX, x)}
}

func (h Header) expect(label, want int64, what string) error {
	have, present, err := h.Int(label)
	if err != nil || !present || have != want {
		return fmt.Errorf("COSE_Key: %s is not %d: %w", what, want, fault.Malformed)
	}
	return nil
}
