package group

// vouch is a member whose active device signed on top of entries whose own signers are revoked, up to an epoch.
type vouch struct {
	by   identity
	upTo uint64
}

// vouchedFor reports whether an entry whose signer's device is revoked counts all the same: an active device has signed an
// entry on top of it, or a statement that names it or an entry on top, and its user is a member before the entry. Nobody
// vouches who owes his membership to it.
func (c *court) vouchedFor(n *node, alone bool) bool {
	c.cur.to(n.parent)
	if !alone {
		c.carried = vouch{}
	}
	if c.carried.upTo >= n.Epoch && c.cur.has(c.carried.by) { // who vouched for the entry below does for this one, too
		return true
	}
	v, found := c.voucher(n)
	c.carried = v
	return found
}

// voucher searches the branches on top of an entry, nearest first where they do not part.
func (c *court) voucher(n *node) (vouch, bool) {
	for todo := []*node{n}; len(todo) > 0; {
		at := todo[0]
		todo = todo[1:]
		for _, by := range c.heardAt[at] {
			if c.cur.has(by.identity) {
				return vouch{by.identity, at.Epoch}, true
			}
		}
		if c.lives(at.signer) && c.cur.has(at.signer.identity) { // n itself does not live
			return vouch{at.signer.identity, at.Epoch - 1}, true
		}
		todo = append(todo, c.children[at]...)
	}
	return vouch{}, false
}
