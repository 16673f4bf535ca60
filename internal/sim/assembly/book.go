package assembly

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groupentry"
)

// node is an entry that somebody signed and that breaks no rule where it stands.
type node struct {
	b       []byte
	hash    device.Hash
	parent  *node // nil of the first one
	epoch   uint64
	by      *Device
	op      uint64
	members map[string]group.Member // after it
	acted   map[device.Hash]uint64  // how far the log of each identity was at its last entry
}

// above reports whether n is o or stands on it.
func (n *node) above(o *node) bool {
	for ; n != nil; n = n.parent {
		if n == o {
			return true
		}
	}
	return false
}

// has reports whether an identity is a member after the entry.
func (n *node) has(u *user) bool {
	m, in := n.members[u.name]
	return in && m.Root == u.root()
}

// owner is the one after the entry, "" when the group has ended.
func (n *node) owner() group.Member {
	for _, m := range n.members {
		if m.Role == group.RoleOwner {
			return m
		}
	}
	return group.Member{}
}

// enter writes down an entry that a device signed. What breaks a rule is no entry: nil.
func (w *World) enter(by *Device, b []byte) (*node, error) {
	e, err := groupentry.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s signs: %w", by, err)
	}
	n := &node{b: b, hash: sha256.Sum256(b), by: by, epoch: e.Epoch, op: e.Op, members: map[string]group.Member{}, acted: map[device.Hash]uint64{}}
	if known := w.byHash[n.hash]; known != nil {
		return known, nil
	}
	if e.Op != groupentry.Create {
		if n.parent = w.byHash[e.Prev]; n.parent == nil {
			return nil, fmt.Errorf("%s signs on an entry that there is not", by)
		}
		if !w.may(by.user, n.parent, &e.Entry) || e.Seq < n.parent.acted[by.user.root()] {
			return nil, nil
		}
		n.members, n.acted = maps.Clone(n.parent.members), maps.Clone(n.parent.acted)
	}
	change(n.members, by.user, &e.Entry)
	n.acted[by.user.root()] = e.Seq
	if e.Members != digest(n.members) {
		return nil, nil
	}
	w.nodes, w.byHash[n.hash] = append(w.nodes, n), n
	return n, nil
}

// may are the rights of members, as docs/spec/group.md has them.
func (w *World) may(by *user, at *node, e *groupentry.Entry) bool {
	if !at.has(by) {
		return false
	}
	actor := at.members[by.name]
	if e.Op == groupentry.Resolve {
		rejected := w.byHash[*e.Root]
		return actor.Role == group.RoleOwner && rejected != nil && at.above(rejected.parent) && !at.above(rejected)
	}
	target, member := at.members[*e.User]
	if e.Op != groupentry.Add && (!member || target.Root != *e.Root) {
		return false
	}
	switch e.Op {
	case groupentry.Add:
		return actor.Role != group.RoleMember && !member
	case groupentry.Remove:
		if target == actor {
			return actor.Role != group.RoleOwner || !at.hasAdmin()
		}
		return actor.Role > target.Role
	default:
		return actor.Role == group.RoleOwner && target != actor
	}
}

func (n *node) hasAdmin() bool {
	for _, m := range n.members {
		if m.Role == group.RoleAdmin {
			return true
		}
	}
	return false
}

// change makes the change of an entry.
func change(m map[string]group.Member, by *user, e *groupentry.Entry) {
	switch e.Op {
	case groupentry.Create:
		m[by.name] = group.Member{User: by.name, Root: by.root(), Role: group.RoleOwner}
	case groupentry.Add:
		m[*e.User] = group.Member{User: *e.User, Root: *e.Root}
	case groupentry.Remove:
		if m[*e.User].Role == group.RoleOwner {
			clear(m)
		}
		delete(m, *e.User)
	case groupentry.Role:
		m[*e.User] = group.Member{User: *e.User, Root: *e.Root, Role: group.Role(*e.Role)}
	case groupentry.Transfer:
		m[*e.User] = group.Member{User: *e.User, Root: *e.Root, Role: group.RoleOwner}
		m[by.name] = group.Member{User: by.name, Root: by.root(), Role: group.RoleAdmin}
	}
}

// list are the members in order.
func list(m map[string]group.Member) []group.Member {
	var all []group.Member
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, m[name])
	}
	return all
}

func digest(m map[string]group.Member) [32]byte {
	var b []byte
	for _, x := range list(m) {
		root := [32]byte(x.Root)
		b = groupentry.AppendMember(b, x.User, &root, uint64(x.Role))
	}
	return groupentry.Digest(len(m), b)
}

// sign has a device sign any entry with any log of its user, whether it may or not. The digest is that of the members that it
// would lead to. It returns nil when the entry breaks a rule, and the bytes in any case.
func (w *World) sign(d *Device, at *node, log *device.Log, e *groupentry.Entry) (*node, []byte, error) {
	members := maps.Clone(at.members)
	change(members, d.user, e)
	pin := log.Pin()
	w.now = w.now.Add(time.Second) // no two entries are the same
	e.Group, e.Epoch, e.Prev, e.Members = w.id, at.epoch+1, at.hash, digest(members)
	e.Seq, e.Head, e.Issued = pin.Seq, pin.Head, uint64(w.now.Unix())
	b, err := d.keys.SignGroupEntry(e)
	if err != nil {
		return nil, nil, fmt.Errorf("%s signs: %w", d, err)
	}
	n, err := w.enter(d, b)
	return n, b, err
}
