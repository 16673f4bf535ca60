package talk

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
)

// maxTalks bounds how often people talk until those of a group see the same.
const maxTalks = 6

// unite lets everybody talk, and owners decide, until all who are in a group see the same. A group in which a device signed
// that was revoked since, before others learned of that, may stay apart.
func (w *World) unite() error {
	var apart error
	for range maxTalks {
		if err := w.settle(); err != nil {
			return err
		}
		apart = nil
		for _, r := range w.rooms {
			if err := w.united(r); err != nil {
				apart = errors.Join(apart, err)
			}
		}
		if apart == nil {
			return nil
		}
		err := w.each(func(p *Phone) error { return errors.Join(p.decide(), p.sayAll()) })
		if err != nil {
			return err
		}
	}
	if err := w.settle(); err != nil {
		return err
	}
	for _, r := range w.rooms {
		err := w.united(r)
		if err == nil {
			continue
		}
		if !r.doubtful() {
			return err
		}
		w.Trace("%s stays apart: %v", r, err)
		r.lost = true
	}
	return nil
}

// doubtful reports whether it is for another reason than groups themselves, if those in it do not come together: a log has
// forked, or a device signed an entry that was revoked then.
func (r *room) doubtful() bool {
	for _, e := range r.entries {
		if !r.live(e) || r.w.frozen(e.info.Actor) {
			return true
		}
	}
	return slices.ContainsFunc(r.w.users, func(u *user) bool { return r.newest.has(u.name) && r.w.frozen(u.name) })
}

// united asks whether all who are in a group see the same, and can use it.
func (w *World) united(r *room) error {
	for _, p := range w.everyPhone() {
		if !w.active(p.user.name, p.id) || w.frozen(p.user.name) || !p.on() || !r.newest.has(p.user.name) {
			continue
		}
		if r.outside(p) {
			w.Trace("nobody can bring %s into %s any more", p, r)
			continue
		}
		g, err := p.account.Group(background(), r.id)
		if err != nil {
			return fmt.Errorf("%s is in %s and does not join: %w", p, r, err)
		}
		s, err := g.State(background())
		if err != nil {
			return err
		}
		if s.Status == group.Ended {
			return r.ended(p)
		}
		if s.Tip != r.newest.info.Hash || s.Status != group.Active || s.Pending > 0 {
			return fmt.Errorf("%s sees %s %s at epoch %d, and the server has %d, pending %d", p, r, s.Status, s.Epoch, r.newest.info.Epoch, s.Pending)
		}
		for _, m := range s.Members {
			if role, in := r.newest.roles[m.User]; !in || role != m.Role || len(s.Members) != len(r.newest.roles) {
				return fmt.Errorf("%s sees %v in %s, and there are %v", p, s.Members, r, r.newest.roles)
			}
		}
	}
	return nil
}

// outside reports whether a phone does not know the group, and nobody who could bring it in does: who added its user, or
// another phone of his. Disks were put back.
func (r *room) outside(p *Phone) bool {
	if _, err := p.account.Group(background(), r.id); err == nil {
		return false
	}
	adder := r.newest.adder(p.user.name)
	return !slices.ContainsFunc(r.w.everyPhone(), func(o *Phone) bool {
		if o.user != p.user && o.user.name != adder || !r.w.active(o.user.name, o.id) || !r.newest.has(o.user.name) {
			return false
		}
		_, err := o.account.Group(background(), r.id)
		return err == nil
	})
}

// ended is nil when an owner has spoken for two branches, so that the group has ended for good.
func (r *room) ended(p *Phone) error {
	r.lost = true
	for _, e := range r.entries {
		if slices.ContainsFunc(r.entries, func(o *entry) bool { return o != e && o.parent == e.parent }) {
			r.w.Trace("%s: %s has ended", p, r)
			return nil
		}
	}
	return fmt.Errorf("%s sees that %s has ended, and nobody ended it", p, r)
}

// decide lets an owner end a fork, and what others may take for one.
func (p *Phone) decide() error {
	if !p.on() || !p.w.active(p.user.name, p.id) {
		return nil
	}
	all, err := p.account.Groups(background())
	if err != nil {
		return p.failed("looks for its groups", err)
	}
	for _, g := range all {
		s, err := g.State(background())
		if err != nil {
			return p.failed("looks at a group", err)
		}
		if err := p.accept(g, s); err != nil || !p.on() {
			return err
		}
		owner := slices.ContainsFunc(s.Members, func(m group.Member) bool { return m.User == p.user.name && m.Role == group.RoleOwner })
		if !owner || s.Pending > 0 {
			continue
		}
		for _, v := range []group.Verdict{group.Open, group.Idle} {
			if err := p.resolve(g, s, v); err != nil || !p.on() {
				return err
			}
			if s.Status == group.Frozen {
				break
			}
		}
		if err := p.flush(); err != nil || !p.on() {
			return err
		}
	}
	return nil
}

// accept lets a phone vouch for what a device signed that was revoked since, when that is what the server goes on with.
func (p *Phone) accept(g *sotto.Group, s *sotto.GroupState) error {
	r := p.w.room(g.ID())
	for _, b := range s.Branches {
		if last := r.entry(b.Last); b.Verdict != group.Idle || last == nil || !r.newest.above(last) || !last.has(p.user.name) {
			continue
		}
		p.w.Trace("%s accepts a branch of %s", p, r)
		if err := g.Accept(background(), b.Last); err != nil {
			return p.refused("accept a branch", err, p.w.mayRefuse(append(slices.Clone(managing), fault.Misuse)...)...)
		}
		return p.collect()
	}
	return nil
}

// sayAll lets a phone talk in every group.
func (p *Phone) sayAll() error {
	if !p.on() || !p.w.active(p.user.name, p.id) {
		return nil
	}
	all, err := p.account.Groups(background())
	if err != nil {
		return p.failed("looks for its groups", err)
	}
	for _, g := range all {
		if err := p.say(g, p.w.body()); err != nil || !p.on() {
			return err
		}
	}
	return nil
}
