package linking

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestDigitsAreTheNumberModuloAMillion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		check := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "check"))
		n := new(big.Int).SetBytes(check[:])
		want := n.Mod(n, big.NewInt(1_000_000)).String()
		if have := digitsOf(check); len(have) != 6 || have != "000000"[len(want):]+want {
			t.Fatalf("%s, want %s", have, want)
		}
	})
	for check, want := range map[[16]byte]string{
		{}: "000000", {15: 7}: "000007", {14: 3, 15: 0xe8}: "001000", {13: 0x0f, 14: 0x42, 15: 0x40}: "000000",
		{7: 1}: "551616", // 2^64
	} {
		if have := digitsOf(check); have != want {
			t.Errorf("%x: %s, want %s", check, have, want)
		}
	}
}
