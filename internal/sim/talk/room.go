package talk

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/session"
)

// room is a group as the server has it: entries that phones brought, most of them in one chain.
type room struct {
	w       *World
	id      device.Hash
	number  int
	entries []*entry
	newest  *entry // the end of the chain
	shares  []share
	said    []*item // messages, for those with whom they are shared
	lost    bool    // it does not settle, for a reason that is known
}

// entry is one entry of a group, and who is in after it.
type entry struct {
	data   []byte
	info   group.Info
	parent *entry
	roles  map[string]group.Role
}

// share is what somebody may read of what was said before he came, and with him the other devices of who shared it.
type share struct {
	users    [2]string
	sessions map[session.Prefix]bool
}

// String names the room.
func (r *room) String() string { return fmt.Sprintf("group %d", r.number) }

// room returns a group, nil for one of which nothing was brought.
func (w *World) room(id device.Hash) *room {
	if i := slices.IndexFunc(w.rooms, func(r *room) bool { return r.id == id }); i >= 0 {
		return w.rooms[i]
	}
	return nil
}

// entry finds an entry, nil for none.
func (r *room) entry(h device.Hash) *entry {
	if i := slices.IndexFunc(r.entries, func(e *entry) bool { return e.info.Hash == h }); i >= 0 {
		return r.entries[i]
	}
	return nil
}

// above reports whether e is o or stands on it.
func (e *entry) above(o *entry) bool {
	for ; e != nil; e = e.parent {
		if e == o {
			return true
		}
	}
	return false
}

// takeEntry takes an entry of a group. It reports whether the server is done with it.
func (r *Relay) takeEntry(p *Phone, data []byte) (bool, error) {
	info, err := group.Inspect(data)
	if err != nil {
		return false, fmt.Errorf("%s sends an entry of a group: %w", p, err)
	}
	of := r.w.room(info.Group)
	if of == nil {
		if info.Op != group.OpCreate {
			return false, nil // the first one was lost
		}
		of = &room{w: r.w, id: info.Group, number: len(r.w.rooms) + 1}
	}
	if of.entry(info.Hash) != nil {
		return true, nil
	}
	e := &entry{data: data, info: info, parent: of.entry(info.Prev)}
	if len(of.entries) > 0 && e.parent == nil || !r.w.active(p.user.name, p.id) || !of.wants(e) {
		r.w.Trace("the server does not take an entry of %s", p)
		return false, nil
	}
	e.change()
	if e.parent == nil {
		r.w.rooms = append(r.w.rooms, of)
	}
	of.entries = append(of.entries, e)
	if e.parent == nil || e.parent.above(of.newest) || e.info.Op == group.OpResolve {
		of.newest = e
	}
	r.w.Trace("%s has entry %d of %s, op %d of %q", of, info.Epoch, p, info.Op, info.User)
	return true, nil
}

// wants reports whether the server takes an entry: on the newest one, or on the one before when devices that are revoked by
// now signed what follows. One that lies, or has lied, takes more.
func (r *room) wants(e *entry) bool {
	at := r.newest
	for at != nil && at != e.parent && !r.live(at) {
		at = at.parent
	}
	switch {
	case at == e.parent:
		return true
	case r.w.Server.Evil && r.w.Choose("part a group", 2) == 1:
		r.w.Trace("the server parts %s", r)
		return true
	default:
		return r.w.lied && !slices.ContainsFunc(r.entries, func(o *entry) bool { return o.parent == e.parent })
	}
}

// live reports whether the device that signed an entry is active.
func (r *room) live(e *entry) bool {
	return r.w.Server.Log(e.info.Actor).Standing(e.info.Cert) == nil
}

// change computes who is in after an entry.
func (e *entry) change() {
	i := &e.info
	e.roles = map[string]group.Role{}
	if e.parent != nil {
		e.roles = maps.Clone(e.parent.roles)
	}
	switch i.Op {
	case group.OpCreate, group.OpAdd, group.OpRole:
		e.roles[i.User] = i.Role
	case group.OpRemove:
		if e.roles[i.User] == group.RoleOwner {
			clear(e.roles)
		}
		delete(e.roles, i.User)
	case group.OpTransfer:
		e.roles[i.Actor], e.roles[i.User] = group.RoleAdmin, group.RoleOwner
	}
}

// has reports whether a user is in after the entry.
func (e *entry) has(user string) bool {
	_, in := e.roles[user]
	return in
}

// steady reports whether a user was in from an entry on, and it counts.
func (r *room) steady(user string, from *entry) bool {
	if from == nil || !r.newest.above(from) {
		return false
	}
	for e := r.newest; ; e = e.parent {
		if !e.has(user) {
			return false
		}
		if e == from {
			return true
		}
	}
}

// serve answers with the entries of a group, or with what a lying server would rather have them to be.
func (r *room) serve() [][]byte {
	all := r.entries
	if r.w.Server.Evil {
		all = r.lie()
	}
	var data [][]byte
	for _, e := range all {
		data = append(data, e.data)
	}
	if r.w.Server.Evil && len(data) > 0 && r.w.Choose("alter a group", 8) == 1 {
		at := r.w.Choose("entry that is altered", len(data))
		r.w.Trace("the server alters entry %d of %s", at, r)
		data[at] = altered(data[at], r.w.Choose("byte that is altered", len(data[at])))
	}
	return data
}

func (r *room) lie() []*entry {
	var all []*entry
	last := r.entries[r.w.Choose("which branch", len(r.entries))]
	hides := r.w.Choose("hide the others", 2) == 1
	for _, e := range r.entries {
		if !hides || last.above(e) {
			all = append(all, e)
		}
	}
	if hides {
		r.w.Trace("the server shows %s up to entry %d of %d", r, last.info.Epoch, len(r.entries))
	}
	if len(all) > 1 && r.w.Choose("leave one out", 6) == 1 {
		at := r.w.Choose("which", len(all))
		all = slices.Delete(all, at, at+1)
	}
	return all
}

// fetchGroups asks the server for the entries of the groups that the phone knows or was told of, and returns those that it
// did not bring before.
func (p *Phone) fetchGroups() ([][]byte, error) {
	var fresh [][]byte
	for _, r := range p.w.rooms {
		if !p.wants[r.id] {
			_, err := p.account.Group(background(), r.id)
			if errors.Is(err, fault.UnknownSession) {
				continue
			}
			if err != nil {
				return nil, p.failed("looks for "+r.String(), err)
			}
		}
		delete(p.wants, r.id)
		for _, data := range r.serve() {
			if !p.given[sum(data)] {
				fresh = append(fresh, data)
			}
		}
	}
	return fresh, nil
}
