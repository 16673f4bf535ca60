package cpace

import (
	"crypto/sha512"
	"encoding/binary"
)

// DSI separates this suite from the others of the draft.
const DSI = "CPaceRistretto255"

// Concat is lv_cat of the draft: each part after its length in LEB128. As no part can pass for another, the result says
// where each begins. It is one allocation, so who puts a secret in wipes the only copy.
func Concat(parts ...[]byte) []byte {
	size := 0
	for _, part := range parts {
		size += encodedSize(len(part))
	}
	b := make([]byte, 0, size)
	for _, part := range parts {
		b = binary.AppendUvarint(b, uint64(len(part))) // unsigned LEB128
		b = append(b, part...)
	}
	return b
}

// GeneratorString is generator_string of the draft, for suites over SHA-512. After dsi and prs, zeros fill up the first
// block of the hash: hashing takes as long for every prs that fits.
func GeneratorString(dsi string, prs, ci, sid []byte) []byte {
	const lengthOfZeros = 1 // LEB128 of what is below a block
	zeros := max(0, sha512.BlockSize-lengthOfZeros-encodedSize(len(dsi))-encodedSize(len(prs)))
	return Concat([]byte(dsi), prs, make([]byte, zeros), ci, sid)
}

// encodedSize is the length of a part of n bytes with its own length before it.
func encodedSize(n int) int {
	var b [binary.MaxVarintLen64]byte
	return binary.PutUvarint(b[:], uint64(n)) + n
}
