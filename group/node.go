package group

import (
	"crypto/sha256"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/groupentry"
)

// node is an entry in its place: it was verified on top of its parent. It is immutable.
type node struct {
	groupentry.Signed
	b       []byte
	hash    device.Hash
	parent  *node // nil in the first entry
	signer  signer
	changes []change
	owner   identity // of the group after this entry; nobody when it has ended
	before  *uint64  // field 10 of the actor's last entry below; nil when he had none
}

// signer is a device that speaks for a member.
type signer struct {
	identity
	cert device.CertID
}

func hashOf(b []byte) device.Hash { return sha256.Sum256(b) }

// ends reports whether the group has ended with this entry.
func (n *node) ends() bool { return n.owner == identity{} }

// above reports whether n is a or stands on top of it.
func (n *node) above(a *node) bool {
	for n.Epoch > a.Epoch {
		n = n.parent
	}
	return n == a
}

// cursor walks over the tree of entries and holds what is true after the one where it is.
type cursor struct {
	at *node // nil before the first entry
	roll
	acted map[identity]uint64 // field 10 of each actor's last entry
}

// to moves to another entry of the same tree, through the last one that both stand on.
func (c *cursor) to(n *node) {
	if c.at == n {
		return
	}
	var down []*node
	for n.Epoch > c.at.Epoch {
		down, n = append(down, n), n.parent
	}
	for c.at.Epoch > n.Epoch {
		c.undo()
	}
	for c.at != n {
		c.undo()
		down, n = append(down, n), n.parent
	}
	for i := len(down) - 1; i >= 0; i-- {
		c.do(down[i])
	}
}

// do goes on to an entry on top of this one.
func (c *cursor) do(n *node) {
	for _, x := range n.changes {
		c.apply(x)
	}
	c.acted[n.signer.identity] = n.Seq
	c.at = n
}

func (c *cursor) undo() {
	n := c.at
	for _, x := range n.changes { // in any order: they are of different members
		c.apply(x.reversed())
	}
	if n.before == nil {
		delete(c.acted, n.signer.identity)
	} else {
		c.acted[n.signer.identity] = *n.before
	}
	c.at = n.parent
}
