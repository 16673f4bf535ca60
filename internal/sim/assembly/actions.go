package assembly

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groupentry"
)

// What may happen in the world. Each action chooses for itself whom it happens to; one that is not possible does nothing.
// Errors are what must never happen.

// Act lets a device change the group that it sees.
func (w *World) Act() error {
	d := w.honestChosen()
	if d.state == nil {
		return nil
	}
	changes := make([]group.Change, 1+w.Choose("how many more", 4)/3)
	for i := range changes {
		changes[i] = w.changeChosen(d)
	}
	return w.propose(d, changes...)
}

// changeChosen is something that a person may want, whether it is possible or not. A fork is resolved more often than not.
func (w *World) changeChosen(d *Device) group.Change {
	branches := d.state.Branches()
	resolves := len(branches) > 0 && (d.state.Status() == group.Frozen || w.Choose("resolve", 8) == 1)
	if resolves {
		return group.Resolve(branches[w.Choose("what it rejects", len(branches))].First)
	}
	target := w.userChosen()
	switch w.Choose("change", 7) {
	case 0:
		return group.Remove(target.name)
	case 1:
		return group.Remove(d.user.name)
	case 2:
		return group.SetRole(target.name, group.Role(w.Choose("role", 2)))
	case 3:
		return group.Transfer(target.name)
	}
	return group.Add(target.name, target.root())
}

// propose signs changes. What a person may not do is no error.
func (w *World) propose(d *Device, changes ...group.Change) error {
	w.now = w.now.Add(time.Second)
	entries, err := d.state.Propose(d.keys, d.logs[d.user.root()], w.now, changes...)
	if err != nil {
		codes := []fault.Code{
			fault.Misuse, fault.UntrustedSigner, fault.Malformed, fault.LogFork, fault.Expired, fault.RevokedDevice, fault.Rollback,
		}
		if !d.member() {
			codes = append(codes, fault.TooFarAhead)
		}
		return expected(d, err, codes...)
	}
	_, err = w.publish(d, entries...)
	return err
}

// expected passes an error on that is none of some codes.
func expected(d *Device, err error, codes ...fault.Code) error {
	for _, code := range codes {
		if errors.Is(err, code) {
			d.w.Trace("%s does not: %v", d, err)
			return nil
		}
	}
	return fmt.Errorf("%s: %w", d, err)
}

// Say lets a device begin a session: it names the tip that it sees.
func (w *World) Say() error {
	d := w.honestChosen()
	return w.say(d)
}

func (w *World) say(d *Device) error {
	if !d.member() || d.state.Status() != group.Active || !d.lives(d) {
		return nil
	}
	w.Trace("%s says %s", d, d.state.Tip().String()[:6])
	return w.tell(d, &fact{by: d, names: d.tip(), half: d.half})
}

// Hear lets a device learn something that it does not know, or that it has heard before.
func (w *World) Hear() error {
	d := w.honestChosen()
	var some []*fact
	for range 1 + w.Choose("how much", 4) {
		f := w.facts[w.Choose("fact", len(w.facts))]
		if !w.parted || f.half == d.half {
			some = append(some, f)
		}
	}
	return w.bring(d, some...)
}

// Catch lets a device learn all there is in its half of the network, in some order.
func (w *World) Catch() error {
	d := w.honestChosen()
	var all []*fact
	for _, f := range w.facts {
		if !w.parted || f.half == d.half {
			all = append(all, f)
		}
	}
	return w.bring(d, w.shuffled(all)...)
}

// shuffled is some order of facts.
func (w *World) shuffled(facts []*fact) []*fact {
	order := w.Choose("order", 1<<16)
	type placed struct {
		*fact
		at [sha256.Size]byte
	}
	all := make([]placed, len(facts))
	for i, f := range facts {
		all[i] = placed{f, sha256.Sum256(fmt.Append(nil, order, i))}
	}
	slices.SortFunc(all, func(a, b placed) int { return bytes.Compare(a.at[:], b.at[:]) })
	shuffled := make([]*fact, len(all))
	for i, p := range all {
		shuffled[i] = p.fact
	}
	return shuffled
}

// Serve gives a device the chain as another one sees it, or the beginning of it, all at once. One that knows nothing of the
// group joins by that, when the other one's statement says so.
func (w *World) Serve() error {
	from, to := w.honestChosen(), w.honestChosen()
	if from.state == nil || from == to {
		return nil
	}
	trunk := from.trunk()
	if w.Choose("an old state", 3) == 1 {
		trunk = trunk[:1+w.Choose("how old", len(trunk))]
	}
	served := trunk
	for _, n := range from.sideNodes() {
		if slices.Contains(served, n.parent) {
			served = append(served, n)
		}
	}
	var entries [][]byte
	for _, n := range inOrder(slices.Clone(served)) {
		entries = append(entries, n.b)
	}
	logs := from.facts(func(f *fact) bool { return f.log != nil })
	if err := w.bring(to, logs...); err != nil {
		return err
	}
	if to.state != nil {
		return to.takeAll(from, entries)
	}
	if !from.member() || from.state.Status() != group.Active || len(trunk) <= int(from.state.Epoch()) {
		return nil
	}
	if err := w.say(from); err != nil {
		return err
	}
	next, err := group.Verify(w.id, entries, to.find)
	if err != nil {
		return fmt.Errorf("%s refuses the chain of %s: %w", to, from, err)
	}
	w.Trace("%s joins with the chain of %s", to, from)
	to.trust(next)
	to.move(next)
	return w.bring(to, from.facts(func(f *fact) bool { return f.by == from || f.of(entries) })...)
}

// takeAll takes entries that another device has, all at once.
func (d *Device) takeAll(from *Device, entries [][]byte) error {
	next, err := d.state.Extend(entries, d.find)
	if err != nil {
		return fmt.Errorf("%s refuses the chain of %s: %w", d, from, err)
	}
	for _, f := range from.facts(func(f *fact) bool { return f.of(entries) }) {
		d.seen[f] = true
	}
	d.waits = slices.DeleteFunc(d.waits, func(f *fact) bool { return f.of(entries) })
	d.move(next)
	if err := d.checkVouched(nil); err != nil {
		return fmt.Errorf("%s: %w", d, err)
	}
	d.trust(next)
	return d.w.bring(d)
}

// of reports whether a fact is one of some entries.
func (f *fact) of(entries [][]byte) bool {
	return f.entry != nil && slices.ContainsFunc(entries, func(b []byte) bool { return bytes.Equal(b, f.entry.b) })
}

// Devices adds a device of a user, or revokes one.
func (w *World) Devices() error {
	u := w.userChosen()
	able := u.honest()
	by := able[w.Choose("device", len(able))]
	if w.Choose("revoke", 2) == 0 {
		if len(u.log.Active()) > 3 {
			return nil
		}
		return w.add(u)
	}
	victim := u.devices[w.Choose("victim", len(u.devices))]
	if victim == by || !victim.live() {
		return nil
	}
	entry, err := u.log.Revoke(by.keys, victim.keys.Record().ID(), w.now)
	if err != nil {
		return err
	}
	w.Trace("%s revokes %s", by, victim)
	return w.append(u, by, entry)
}

// Part parts the network in two, or puts it together again.
func (w *World) Part() error {
	w.parted = !w.parted
	return nil
}

// Reset makes the account of a user anew: the same user ID with another root.
func (w *World) Reset() error {
	u := w.userChosen()
	if len(w.users) > 8 || w.Choose("reset", 3) != 1 {
		return nil
	}
	w.Trace("the account of %s is made anew", u.name)
	u.gone = true
	_, err := w.found(u.name)
	return err
}

// Steal gives the keys of a device to a thief. Its user has another one.
func (w *World) Steal() error {
	u := w.userChosen()
	able := u.honest()
	if len(able) < 2 || w.Choose("steal", 2) != 1 {
		return nil
	}
	d := able[w.Choose("device", len(able))]
	w.Trace("a thief has %s", d)
	d.stolen = true
	return nil
}

// thief is a device that somebody uses who should not, or that of a wicked member.
func (w *World) thief() *Device {
	var all []*Device
	for _, d := range w.devices() {
		if d.stolen || d.user.name == w.wicked {
			all = append(all, d)
		}
	}
	return all[w.Choose("thief", len(all))]
}

// Attack lets a thief sign on any entry there is, with any log in which the device was active: revoked devices date back.
func (w *World) Attack() error {
	d := w.thief()
	log, at := w.logChosen(d), w.nodes[w.Choose("entry", len(w.nodes))]
	if log == nil || !at.has(d.user) || len(w.nodes) > maxNodes {
		return nil
	}
	if w.Choose("statement", 3) == 1 {
		w.Trace("thief %s says %s", d, at.hash.String()[:6])
		w.facts = append(w.facts, &fact{by: d, names: at, half: d.half})
		return nil
	}
	e, ok := w.entryChosen(at)
	if !ok {
		return nil
	}
	n, _, err := w.sign(d, at, log, e)
	if n == nil || err != nil {
		return err
	}
	w.Trace("thief %s signs %s on %s: op %d", d, n.hash.String()[:6], at.hash.String()[:6], n.op)
	w.facts = append(w.facts, &fact{entry: n, half: d.half})
	return nil
}

// maxNodes bounds the entries: beyond the limit of side branches the order of arrival does matter.
const maxNodes = 40

// Forge gives a device an entry that breaks a rule, and sees that it is refused.
func (w *World) Forge() error {
	d, to := w.thief(), w.honestChosen()
	log, err := d.user.log.At(uint64(w.Choose("log", int(d.user.log.Pin().Seq)+1)))
	if err != nil || to.state == nil {
		return err
	}
	at := w.nodes[w.Choose("entry", len(w.nodes))]
	e, ok := w.entryChosen(at)
	if !ok {
		return nil
	}
	n, b, err := w.sign(d, at, log, e)
	if err != nil {
		return err
	}
	if n != nil { // it breaks no rule: nobody gets it, but one that names other members
		w.nodes = w.nodes[:len(w.nodes)-1]
		delete(w.byHash, n.hash)
		e.Members[0] ^= 1
		if b, err = d.keys.SignGroupEntry(e); err != nil {
			return fmt.Errorf("%s signs: %w", d, err)
		}
	}
	if _, _, err := to.state.MembersAt(at.hash); errors.Is(err, fault.TooFarAhead) {
		return nil
	}
	_, err = to.state.Extend([][]byte{b}, to.find)
	w.Trace("%s is given a forged entry: %v", to, err)
	if err == nil || errors.Is(err, fault.Misuse) {
		return fmt.Errorf("%s takes an entry of %s on %s that breaks a rule, op %d: %v", to, d, at.hash.String()[:6], e.Op, err)
	}
	return nil
}

// logChosen is a state of the log of a device's user in which the device was active.
func (w *World) logChosen(d *Device) *device.Log {
	var all []*device.Log
	for seq := range d.user.log.Pin().Seq + 1 {
		if l, err := d.user.log.At(seq); err == nil && l.Standing(d.cert()) == nil {
			all = append(all, l)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[w.Choose("log", len(all))]
}

// entryChosen is what a thief might sign on an entry.
func (w *World) entryChosen(at *node) (*groupentry.Entry, bool) {
	target := w.userChosen()
	root, role := [32]byte(target.root()), uint64(w.Choose("role", 2))
	if m, in := at.members[target.name]; in && w.Choose("the root", 4) > 0 {
		root = m.Root
	}
	e := &groupentry.Entry{Op: 1 + uint64(w.Choose("op", 5)), User: &target.name, Root: &root}
	switch e.Op {
	case groupentry.Add:
		role = 0
		e.Role = &role
	case groupentry.Role:
		e.Role = &role
	case groupentry.Resolve:
		rejected := [32]byte(w.nodes[w.Choose("what it rejects", len(w.nodes))].hash)
		e.User, e.Root = nil, &rejected
	}
	_, member := at.members[target.name]
	return e, len(at.members) > 0 && (member || e.Op == groupentry.Add || e.Op == groupentry.Resolve)
}
