package fingerprint_test

import (
	"crypto/sha512"
	"encoding/hex"
	"testing"

	"github.com/sottokit/sotto/internal/fingerprint"
)

// The published vector of libsignal, rust/protocol/src/fingerprint.rs. More of them: internal/conformance.
func TestPublishedDigits(t *testing.T) {
	for key, want := range map[string]struct{ id, digits string }{
		"06863bc66d02b40d27b8d49ca7c09e9239236f9d7d25d6fcca5ce13c7064d868": {"+14152222222", "300354477692869396892869876765"},
		"f781b6fb32fed9ba1cf2de978d4d5da28dc34046ae814402b5c0dbd96fda907b": {"+14153333333", "458257569162576843440918079131"},
	} {
		b, err := hex.DecodeString(key)
		if err != nil {
			t.Fatal(err)
		}
		sum := fingerprint.Iterate(fingerprint.Rounds, fingerprint.Signal, [32]byte(b), []byte(want.id))
		if digits := sum.Digits(); digits != want.digits {
			t.Errorf("digits of %s are %s, want %s", want.id, digits, want.digits)
		}
	}
}

// The count is that of all hashes: with one, nothing is iterated.
func TestRoundsCountTheFirstHash(t *testing.T) {
	key := [32]byte{1}
	tail := append([]byte{fingerprint.Sotto}, key[:]...)
	first := sha512.Sum512(append(append(append([]byte{0, 0}, tail...), "id"...), tail...))
	second := sha512.Sum512(append(first[:], tail...))
	for rounds, want := range map[int][64]byte{1: first, 2: second} {
		if have := fingerprint.Iterate(rounds, fingerprint.Sotto, key, []byte("id")); have != want {
			t.Errorf("%d rounds: %x", rounds, have)
		}
	}
}

func TestDigitsKeepLeadingZeros(t *testing.T) {
	s := fingerprint.Sum{4: 7, 5: 1, 9: 0xff} // 2^32 + 255 modulo 100,000
	if have := s.Digits(); have != "000076755100000000000000000000" {
		t.Errorf("digits %s", have)
	}
}
