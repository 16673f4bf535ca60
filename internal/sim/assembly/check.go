package assembly

import (
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
)

// What must hold at a device whenever it has learned something.

// trust notes the entries of a chain that a newcomer got from somebody who is in.
func (d *Device) trust(s *group.State) {
	for epoch := range s.Epoch() + 1 {
		h, _ := s.Entry(epoch)
		d.counted[h] = true
	}
}

func (d *Device) check() error {
	if d.state == nil {
		return nil
	}
	for _, f := range []func() error{d.checkMembers, d.checkFrozen, d.checkEnded, d.checkStranger, d.checkKept} {
		if err := f(); err != nil {
			return fmt.Errorf("%s: %w", d, err)
		}
	}
	return nil
}

// checkMembers holds the trunk against the book: its entries are there, each follows the one before, and so do the members.
func (d *Device) checkMembers() error {
	var last *node
	for epoch, n := range d.trunk() {
		if n == nil || n.parent != last || n.epoch != uint64(epoch) {
			return fmt.Errorf("entry %d of the trunk is none that somebody signed there", epoch)
		}
		last = n
	}
	if !slices.Equal(list(last.members), d.state.Members()) {
		return fmt.Errorf("members are %v, and should be %v", d.state.Members(), list(last.members))
	}
	return nil
}

// checkVouched asks for every entry of a revoked device that came to count with a fact, who has vouched for it.
func (d *Device) checkVouched(with *fact) error {
	for _, n := range d.trunk()[1:] {
		if d.counted[n.hash] || d.lives(n.by) {
			continue
		}
		if !d.vouchedFor(n, with) {
			return fmt.Errorf("entry %s of a revoked device came to count, and nobody has vouched for it", n.hash.String()[:6])
		}
		d.w.Trace("%s: entry %s is vouched for", d, n.hash.String()[:6])
	}
	return nil
}

// vouchedFor reports whether an active device has signed on top of an entry, or said so, of a user who was in before it.
func (d *Device) vouchedFor(e *node, with *fact) (found bool) {
	d.signatures(with, func(by *Device, n *node, entry bool) {
		found = found || n.above(e) && !(entry && n == e) && e.parent.has(by.user)
	})
	return found
}

// signatures visits what active devices have signed and d has learned: entries and statements. with is a fact that it learns
// just now, or nil.
func (d *Device) signatures(with *fact, visit func(by *Device, n *node, entry bool)) {
	for f := range d.seen {
		switch {
		case f != with && slices.Contains(d.waits, f):
		case f.entry != nil && d.lives(f.entry.by):
			visit(f.entry.by, f.entry, true)
		case f.by != nil && d.lives(f.by):
			visit(f.by, f.names, false)
		}
	}
}

// checkFrozen looks for somebody who has the right to freeze the group: somebody who is in at the end of a branch, or what may be
// one, and has signed on another one.
func (d *Device) checkFrozen() error {
	if d.state.Status() != group.Frozen {
		return nil
	}
	if d.w.Orderly && !slices.ContainsFunc(d.w.nodes, func(n *node) bool { return !n.by.live() }) {
		return fmt.Errorf("frozen, though the server is orderly and nobody who signed was revoked")
	}
	ends := append(d.sideNodes(), d.tip())
	found := false
	d.signatures(nil, func(by *Device, n *node, _ bool) {
		for _, x := range ends {
			for _, y := range ends {
				found = found || !y.above(n) && x.above(n) && y.has(by.user)
			}
		}
	})
	if !found {
		return fmt.Errorf("frozen, and nobody who is in has signed on two branches or on another one")
	}
	return nil
}

// checkEnded looks for why the group has ended: its last manager left, or an owner signed on both sides of a fork.
func (d *Device) checkEnded() error {
	if d.state.Status() != group.Ended || len(d.tip().members) == 0 {
		return nil
	}
	spoke := map[*node]map[*node]bool{} // where a fork is, and on which sides of it the owner there spoke
	d.signatures(nil, func(by *Device, n *node, _ bool) {
		for ; n.parent != nil; n = n.parent {
			if o := n.parent.owner(); o.User == by.user.name && o.Root == by.user.root() {
				if spoke[n.parent] == nil {
					spoke[n.parent] = map[*node]bool{}
				}
				spoke[n.parent][n] = true
			}
		}
	})
	for _, sides := range spoke {
		if len(sides) > 1 {
			return nil
		}
	}
	return fmt.Errorf("ended, and no owner has signed on two branches")
}

// checkStranger lets somebody who has all logs verify the trunk: it holds together. What it has of revoked devices at its end
// need not count for him.
func (d *Device) checkStranger() error {
	var entries [][]byte
	for _, n := range inOrder(append(d.trunk(), d.sideNodes()...)) {
		entries = append(entries, n.b)
	}
	if len(d.state.Branches()) >= group.MaxBranches {
		return nil // a branch that a resolve names may have been dropped
	}
	s, err := group.Verify(d.w.id, entries, d.find)
	if err != nil {
		return fmt.Errorf("a stranger refuses the chain: %w", err)
	}
	if s.Tip() == d.state.Tip() && !slices.Equal(s.Members(), d.state.Members()) {
		return fmt.Errorf("a stranger sees other members: %v and %v", s.Members(), d.state.Members())
	}
	return nil
}

// checkKept lets the device be turned off and on.
func (d *Device) checkKept() error {
	var trunk [][]byte
	for _, n := range d.trunk() {
		trunk = append(trunk, n.b)
	}
	kept, err := group.Resume(d.w.id, trunk, d.state.Side(), d.state.Heard())
	if err != nil {
		return fmt.Errorf("what was kept: %w", err)
	}
	if show(kept) != show(d.state) {
		return fmt.Errorf("after a start it sees\n%s\nand before\n%s", show(kept), show(d.state))
	}
	d.state = kept
	return nil
}

// show is all that can be seen of a state, and what it remembers but for revoked devices, some of which it may forget.
func show(s *group.State) string {
	heard := slices.DeleteFunc(s.Heard(), func(h group.Heard) bool { return h.Entry == device.Hash{} })
	return fmt.Sprintf("%v %d %v\n%v\n%+v\n%v", s.Status(), s.Epoch(), s.Tip(), s.Members(), s.Branches(), heard)
}
