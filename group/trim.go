package group

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sottokit/sotto/fault"
)

// trim keeps the side branches within their limits: those that do no harm go first, then those that were refused, each kind
// in order of arrival. Whoever needs one again fetches it again.
func (d *draft) trim() error {
	for _, kind := range []Verdict{Idle, Refused} {
		for over, leaf := d.overflow(kind); over && leaf != nil; over, leaf = d.overflow(kind) {
			d.drop(leaf, kind)
		}
	}
	if over, _ := d.overflow(Open); over {
		return fmt.Errorf("group: more than %d side branches or %d entries on them: %w", MaxBranches, MaxSideEntries, fault.OverLimit)
	}
	return nil
}

// overflow reports whether there is too much, and the end of the first branch of a kind.
func (d *draft) overflow(kind Verdict) (over bool, first *node) {
	parents := d.sideParents()
	leaves := 0
	for _, n := range d.side {
		if parents[n] > 0 {
			continue
		}
		leaves++
		if first == nil && d.verdict[n] == kind {
			first = n
		}
	}
	return leaves > MaxBranches || len(d.side) > MaxSideEntries, first
}

// sideParents counts the side entries on top of each entry.
func (d *draft) sideParents() map[*node]int {
	parents := map[*node]int{}
	for _, n := range d.side {
		parents[n.parent]++
	}
	return parents
}

// drop takes out a branch down to where it parts from what is kept.
func (d *draft) drop(leaf *node, kind Verdict) {
	parents, gone := d.sideParents(), map[*node]bool{}
	for n := leaf; !d.onTrunk(n) && d.verdict[n] == kind && parents[n] < 2; n = n.parent {
		gone[n] = true
	}
	d.side = slices.DeleteFunc(slices.Clone(d.side), func(n *node) bool { return gone[n] })
	d.heard = slices.DeleteFunc(slices.Clone(d.heard), func(m mark) bool { return gone[m.at] })
	d.verdict = maps.Clone(d.verdict)
	maps.DeleteFunc(d.verdict, func(n *node, _ Verdict) bool { return gone[n] })
}
