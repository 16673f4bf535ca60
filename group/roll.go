package group

import (
	"slices"
	"strings"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/groupentry"
)

// roll is the list of members at one entry.
type roll struct {
	members []Member // ascending by user
	encoded []byte   // the same as the digest has it; nil while nobody asks for a digest
}

// change is what an entry does to one member: before is nil when he comes, after when he goes.
type change struct{ before, after *Member }

func (c change) reversed() change { return change{c.after, c.before} }

func (r *roll) clone() roll { return roll{slices.Clone(r.members), slices.Clone(r.encoded)} }

func (r *roll) search(user string) (int, bool) {
	return slices.BinarySearchFunc(r.members, user, func(m Member, user string) int { return strings.Compare(m.User, user) })
}

// find returns the member of that user ID, nil when there is none.
func (r *roll) find(user string) *Member {
	if i, found := r.search(user); found {
		return &r.members[i]
	}
	return nil
}

// has reports whether that identity is a member.
func (r *roll) has(id identity) bool {
	m := r.find(id.user)
	return m != nil && m.Root == id.root
}

func (r *roll) hasAdmin() bool {
	return slices.ContainsFunc(r.members, func(m Member) bool { return m.Role == RoleAdmin })
}

// apply makes one change, in the encoded list too: only the bytes of that member are written.
func (r *roll) apply(c change) {
	user := c.before
	if user == nil {
		user = c.after
	}
	i, _ := r.search(user.User)
	if r.encoded != nil {
		r.edit(i, c)
	}
	switch {
	case c.after == nil:
		r.members = slices.Delete(r.members, i, i+1)
	case c.before == nil:
		r.members = slices.Insert(r.members, i, *c.after)
	default:
		r.members[i] = *c.after
	}
}

func (r *roll) edit(i int, c change) {
	start := 0
	for k := range i {
		start += groupentry.MemberSize(r.members[k].User)
	}
	end := start
	if c.before != nil {
		end += groupentry.MemberSize(c.before.User)
	}
	var room [256]byte
	b := room[:0]
	if c.after != nil {
		b = c.after.append(b)
	}
	r.encoded = slices.Replace(r.encoded, start, end, b...)
}

// digest stands for all members.
func (r *roll) digest() device.Hash {
	if r.encoded == nil {
		r.encoded = make([]byte, 0, 64*(len(r.members)+1))
		for i := range r.members {
			r.encoded = r.members[i].append(r.encoded)
		}
	}
	return groupentry.Digest(len(r.members), r.encoded)
}

func (m *Member) append(dst []byte) []byte {
	root := [32]byte(m.Root)
	return groupentry.AppendMember(dst, m.User, &root, uint64(m.Role))
}
