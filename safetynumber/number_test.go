package safetynumber_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/safetynumber"
)

func TestBothSidesReadTheSameDigits(t *testing.T) {
	ours, theirs := number(t, alice(), bob()), number(t, bob(), alice())
	if ours.Digits() != theirs.Digits() || ours.String() != theirs.String() {
		t.Errorf("%s and %s", ours, theirs)
	}
	if n := ours.Digits(); len(n) != 60 || strings.Trim(n, "0123456789") != "" || n[:30] > n[30:] {
		t.Errorf("digits %q", n)
	}
	if s := ours.String(); len(s) != 71 || strings.ReplaceAll(s, " ", "") != ours.Digits() || len(strings.Fields(s)[11]) != 5 {
		t.Errorf("groups %q", s)
	}
}

func TestOrderOfDevicesDoesNotMatter(t *testing.T) {
	want := number(t, alice(), party("bob", 5)).Digits()
	rapid.Check(t, func(rt *rapid.T) {
		p := party("bob", 5)
		p.Devices = rapid.Permutation(p.Devices).Draw(rt, "devices")
		before := slices.Clone(p.Devices)
		if have := number(t, alice(), p).Digits(); have != want {
			t.Errorf("digits %s, want %s", have, want)
		}
		if !slices.Equal(p.Devices, before) {
			t.Error("the caller's devices were sorted")
		}
	})
}

func TestEveryDifferenceOfAPartyChangesTheNumber(t *testing.T) {
	seen := map[string]string{number(t, alice(), bob()).Digits(): "nothing"}
	for name, change := range changes {
		p := bob()
		change(&p)
		digits := number(t, alice(), p).Digits()
		if other, ok := seen[digits]; ok {
			t.Errorf("%s gives the number of %s", name, other)
		}
		seen[digits] = name
	}
}

// ab|c and a|bc: nothing moves from one field into the next.
func TestFieldShiftChangesTheNumber(t *testing.T) {
	same := safetynumber.Party{Root: [32]byte{1}}
	users := func(a, b string) string {
		x, y := same, same
		x.User, y.User = a, b
		return number(t, x, y).Digits()
	}
	if users("ab", "c") == users("a", "bc") {
		t.Error("a character moved from one user ID to the other")
	}
	// The bytes of root, ID and key are the same, one after the other.
	long := safetynumber.Party{User: "a", Root: [32]byte{'b'}}
	moved := safetynumber.Party{User: "ab"}
	if number(t, alice(), long).Digits() == number(t, alice(), moved).Digits() {
		t.Error("a byte moved from the root into the user ID")
	}
}

func TestUnfitPartyIsMisuse(t *testing.T) {
	for name, change := range unfit {
		p := bob()
		change(&p)
		for _, both := range [][2]safetynumber.Party{{alice(), p}, {p, alice()}} {
			n, err := safetynumber.New(both[0], both[1])
			if wantFault(t, err, fault.Misuse); n != nil {
				t.Errorf("%s: a number", name)
			}
		}
	}
	_, err := safetynumber.New(alice(), alice())
	wantFault(t, err, fault.Misuse)
	_, err = safetynumber.New(safetynumber.Party{}, safetynumber.Party{})
	wantFault(t, err, fault.Misuse)
}

func TestDevicesOverTheLimitAreRefused(t *testing.T) {
	if _, err := safetynumber.New(alice(), party("bob", safetynumber.MaxDevices)); err != nil {
		t.Error(err)
	}
	_, err := safetynumber.New(alice(), party("bob", safetynumber.MaxDevices+1))
	wantFault(t, err, fault.OverLimit)
}

func TestNumberThatNobodyMadeDoesNothing(t *testing.T) {
	for _, n := range []*safetynumber.Number{nil, {}} {
		if n.Digits() != "" || n.String() != "" || n.Scannable() != nil {
			t.Errorf("%q, %x", n.Digits(), n.Scannable())
		}
		o, err := n.Compare(number(t, alice(), bob()).Scannable())
		if wantFault(t, err, fault.Misuse); o != 0 {
			t.Errorf("outcome %v", o)
		}
		_, err = n.Compare(nil)
		wantFault(t, err, fault.Misuse)
		_, err = n.PNG(450)
		wantFault(t, err, fault.Misuse)
		_, err = n.SVG()
		wantFault(t, err, fault.Misuse)
		_, err = n.Terminal()
		wantFault(t, err, fault.Misuse)
	}
}

// The digest of a user of sotto as the key of one of Signal: not the same number, because the first byte differs.
func TestSignalIsAnotherKindOfNumber(t *testing.T) {
	a, b := alice(), bob()
	signal, err := safetynumber.Signal(2, a.Root, []byte("alice"), b.Root, []byte("bob"))
	if err != nil {
		t.Fatal(err)
	}
	one, err := safetynumber.Signal(1, a.Root, []byte("alice"), b.Root, []byte("bob"))
	if err != nil {
		t.Fatal(err)
	}
	if one.Digits() != signal.Digits() {
		t.Error("the version changes the digits")
	}
	ours := number(t, a, b)
	for _, pair := range [][2]*safetynumber.Number{{ours, signal}, {signal, ours}, {one, signal}, {signal, one}} {
		o, err := pair[0].Compare(pair[1].Scannable())
		if wantFault(t, err, fault.UnsupportedVersion); o != 0 {
			t.Errorf("outcome %v", o)
		}
	}
}

func TestUnfitSignalArgumentsAreMisuse(t *testing.T) {
	a, b := [32]byte{1}, [32]byte{2}
	long := make([]byte, safetynumber.MaxSignalID+1)
	for _, version := range []int{-1, 0, 3, safetynumber.Version, math.MaxInt, math.MinInt} {
		_, err := safetynumber.Signal(version, a, []byte("a"), b, []byte("b"))
		wantFault(t, err, fault.Misuse)
	}
	for _, ids := range [][2][]byte{{nil, long[:1]}, {long[:1], nil}, {long, long[:1]}, {long[:1], long}} {
		_, err := safetynumber.Signal(2, a, ids[0], b, ids[1])
		wantFault(t, err, fault.Misuse)
	}
	_, err := safetynumber.Signal(2, a, []byte("a"), a, []byte("a"))
	wantFault(t, err, fault.Misuse)
	if _, err := safetynumber.Signal(2, a, []byte("a"), a, long[1:]); err != nil {
		t.Error(err)
	}
}
