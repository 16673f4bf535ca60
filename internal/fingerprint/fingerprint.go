// Package fingerprint holds the iterated hash behind a safety number, as Signal's apps compute it (libsignal,
// rust/protocol/src/fingerprint.rs). How often it runs is a parameter here and nowhere above.
package fingerprint

import (
	"crypto/sha512"
	"encoding/binary"
	"slices"
)

// Rounds is how often the hash runs for a safety number, the first time included. It makes the search for another key of
// the same digits that much dearer.
const Rounds = 5200

// What the 32 bytes of a key are: its first byte, so that no number of one kind is one of the other.
const (
	Sotto  byte = 0x01 // the digest of an identity of sotto
	Signal byte = 0x05 // a Curve25519 key, with the byte that Signal writes before it
)

// Size is what a scannable code carries of a fingerprint, in bytes.
const Size = 32

// Sum is the fingerprint of one party.
type Sum [sha512.Size]byte

// Iterate hashes the key and the ID that belongs to it. rounds is at least 1. The two zero bytes are a version of this
// hash, not that of a scannable code.
func Iterate(rounds int, kind byte, key [32]byte, id []byte) Sum {
	var b [sha512.Size + 1 + len(key)]byte // a fingerprint, and the key behind it
	tail := append(append(b[:sha512.Size], kind), key[:]...)[sha512.Size:]
	sum := sha512.Sum512(slices.Concat([]byte{0, 0}, tail, id, tail))
	for range rounds - 1 {
		copy(b[:], sum[:])
		sum = sha512.Sum512(b[:])
	}
	return sum
}

// Digits are 30 decimal digits of the fingerprint, six times five: about 99.7 bits.
func (s *Sum) Digits() string {
	const groups, chunk = 6, 5 // 5 bytes for 5 digits: 2^40 modulo 10^5 leaves no bias that counts
	digits := make([]byte, 0, groups*chunk)
	for i := range groups {
		var b [8]byte
		copy(b[8-chunk:], s[i*chunk:])
		n := binary.BigEndian.Uint64(b[:]) % 100_000
		for divisor := uint64(10_000); divisor > 0; divisor /= 10 {
			digits = append(digits, byte('0'+n/divisor%10))
		}
	}
	return string(digits)
}
