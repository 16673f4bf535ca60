package safetynumber_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/safetynumber"
)

func group(t testing.TB, id byte, members ...safetynumber.Party) *safetynumber.GroupNumber {
	t.Helper()
	g, err := safetynumber.Group([32]byte{id}, members)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAllMembersReadTheSame(t *testing.T) {
	a, b, c := alice(), bob(), party("carol", 1)
	g, other := group(t, 1, a, b, c), group(t, 1, c, a, b)
	if g.Short() != other.Short() || !slices.Equal(g.Members(), other.Members()) {
		t.Errorf("%s and %s", g, other)
	}
	if len(g.Members()) != 3 || !slices.IsSorted(g.Members()) || len(g.Short()) != 30 || len(g.String()) != 35 {
		t.Errorf("%v, %s", g.Members(), g)
	}
	for _, digits := range g.Members() {
		if len(digits) != 30 || strings.Trim(digits, "0123456789") != "" {
			t.Errorf("digits %q", digits)
		}
	}
	two := group(t, 1, a, b).Members()
	if strings.Join(two, "") != number(t, a, b).Digits() {
		t.Error("the digits of a member are not those of the member's numbers")
	}
}

func TestEveryDifferenceOfAMemberChangesTheNumberOfTheGroup(t *testing.T) {
	want := group(t, 1, alice(), bob())
	for name, change := range changes {
		p := bob()
		change(&p)
		if g := group(t, 1, alice(), p); g.Short() == want.Short() || slices.Equal(g.Members(), want.Members()) {
			t.Errorf("%s: the same", name)
		}
	}
	if group(t, 2, alice(), bob()).Short() == want.Short() {
		t.Error("another group has the same short form")
	}
	if group(t, 1, alice()).Short() == want.Short() {
		t.Error("without a member it is the same")
	}
}

func TestUnfitMembersAreRefused(t *testing.T) {
	again := alice()
	again.Root[0] ^= 1 // one user ID with two identities
	for name, members := range map[string][]safetynumber.Party{
		"nobody": nil, "twice": {alice(), bob(), alice()}, "two roots": {alice(), again}, "zero": {{}},
	} {
		g, err := safetynumber.Group([32]byte{1}, members)
		if wantFault(t, err, fault.Misuse); g != nil {
			t.Errorf("%s: a number", name)
		}
	}
	for name, change := range unfit {
		p := bob()
		change(&p)
		if _, err := safetynumber.Group([32]byte{1}, []safetynumber.Party{alice(), p}); fault.Of(err) != fault.Misuse {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := safetynumber.Group([32]byte{1}, []safetynumber.Party{party("bob", safetynumber.MaxDevices+1)})
	wantFault(t, err, fault.OverLimit)
	crowd := make([]safetynumber.Party, safetynumber.MaxMembers+1)
	for i := range crowd {
		crowd[i].User = fmt.Sprint(i)
	}
	_, err = safetynumber.Group([32]byte{1}, crowd)
	wantFault(t, err, fault.OverLimit)
}

func TestGroupNumberThatNobodyMadeIsEmpty(t *testing.T) {
	for _, g := range []*safetynumber.GroupNumber{nil, {}} {
		if g.Members() != nil || g.Short() != "" || g.String() != "" {
			t.Errorf("%v", g)
		}
	}
	g := group(t, 1, alice())
	if g.Members()[0] = "x"; g.Members()[0] == "x" {
		t.Error("the members follow the caller's slice")
	}
}
