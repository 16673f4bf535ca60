package group_test

import (
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groupentry"
)

// forge signs an entry on the end of the chain, whoever has the right to it or not: everything in it fits but what change
// makes of it.
func (c *chain) forge(k *device.Keys, op uint64, target string, role uint64, change func(e *groupentry.Entry)) []byte {
	c.Helper()
	e := c.fields(k, op, target, role)
	if change != nil {
		change(e)
	}
	return signed(c, signerOf(c, k), e)
}

// fields are those of an entry on the end of the chain.
func (c *chain) fields(k *device.Keys, op uint64, target string, role uint64) *groupentry.Entry {
	c.Helper()
	p := c.people[k.Record().User()]
	root, pin := [32]byte(c.people[target].root()), p.log.Pin()
	e := &groupentry.Entry{
		Group: c.id, Epoch: uint64(len(c.entries)), Prev: c.tip(), Op: op, User: &target, Root: &root, Actor: p.user,
		Seq: pin.Seq, Head: pin.Head, Issued: uint64(start.Unix()),
	}
	if op == groupentry.Add || op == groupentry.Role {
		e.Role = &role
	}
	e.Members = c.after(e)
	return e
}

// after is the digest of the members after an entry on the end of the chain.
func (c *chain) after(e *groupentry.Entry) [32]byte {
	c.Helper()
	m := map[string]group.Member{}
	for _, member := range c.state().Members() {
		m[member.User] = member
	}
	if e.Op != groupentry.Resolve {
		apply(m, e)
	}
	return digest(m)
}

// take puts a forged entry on the end of the chain.
func (c *chain) take(b []byte) device.Hash {
	c.entries = append(c.entries, b)
	return hashOf(b)
}
