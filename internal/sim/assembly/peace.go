package assembly

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
)

// Level gives two devices what either of them knows. They see the same then.
func (w *World) Level() error {
	a, b := w.honestChosen(), w.honestChosen()
	if a == b || a.state == nil || b.state == nil {
		return nil
	}
	facts := a.facts(func(*fact) bool { return true })
	more := b.facts(func(f *fact) bool { return !a.seen[f] })
	if err := errors.Join(w.bring(a, w.shuffled(more)...), w.bring(b, w.shuffled(facts)...)); err != nil {
		return err
	}
	// What each has not kept of entries that did not count it gets once more.
	all := slices.Concat(facts, more)
	if err := errors.Join(w.bring(a, all...), w.bring(b, all...)); err != nil {
		return err
	}
	return w.same(a, b)
}

// same asks whether two devices that know the same see the same.
func (w *World) same(a, b *Device) error {
	x, y := a.state, b.state
	if x.Tip() == y.Tip() {
		if x.Status() != y.Status() {
			return fmt.Errorf("%s sees the group %s and %s sees it %s", a, x.Status(), b, y.Status())
		}
		return nil
	}
	if a.keeps(b.tip()) || b.keeps(a.tip()) {
		w.Trace("%s and %s differ in what counted at them before", a, b)
		return nil
	}
	if len(a.tip().members) == 0 || len(b.tip().members) == 0 {
		w.Trace("the group has ended for one of %s and %s, and nothing decides", a, b)
		return nil
	}
	if x.Status() != y.Status() {
		return fmt.Errorf("%s sees\n%s\nand %s\n%s", a, show(x), b, show(y))
	}
	if x.Status() == group.Active && (a.decided(b.tip()) || b.decided(a.tip())) {
		return fmt.Errorf("%s sees\n%s\nand %s\n%s\nthough somebody has spoken", a, show(x), b, show(y))
	}
	return nil
}

// keeps reports whether the trunk has entries of revoked devices that another one's trunk has not: they count because they
// once did.
func (d *Device) keeps(other *node) bool {
	return slices.ContainsFunc(d.trunk(), func(n *node) bool { return !other.above(n) && !d.lives(n.by) })
}

// decided reports whether somebody who is a member at the end of another branch has signed on the trunk of d beside it.
func (d *Device) decided(other *node) (found bool) {
	tip := d.tip()
	d.signatures(nil, func(by *Device, n *node, _ bool) {
		found = found || tip.above(n) && !other.above(n) && other.has(by.user)
	})
	return found
}

// Strangers asks whether those who have no past see the same, in whatever order they learn the same.
func (w *World) Strangers() error {
	from := w.honestChosen()
	if from.state == nil {
		return nil
	}
	facts := from.facts(func(*fact) bool { return true })
	both := make([]*Device, 2)
	for i := range both {
		d := &Device{
			w: w, user: from.user, name: fmt.Sprintf("stranger %d", i), keys: from.keys, logs: map[device.Hash]*device.Log{},
			seen: map[*fact]bool{}, counted: map[device.Hash]bool{},
		}
		both[i] = d
		logs := from.facts(func(f *fact) bool { return f.log != nil })
		if err := errors.Join(w.bring(d, logs...), w.bring(d, w.shuffled(facts)...), w.bring(d, facts...)); err != nil {
			return err
		}
		if d.state == nil {
			return nil
		}
	}
	return w.same(both[0], both[1])
}

// Peace is what must hold in the end: everybody learns everything, and the owner resolves. Then all see one group.
func (w *World) Peace() error {
	w.Trace("peace")
	w.parted = false
	idle := 0
	for i := range 12 {
		if err := w.settle(); err != nil {
			return err
		}
		if w.agreed() {
			return nil
		}
		acted, err := w.decide(i%2 == 0)
		if err != nil {
			return err
		}
		if acted {
			idle = 0
		} else if idle++; idle == 2 {
			return w.deadlock()
		}
	}
	return fmt.Errorf("there is no peace: %s", w.views())
}

// settle lets everybody learn everything, and say what he sees.
func (w *World) settle() error {
	for range 3 {
		for _, d := range w.honest() {
			if err := errors.Join(w.bring(d, w.facts...), w.bring(d, w.facts...)); err != nil {
				return err
			}
		}
		if w.agreed() {
			return nil
		}
		for _, d := range w.honest() {
			if err := w.say(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// agreed reports whether all who are in see the same group, and no fork.
func (w *World) agreed() bool {
	all := slices.DeleteFunc(w.honest(), func(d *Device) bool { return d.state != nil && !d.member() })
	for _, d := range all {
		if d.state == nil || d.state.Status() == group.Frozen || d.state.Status() != all[0].state.Status() {
			return false
		}
		if d.state.Status() == group.Active && d.state.Tip() != all[0].state.Tip() {
			return false
		}
	}
	return true
}

// decide lets an owner end what is in doubt: with a resolve, or with an entry of his that others can follow. Or he accepts
// what others have taken for good while it was nothing to him.
func (w *World) decide(accept bool) (bool, error) {
	for _, d := range w.honest() {
		m, in := d.state.Find(d.user.name)
		if !in || m.Role != group.RoleOwner || m.Root != d.user.root() || !d.live() || d.state.Status() == group.Ended {
			continue
		}
		var change []group.Change
		for _, b := range d.state.Branches() {
			if last := w.byHash[b.Last]; accept && b.Verdict == group.Idle && last.above(d.tip()) && last.has(d.user) && w.followed(b.First) {
				w.Trace("%s accepts %s", d, b.Last.String()[:6])
				return true, w.tell(d, &fact{by: d, names: last, half: d.half})
			}
			if b.Verdict != group.Refused { // what is idle for the owner may freeze those at whom it counted before
				change = append(change, group.Resolve(b.First))
			}
		}
		if d.state.Status() == group.Active {
			for _, other := range d.state.Members() {
				if other.User != d.user.name {
					change = append(change, group.SetRole(other.User, other.Role))
				}
			}
			for _, u := range w.present() {
				change = append(change, group.Add(u.name, u.root()))
			}
		}
		for _, c := range change {
			entries, err := d.state.Propose(d.keys, d.logs[d.user.root()], w.now, c)
			if err != nil {
				if err := expected(d, err, fault.LogFork, fault.Rollback, fault.Malformed); err != nil {
					return false, err
				}
				continue
			}
			return w.publish(d, entries...)
		}
	}
	return false, nil
}

// followed reports whether an entry counts for somebody who is in.
func (w *World) followed(h device.Hash) bool {
	return slices.ContainsFunc(w.honest(), func(d *Device) bool { return d.member() && d.tip().above(w.byHash[h]) })
}

// deadlock is when no owner can decide: his devices are all with thieves or revoked, his account was made anew, or he would
// end the group because he spoke for both sides. It must not be because of somebody else.
func (w *World) deadlock() error {
	for _, d := range w.honest() {
		if d.state.Status() == group.Active && d.member() && len(d.user.honest()) > 0 {
			m, _ := d.state.Find(d.user.name)
			if m.Role == group.RoleOwner {
				return fmt.Errorf("the owner cannot decide: %s", w.views())
			}
		}
	}
	w.Trace("nobody can decide: %s", w.views())
	return nil
}

// views are what everybody sees.
func (w *World) views() string {
	s := ""
	for _, d := range w.honest() {
		if d.state == nil {
			s += fmt.Sprintf("\n%s sees nothing", d)
			continue
		}
		s += fmt.Sprintf("\n%s sees it %s at %d %s, owner %s", d, d.state.Status(), d.state.Epoch(), d.state.Tip().String()[:6], d.tip().owner().User)
	}
	return s
}
