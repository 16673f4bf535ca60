package conformance

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// This file says of a row, without the code under test, whether it is of the strict dMsg form.

// strictMessage returns why b is not a strict message: untagged or with 0xd0, three elements, algorithm 3 protected, an IV
// of 12 bytes that is not, no crit, no Partial IV.
func strictMessage(b []byte) error {
	var parts []cbor.RawMessage
	if err := strictItem(bytes.TrimPrefix(b, []byte{0xd0}), wire.MajorArray, &parts); err != nil {
		return err
	}
	if len(parts) != 3 {
		return fmt.Errorf("%d elements", len(parts))
	}
	var serialized, ciphertext []byte
	if err := strictItem(parts[0], wire.MajorBytes, &serialized); err != nil {
		return err
	}
	if err := strictItem(parts[2], wire.MajorBytes, &ciphertext); err != nil {
		return err
	}
	var protected map[any]any
	if len(serialized) > 0 {
		var err error
		if protected, err = strictMap(serialized); err != nil {
			return fmt.Errorf("protected header: %w", err)
		}
	}
	unprotected, err := strictMap(parts[1])
	if err != nil {
		return fmt.Errorf("unprotected header: %w", err)
	}
	for label := range protected {
		if _, both := unprotected[label]; both {
			return errors.New("a label in both headers")
		}
	}
	iv, isBytes := unprotected[uint64(coseimpl.HeaderIV)].([]byte)
	switch {
	case protected[uint64(coseimpl.HeaderAlg)] != uint64(dmsgAlg):
		return errors.New("the protected algorithm is not A256GCM")
	case !isBytes || len(iv) != dmsgIVLen:
		return errors.New("no unprotected IV of 12 bytes")
	case has(protected, coseimpl.HeaderCrit) || has(unprotected, coseimpl.HeaderCrit):
		return errors.New("crit")
	case has(protected, coseimpl.HeaderPartialIV) || has(unprotected, coseimpl.HeaderPartialIV):
		return errors.New("a Partial IV")
	}
	return nil
}

// strictKey returns why b is not a strict COSE_Key: of type 4 and algorithm 3, with 32 bytes, in any order, unrestricted.
func strictKey(b []byte) error {
	key, err := strictMap(b)
	if err != nil {
		return err
	}
	k, isBytes := key[int64(coseimpl.KeyK)].([]byte)
	baseIV, baseIVIsBytes := key[uint64(coseimpl.KeyBaseIV)].([]byte)
	_, kidIsBytes := key[uint64(coseimpl.KeyKID)].([]byte)
	switch {
	case key[uint64(coseimpl.KeyType)] != uint64(coseimpl.TypeSymmetric):
		return errors.New("the key type is not Symmetric")
	case key[uint64(coseimpl.KeyAlg)] != uint64(dmsgAlg):
		return errors.New("the algorithm is not A256GCM")
	case !isBytes || len(k) != dmsgKeyLen:
		return errors.New("k does not have 32 bytes")
	case has(key, coseimpl.KeyOps):
		return errors.New("key_ops")
	case has(key, coseimpl.KeyKID) && !kidIsBytes:
		return errors.New("kid is not a byte string")
	case has(key, coseimpl.KeyBaseIV) && (!baseIVIsBytes || len(baseIV) != dmsgIVLen):
		return errors.New("base IV does not have 12 bytes")
	}
	return nil
}

func has(m map[any]any, label uint64) bool {
	_, ok := m[label]
	return ok
}

// strictMap decodes a map whose labels are integers or texts (RFC 9052 §1.4).
func strictMap(b []byte) (map[any]any, error) {
	var m map[any]any
	if err := strictItem(b, wire.MajorMap, &m); err != nil {
		return nil, err
	}
	for label := range m {
		switch label.(type) {
		case uint64, int64, string:
		default:
			return nil, errors.New("a label that is no integer and no text")
		}
	}
	return m, nil
}

// strictItem decodes one item of a major type: complete, of definite length, without duplicate keys, and with heads of the
// shortest form.
func strictItem(b []byte, major byte, v any) error {
	decoder, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden}.DecMode()
	if err != nil {
		return err
	}
	var item any
	if err := decoder.Unmarshal(b, &item); err != nil {
		return errors.New("not one well-formed item of definite length without duplicate keys")
	}
	if b[0]&0xe0 != major {
		return errors.New("an item of another type")
	}
	if !shortestHeads(b) {
		return errors.New("a head that is not the shortest")
	}
	return decoder.Unmarshal(b, v)
}

// shortestHeads walks over a well-formed item of definite lengths head by head.
func shortestHeads(b []byte) bool {
	for len(b) > 0 {
		major, arg, size := b[0]&0xe0, uint64(b[0]&0x1f), 0
		if arg >= 24 {
			size = 1 << (arg - 24)
			var full [8]byte
			copy(full[8-size:], b[1:1+size])
			arg = binary.BigEndian.Uint64(full[:])
			least := uint64(24)
			if size > 1 {
				least = 1 << (4 * size) // what no longer fits into half the size
			}
			if major != wire.MajorSimple && arg < least {
				return false
			}
		}
		b = b[1+size:]
		if major == wire.MajorBytes || major == wire.MajorText {
			b = b[arg:]
		}
	}
	return true
}
