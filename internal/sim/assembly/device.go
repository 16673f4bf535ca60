package assembly

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groupentry"
)

// Device is one device, with what it has learned.
type Device struct {
	w      *World
	user   *user
	name   string
	keys   *device.Keys
	half   int
	stolen bool // a thief has its keys, and nobody else uses it any more

	logs    map[device.Hash]*device.Log // by root
	state   *group.State                // nil before the first entry
	seen    map[*fact]bool
	waits   []*fact              // that cannot be used yet
	counted map[device.Hash]bool // entries that were on its trunk
}

// String is the name of the device.
func (d *Device) String() string { return d.name }

func (d *Device) cert() device.CertID { return d.keys.Record().Cert() }

// find is what package group asks for logs.
func (d *Device) find(user string, root device.Hash) *device.Log {
	if l := d.logs[root]; l != nil && l.User() == user {
		return l
	}
	return nil
}

// knows reports whether a device is in a log that d has.
func (d *Device) knows(o *Device) bool {
	l := d.logs[o.user.root()]
	if l == nil {
		return false
	}
	_, known := l.Known(o.cert())
	return known
}

// lives reports whether a device is active as far as d knows.
func (d *Device) lives(o *Device) bool {
	l := d.logs[o.user.root()]
	return l != nil && l.Standing(o.cert()) == nil
}

// bring lets a device learn facts, again or for the first time, and holds it to what must hold.
func (w *World) bring(d *Device, facts ...*fact) error {
	for _, f := range facts {
		if slices.Contains(d.waits, f) {
			continue
		}
		d.seen[f] = true
		d.waits = append(d.waits, f)
	}
	for moved := true; moved; {
		moved = false
		for _, f := range slices.Clone(d.waits) {
			done, err := d.take(f)
			if err != nil {
				return err
			}
			if done {
				moved = true
				d.waits = slices.DeleteFunc(d.waits, func(o *fact) bool { return o == f })
			}
		}
	}
	return d.check()
}

// take takes one fact. It reports whether it could be used.
func (d *Device) take(f *fact) (bool, error) {
	var next *group.State
	var err error
	switch {
	case f.log != nil:
		if held := d.logs[f.log.Pin().Root]; held != nil && held.Pin().Seq >= f.log.Pin().Seq {
			return true, nil
		}
		d.logs[f.log.Pin().Root] = f.log
		if d.state == nil {
			return true, nil
		}
		next, err = d.state.Extend(nil, d.find)
	case f.entry != nil && d.state == nil:
		next, err = group.Verify(d.w.id, [][]byte{f.entry.b}, d.find)
		if errors.Is(err, fault.Malformed) && f.entry.epoch > 0 {
			return false, nil
		}
	case f.entry != nil:
		next, err = d.state.Extend([][]byte{f.entry.b}, d.find)
	case d.state == nil:
		return false, nil
	case !d.knows(f.by):
		return false, nil
	default:
		next, err = d.state.Hear(f.by.user.name, f.by.cert(), f.names.hash, d.find)
	}
	if errors.Is(err, fault.TooFarAhead) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s refuses %s: %w", d, f, err)
	}
	d.move(next)
	if err := d.checkVouched(f); err != nil {
		return false, fmt.Errorf("%s: %w", d, err)
	}
	d.trust(next)
	return true, nil
}

// move notes another state.
func (d *Device) move(next *group.State) {
	before := d.state
	d.state = next
	if before != nil && refused(next) > refused(before) {
		d.w.Trace("%s: a branch was refused", d)
	}
	switch {
	case before == nil || before == next:
	case before.Status() != next.Status():
		d.w.Trace("%s sees the group %s, it was %s", d, next.Status(), before.Status())
	case before.Epoch() > next.Epoch() || !counts(next, before.Tip(), before.Epoch()):
		d.w.Trace("%s goes over to another branch", d)
	}
}

// refused counts the branches that were decided against.
func refused(s *group.State) (n int) {
	for _, b := range s.Branches() {
		if b.Verdict == group.Refused {
			n++
		}
	}
	return n
}

// counts reports whether an entry is on the trunk.
func counts(s *group.State, h device.Hash, epoch uint64) bool {
	at, found := s.Entry(epoch)
	return found && at == h
}

// String tells what it is.
func (f *fact) String() string {
	switch {
	case f.entry != nil:
		return fmt.Sprintf("entry %s of %s at epoch %d", f.entry.hash.String()[:6], f.entry.by, f.entry.epoch)
	case f.log != nil:
		return fmt.Sprintf("log of %s up to %d", f.log.User(), f.log.Pin().Seq)
	}
	return fmt.Sprintf("statement of %s that names %s", f.by, f.names.hash.String()[:6])
}

// trunk are the entries that count at a device.
func (d *Device) trunk() []*node {
	all := make([]*node, d.state.Epoch()+1)
	for epoch := range all {
		h, _ := d.state.Entry(uint64(epoch))
		all[epoch] = d.w.byHash[h]
	}
	return all
}

func (d *Device) tip() *node { return d.w.byHash[d.state.Tip()] }

// sideNodes are the entries of side branches.
func (d *Device) sideNodes() []*node {
	var all []*node
	for _, b := range d.state.Side() {
		all = append(all, d.w.byHash[sha256.Sum256(b)])
	}
	return all
}

// inOrder sorts entries so that each stands behind the one it follows and the one that it rejects.
func inOrder(nodes []*node) []*node {
	slices.SortStableFunc(nodes, func(a, b *node) int {
		resolves := func(n *node) int { return map[bool]int{true: 1}[n.op == groupentry.Resolve] }
		return cmp.Or(cmp.Compare(a.epoch, b.epoch), resolves(a)-resolves(b))
	})
	return nodes
}

// facts are those that it has seen, of some kind.
func (d *Device) facts(of func(f *fact) bool) []*fact {
	var some []*fact
	for _, f := range d.w.facts {
		if d.seen[f] && of(f) {
			some = append(some, f)
		}
	}
	return some
}

// member reports whether its user is in the group as far as it knows.
func (d *Device) member() bool {
	if d.state == nil {
		return false
	}
	m, in := d.state.Find(d.user.name)
	return in && m.Root == d.user.root()
}

// publish writes down entries of a device and lets others learn of them. An orderly server may not want them: false.
func (w *World) publish(d *Device, entries ...[]byte) (bool, error) {
	for _, b := range entries {
		info, err := group.Inspect(b)
		if err != nil {
			return false, err
		}
		if w.Orderly && !w.inPlace(d, info.Prev) {
			w.Trace("%s is overtaken", d)
			return false, nil
		}
		n, err := w.enter(d, b)
		if err != nil {
			return false, err
		}
		if n == nil {
			return false, fmt.Errorf("%s signs what it may not: %+v", d, info)
		}
		w.newest = n
		w.Trace("%s signs %s on %s: op %d of %q", d, n.hash.String()[:6], info.Prev.String()[:6], n.op, info.User)
		if err := w.tell(d, &fact{entry: n, half: d.half}); err != nil {
			return false, err
		}
	}
	return true, nil
}

// inPlace reports whether an orderly server takes an entry: it stands on the newest one, and those at the end that devices
// signed which are revoked by now are none to it.
func (w *World) inPlace(d *Device, prev device.Hash) bool {
	at := w.newest
	for ; at != nil && at.hash != prev && !at.by.live(); at = at.parent {
	}
	return d.live() && (at == nil || at.hash == prev)
}

// tell makes a fact known to the world, and to the device that made it.
func (w *World) tell(d *Device, f *fact) error {
	w.facts = append(w.facts, f)
	return w.bring(d, f)
}
