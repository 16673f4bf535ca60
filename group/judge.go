package group

import (
	"slices"

	"github.com/sottokit/sotto/internal/groupentry"
)

// judge decides which branch is the trunk, and what the others amount to. What it decides follows from the entries, the
// statements and the logs, and not from the order in which they came. Only where nothing decides does the trunk stay what it
// was here.
func (d *draft) judge() {
	for range 2 * maxOpen { // what leaves the trunk has to be vouched for again, so a second look may be needed
		c := newCourt(d)
		end := c.follow(d.trunk[0])
		d.status, d.verdict = end.status, c.verdicts()
		if end.tip == d.newest() {
			break
		}
		d.move(end.tip)
	}
}

// move makes the trunk end at another entry. What leaves it is a side branch.
func (d *draft) move(tip *node) {
	var up []*node
	rises := map[*node]bool{}
	n := tip
	for ; !d.onTrunk(n); n = n.parent {
		up, rises[n] = append(up, n), true
	}
	left := d.trunk[n.Epoch+1:]
	d.side = slices.Concat(left, slices.DeleteFunc(slices.Clone(d.side), func(s *node) bool { return rises[s] }))
	slices.Reverse(up)
	d.trunk = slices.Concat(d.trunk[:n.Epoch+1], up)
}

// court is one look at the tree.
type court struct {
	*draft
	children map[*node][]*node // that stand on side branches
	forks    []uint64          // epochs of the trunk where side branches part, ascending
	heardAt  map[*node][]signer
	counts   map[*node]bool // entries of side branches that count
	ruling   map[*node]Verdict
	carried  vouch

	// liveAbove is for a chain that is verified from scratch, where no state counted before that could say who is to be
	// believed: an active device of whoever was a member by then has signed an entry on top.
	liveAbove map[*node]bool
}

// outcome is what follows from an entry upwards.
type outcome struct {
	tip    *node
	tips   []*node // all that have as good a claim
	status Status
}

func newCourt(d *draft) *court {
	c := &court{
		draft: d, children: map[*node][]*node{}, heardAt: map[*node][]signer{}, counts: map[*node]bool{}, ruling: map[*node]Verdict{},
		liveAbove: map[*node]bool{},
	}
	for _, n := range d.side {
		c.children[n.parent] = append(c.children[n.parent], n)
		if d.onTrunk(n.parent) {
			c.forks = append(c.forks, n.parent.Epoch)
		}
	}
	slices.Sort(c.forks)
	if d.scratch {
		for _, n := range slices.Backward(d.side) {
			if c.liveAbove[n] || c.lives(n.signer) {
				c.liveAbove[n.parent] = true
			}
		}
	}
	d.heard = slices.DeleteFunc(slices.Clone(d.heard), func(m mark) bool { return !d.lives(m.signer) })
	for _, m := range d.heard {
		c.heardAt[m.at] = append(c.heardAt[m.at], m.signer)
	}
	return c
}

// follow goes up from an entry that counts to the end of the branch that has the better claim.
func (c *court) follow(n *node) outcome {
	c.carried = vouch{}
	for {
		n = c.nextFork(n)
		on := c.counting(n)
		switch {
		case len(on) > 1:
			return c.contest(n, on)
		case len(on) == 1:
			n = on[0]
		case n.ends():
			return outcome{n, []*node{n}, Ended}
		default:
			return outcome{n, []*node{n}, Active}
		}
	}
}

// nextFork skips what is settled: the trunk up to where the next side branch parts, or to its tip.
func (c *court) nextFork(n *node) *node {
	if !c.onTrunk(n) {
		return n
	}
	if i, _ := slices.BinarySearch(c.forks, n.Epoch); i < len(c.forks) {
		return c.trunk[c.forks[i]]
	}
	return c.newest()
}

// counting returns the entries on top of one that count: that of the trunk, then those of side branches in order of arrival.
func (c *court) counting(n *node) []*node {
	var on, vouched []*node
	if c.onTrunk(n) && n != c.newest() {
		on = append(on, c.trunk[n.Epoch+1]) // what counted here once stays
	}
	alone := len(on)+len(c.children[n]) == 1
	for _, child := range c.children[n] {
		switch {
		case c.lives(child.signer), alone && c.liveAbove[child], c.vouchedFor(child, alone):
			on = append(on, child)
		case c.liveAbove[child]:
			vouched = append(vouched, child)
		}
	}
	if len(on) == 0 {
		on = vouched
	}
	for _, child := range on {
		c.counts[child] = true
	}
	return on
}

// branch is one of several that part at an entry.
type branch struct {
	outcome
	first        *node
	speakers     map[identity]bool // whose active devices signed on it
	ownerSpeaks  bool              // the owner at the parting is one of them
	ownerSigned  bool              // or signed an entry with a device that is revoked now
	resolved     bool              // it has a resolve, or the owner has ended the group on it
	against      []bool            // the other branches against which it counts, since a speaker is a member there
	beaten, lost bool              // lost: against one that has a resolve
}

// contest decides between branches that part at an entry, as far as it can be decided.
func (c *court) contest(at *node, on []*node) outcome {
	all := make([]*branch, len(on))
	for i, first := range on {
		all[i] = &branch{outcome: c.follow(first), first: first, speakers: map[identity]bool{}, against: make([]bool, len(on))}
	}
	for _, b := range all {
		c.gather(b, at.owner)
	}
	c.weigh(all)
	var left []*branch
	for i, b := range all {
		for j, o := range all {
			if i != j && o.beats(b, j, i) {
				b.beaten = true
				b.lost = b.lost || o.resolved
			}
		}
		if !b.beaten {
			left = append(left, b)
		}
	}
	if len(left) == 0 { // each is beaten by another one
		left = all
	}
	end, open := left[0].outcome, false
	if len(left) > 1 {
		end, open = stalemate(left, all)
	}
	for _, b := range all {
		switch stays := slices.Contains(left, b); {
		case stays && len(left) == 1: // what it stands on says what it amounts to
		case stays && open:
			c.ruling[b.first] = Open
		case !stays && b.lost:
			c.ruling[b.first] = Refused
		default:
			c.ruling[b.first] = Idle
		}
	}
	return end
}

// stalemate is what comes of branches none of which beats another one: the first of them is the trunk, which is that of
// before if it is among them. It is open when one of them counts against another one.
func stalemate(left, all []*branch) (end outcome, open bool) {
	end = outcome{tip: left[0].tip, status: left[0].status}
	ended := false
	for _, b := range left {
		end.tips = append(end.tips, b.tips...)
		for _, o := range left {
			if b != o && b.against[slices.Index(all, o)] {
				open = true
				ended = ended || b.ownerSpeaks && o.ownerSpeaks
			}
		}
	}
	switch {
	case ended:
		end.status = Ended
	case open:
		end.status = Frozen
	}
	return end, open
}

// beats reports whether branch b, number i, wins against o, number j. If only one of them counts against the other, that one
// does. Else a resolve decides, which is the owner's word, unless the owner has signed on the other one, too; then his live
// word outweighs that of a device that was revoked.
func (b *branch) beats(o *branch, i, j int) bool {
	if b.against[j] != o.against[i] {
		return b.against[j]
	}
	return b.resolved && (!o.ownerSigned || b.ownerSpeaks && !o.ownerSpeaks)
}

// weigh finds out which branch counts against which. Where a group has ended nobody is a member: those who were before count.
func (c *court) weigh(all []*branch) {
	for j, o := range all {
		for _, tip := range o.tips {
			if tip.ends() {
				tip = tip.parent
			}
			c.cur.to(tip)
			for i, b := range all {
				for id := range b.speakers {
					if i != j && c.cur.has(id) {
						b.against[j] = true
						break
					}
				}
			}
		}
	}
}

// gather finds who signed on a branch, on the entries of it that count.
func (c *court) gather(b *branch, owner identity) {
	speak := func(by signer) {
		b.speakers[by.identity] = true
		b.ownerSpeaks = b.ownerSpeaks || by.identity == owner
	}
	visit := func(n *node) {
		if c.lives(n.signer) {
			speak(n.signer)
		}
		for _, by := range c.heardAt[n] {
			speak(by)
		}
		b.ownerSigned = b.ownerSigned || n.signer.identity == owner
		b.resolved = b.resolved || n.Op == groupentry.Resolve || n.ends()
	}
	for todo := []*node{b.first}; len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		visit(n)
		if c.onTrunk(n) && n != c.newest() {
			todo = append(todo, c.trunk[n.Epoch+1])
		}
		for _, child := range c.children[n] {
			if c.counts[child] {
				todo = append(todo, child)
			}
		}
	}
	b.ownerSigned = b.ownerSigned || b.ownerSpeaks
}

// verdicts are those of all entries of side branches. What stands on a branch that does no harm, or was refused, is the same.
func (c *court) verdicts() map[*node]Verdict {
	all := map[*node]Verdict{}
	for _, n := range c.side {
		below, onSide := all[n.parent]
		ruling, ruled := c.ruling[n]
		switch {
		case onSide && below != Open:
			all[n] = below
		case !c.counts[n]:
			all[n] = Idle
		case ruled:
			all[n] = ruling
		default:
			all[n] = below
		}
	}
	return all
}
