package coseimpl

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/fault"
)

// The published values (RFC 3394 §4) are in the conformance files.
func TestKeyWrapRoundTripsAndRefusesEveryFlippedBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytesOf := func(n int, name string) []byte { return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, name) }
		kek := bytesOf(rapid.SampledFrom([]int{16, 24, 32}).Draw(t, "kek size"), "kek")
		key := bytesOf(8*rapid.IntRange(2, 70).Draw(t, "blocks"), "key")
		wrapped, err := WrapKey(kek, key)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := UnwrapKey(kek, wrapped); err != nil || !bytes.Equal(got, key) {
			t.Fatalf("unwrapped %x, %v", got, err)
		}
		bad := bytes.Clone(wrapped)
		bad[rapid.IntRange(0, len(bad)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if got, err := UnwrapKey(kek, bad); !errors.Is(err, fault.Damaged) || got != nil {
			t.Fatalf("altered: %v", err)
		}
	})
}

func TestKeyWrapChecksSizes(t *testing.T) {
	kek := make([]byte, 32)
	for _, n := range []int{0, 8, 15, 17, maxWrapped + 8} {
		if _, err := WrapKey(kek, make([]byte, n)); !errors.Is(err, fault.Misuse) {
			t.Errorf("key of %d bytes: %v", n, err)
		}
	}
	for _, n := range []int{0, 8, 16, 23, 25, maxWrapped + 16} {
		if _, err := UnwrapKey(kek, make([]byte, n)); !errors.Is(err, fault.Malformed) {
			t.Errorf("wrapped key of %d bytes: %v", n, err)
		}
	}
	for _, n := range []int{0, 15, 31, 33} {
		if _, err := WrapKey(make([]byte, n), make([]byte, 32)); !errors.Is(err, fault.Misuse) {
			t.Errorf("wrapping key of %d bytes: %v", n, err)
		}
		if _, err := UnwrapKey(make([]byte, n), make([]byte, 40)); !errors.Is(err, fault.Misuse) {
			t.Errorf("wrapping key of %d bytes: %v", n, err)
		}
	}
}
