package talk

import (
	"slices"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
)

// maxRooms bounds the groups of a world.
const maxRooms = 2

// Manage lets a phone make a group, or change one that it is in, whether it may or not.
func (w *World) Manage() error {
	p := w.phoneChosen()
	if w.made < maxRooms && w.Choose("another group", 3) == 1 {
		return p.createGroup()
	}
	p, g, err := w.groupFrom(p)
	if g == nil || err != nil {
		return err
	}
	return p.change(g)
}

// Rush lets all phones that know a group change it at the same time, and bring that to the server.
func (w *World) Rush() error {
	_, g, err := w.groupFrom(w.phoneChosen())
	if g == nil || err != nil {
		return err
	}
	for _, f := range []func(p *Phone) error{func(p *Phone) error { return p.changeIf(g) }, (*Phone).flush} {
		if err := w.each(f); err != nil {
			return err
		}
	}
	return nil
}

// changeIf is change for a phone that may not know the group.
func (p *Phone) changeIf(g *sotto.Group) error {
	if !p.on() {
		return nil
	}
	own, err := p.account.Group(background(), g.ID())
	if err != nil {
		return p.refused("change a group", err, fault.UnknownSession)
	}
	return p.change(own)
}

// groupFrom is a group that a phone knows, or the next phone that knows one; nil when there is none.
func (w *World) groupFrom(p *Phone) (*Phone, *sotto.Group, error) {
	phones := w.everyPhone()
	for i := range phones {
		p = phones[(i+slices.Index(phones, p))%len(phones)]
		if !p.on() {
			continue
		}
		all, err := p.account.Groups(background())
		if err != nil {
			return nil, nil, p.failed("looks for its groups", err)
		}
		if len(all) > 0 {
			return p, all[w.Choose("which group", len(all))], nil
		}
	}
	return nil, nil, nil
}

// createGroup makes a group of some users.
func (p *Phone) createGroup() error {
	if !p.on() {
		return nil
	}
	var members []*sotto.Contact
	for _, u := range p.w.users {
		if u == p.user || p.w.Choose("take "+u.name+" in", 3) > 0 {
			continue
		}
		c, err := p.account.Contact(background(), u.name)
		if err != nil {
			return p.refused("find "+u.name, err, fault.UntrustedSigner)
		}
		members = append(members, c)
	}
	p.w.Trace("%s makes a group of %d others", p, len(members))
	if _, err := p.account.CreateGroup(background(), members...); err != nil {
		return p.refused("make a group", err, p.w.mayRefuse(silent...)...)
	}
	p.w.made++
	return nil
}

// change lets a phone change a group, or end a fork if there is one.
func (p *Phone) change(g *sotto.Group) error {
	w := p.w
	s, err := g.State(background())
	if err != nil {
		return p.failed("looks at a group", err)
	}
	if s.Status == group.Frozen {
		return p.resolve(g, s, group.Open)
	}
	what := w.Choose("change", 9)
	user := w.target(s, what < adding)
	switch what {
	case 0:
		err = g.Remove(background(), user)
	case 1:
		if w.Choose("leave", 6) == 1 {
			err = g.Leave(background())
		}
	case 2, 3, 4:
		err = g.SetRole(background(), user, group.Role(w.Choose("role", 2)))
	case 5:
		err = g.Transfer(background(), user)
	default:
		var c *sotto.Contact
		if c, err = p.account.Contact(background(), user); err == nil {
			err = g.Add(background(), c)
		}
	}
	if err != nil {
		return p.refused("change a group", err, w.mayRefuse(managing...)...)
	}
	w.Trace("%s signs a change of %s: %d of %s", p, w.room(g.ID()), what, user)
	return nil
}

// adding is the first of the changes that bring somebody in.
const adding = 6

// target is somebody whom a change makes sense for, as a rule.
func (w *World) target(s *sotto.GroupState, member bool) string {
	user := w.userChosen().name
	for range w.users {
		in := slices.ContainsFunc(s.Members, func(m group.Member) bool { return m.User == user })
		if in == member || w.Choose("sense", 4) == 1 {
			break
		}
		user = w.userChosen().name
	}
	return user
}

// managing are the reasons why somebody may not change a group, or the group of that be changed.
var managing = append([]fault.Code{fault.LogFork, fault.Expired, fault.UntrustedSigner, fault.Rollback}, silent...)

// resolve lets a phone decide against the branches of a verdict, one of them for all.
func (p *Phone) resolve(g *sotto.Group, s *sotto.GroupState, v group.Verdict) error {
	for _, b := range s.Branches {
		if b.Verdict != v {
			continue
		}
		err := g.Resolve(background(), b.First)
		if err == nil {
			p.w.Trace("%s resolves %s", p, p.w.room(g.ID()))
			return nil
		}
		if err := p.refused("resolve", err, p.w.mayRefuse(managing...)...); err != nil || !p.on() {
			return err
		}
	}
	return nil
}
