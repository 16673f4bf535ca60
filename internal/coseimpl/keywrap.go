package coseimpl

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/binary"
	"fmt"

	"github.com/sottokit/sotto/fault"
)

// keyWrapIV is the initial value of RFC 3394 §2.2.3.1, by which unwrapping checks integrity.
var keyWrapIV = [8]byte{0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6}

const maxWrapped = 4096 // bytes of key data, far more than any key has

// WrapKey is AES Key Wrap (RFC 3394 §2.2.1): kek has 16, 24 or 32 bytes, key a multiple of 8, at least 16. The result is
// 8 bytes longer than key. It is deterministic: one kek must not wrap two keys whose equality is a secret.
func WrapKey(kek, key []byte) ([]byte, error) {
	if len(key) < 16 || len(key)%8 != 0 || len(key) > maxWrapped {
		return nil, fmt.Errorf("key to wrap has %d bytes: %w", len(key), fault.Misuse)
	}
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, fmt.Errorf("wrapping key has %d bytes: %w", len(kek), fault.Misuse)
	}
	out := make([]byte, 8+len(key))
	copy(out, keyWrapIV[:])
	copy(out[8:], key)
	var b [16]byte // A | R[i]
	copy(b[:8], out[:8])
	n := len(key) / 8
	for step := 1; step <= 6*n; step++ {
		r := out[8+8*((step-1)%n):][:8]
		copy(b[8:], r)
		block.Encrypt(b[:], b[:])
		binary.BigEndian.PutUint64(b[:8], binary.BigEndian.Uint64(b[:8])^uint64(step))
		copy(r, b[8:])
	}
	copy(out, b[:8])
	return out, nil
}

// UnwrapKey is AES Key Unwrap (RFC 3394 §2.2.2). A wrong kek and altered bytes are the same fault.Damaged.
func UnwrapKey(kek, wrapped []byte) ([]byte, error) {
	if len(wrapped) < 24 || len(wrapped)%8 != 0 || len(wrapped) > 8+maxWrapped {
		return nil, fmt.Errorf("wrapped key has %d bytes: %w", len(wrapped), fault.Malformed)
	}
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, fmt.Errorf("wrapping key has %d bytes: %w", len(kek), fault.Misuse)
	}
	key := make([]byte, len(wrapped)-8)
	copy(key, wrapped[8:])
	var b [16]byte // A | R[i]
	copy(b[:8], wrapped)
	n := len(key) / 8
	for step := 6 * n; step >= 1; step-- {
		r := key[8*((step-1)%n):][:8]
		binary.BigEndian.PutUint64(b[:8], binary.BigEndian.Uint64(b[:8])^uint64(step))
		copy(b[8:], r)
		block.Decrypt(b[:], b[:])
		copy(r, b[8:])
	}
	if subtle.ConstantTimeCompare(b[:8], keyWrapIV[:]) != 1 {
		clear(key)
		return nil, fmt.Errorf("wrapped key: %w", fault.Damaged)
	}
	return key, nil
}
