package safetynumber

import (
	"bytes"
	"crypto/sha512"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/fingerprint"
	"github.com/sottokit/sotto/internal/wire"
)

// GroupNumber is what members of a group compare. It is immutable. The zero value and nil have no digits.
type GroupNumber struct {
	_       [0]func()
	members []string
	short   string
}

// Group returns the number of a group and its members, in any order. It costs 5,200 SHA-512 for each member, on all cores.
// No member, a user twice, and a Party that breaks a precondition are fault.Misuse; more than MaxMembers, or too many
// devices of one, fault.OverLimit.
func Group(groupID [32]byte, members []Party) (*GroupNumber, error) {
	if len(members) > MaxMembers {
		return nil, fmt.Errorf("safetynumber: %d members: %w", len(members), fault.OverLimit)
	}
	users := map[string]bool{}
	for _, m := range members {
		users[m.User] = true
	}
	if len(members) == 0 || len(users) != len(members) {
		return nil, fmt.Errorf("safetynumber: %d members, %d different users: %w", len(members), len(users), fault.Misuse)
	}
	sums, err := sumsOf(members)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(sums, func(a, b fingerprint.Sum) int { return bytes.Compare(a[:], b[:]) })
	b := wire.AppendHead(nil, wire.MajorArray, 3)
	b = wire.AppendText(b, wire.LabelSafetyNumberGroup)
	b = wire.AppendBytes(b, groupID[:])
	b = wire.AppendHead(b, wire.MajorArray, uint64(len(sums)))
	g := &GroupNumber{}
	for _, s := range sums {
		b = wire.AppendBytes(b, s[:fingerprint.Size])
		g.members = append(g.members, s.Digits())
	}
	slices.Sort(g.members)
	short := fingerprint.Sum(sha512.Sum512(b))
	g.short = short.Digits()
	return g, nil
}

// Members returns the 30 digits of each member, ascending: the half of the member's number with anybody.
func (g *GroupNumber) Members() []string {
	if g == nil {
		return nil
	}
	return slices.Clone(g.members)
}

// Short returns 30 digits that stand for the group and all its members. All of them see the same.
func (g *GroupNumber) Short() string {
	if g == nil {
		return ""
	}
	return g.short
}

// String returns the short form in groups of five.
func (g *GroupNumber) String() string { return grouped(g.Short()) }
