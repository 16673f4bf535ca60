package relay

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
)

// maxChain is how many entries a group may have here, so that one answer brings all of them.
const maxChain = 4000

// chain is what is kept of a group: the entries that count, in order, and those that counted once and do not any more.
type chain struct{ trunk, side [][]byte }

// getGroup returns the chain of a group from an entry on, to whoever is in it or was.
func (s *Server) getGroup(r *http.Request) (page []byte, err error) {
	from, err := number(r, "from")
	if err != nil {
		return nil, err
	}
	id, err := hex.DecodeString(r.PathValue("id"))
	if err != nil || len(id) != len(device.Hash{}) {
		return nil, fmt.Errorf("relay: group: %w", fault.Malformed)
	}
	err = s.db.View(func(tx *bbolt.Tx) error {
		who, err := s.device(tx, r)
		if err != nil {
			return err
		}
		c, err := readChain(tx, device.Hash(id))
		if err != nil {
			return err
		}
		if o, _ := ownerOf(tx, who); !c.names(o.user) {
			return fmt.Errorf("relay: no group of that user's: %w", fault.UntrustedSigner)
		}
		for _, entry := range slices.Concat(c.trunk[min(from, uint64(len(c.trunk))):], c.side) {
			page = appendFrame(page, entry)
		}
		return nil
	})
	return page, err
}

// names reports whether entries that count name a user: as one who acted, or was added.
func (c *chain) names(user string) bool {
	return slices.ContainsFunc(c.trunk, func(entry []byte) bool {
		claim, err := group.Inspect(entry)
		return err == nil && (claim.Actor == user || claim.User == user)
	})
}

// postEntryOfGroup appends to a chain. The database lets one writer in at a time, so of two entries for one place one comes
// first; the other is fault.LogFork. Nobody but members can end a chain with something: it is verified as they verify it.
func (s *Server) postEntryOfGroup(r *http.Request) ([]byte, error) {
	entry, err := body(r)
	if err != nil {
		return nil, err
	}
	claim, err := group.Inspect(entry)
	if err != nil {
		return nil, err
	}
	return nil, s.db.Update(func(tx *bbolt.Tx) error {
		c, err := readChain(tx, claim.Group)
		if err != nil {
			return err
		}
		if claim.Epoch < uint64(len(c.trunk)) && bytes.Equal(c.trunk[claim.Epoch], entry) {
			return nil // it was sent before, and the answer was lost
		}
		if len(c.trunk) >= maxChain {
			return fmt.Errorf("relay: the group has %d entries: %w", len(c.trunk), fault.OverLimit)
		}
		next, err := c.extended(claim, entry, func(user string, root device.Hash) *device.Log {
			if l, err := logOf(tx, user); err == nil && l.Pin().Root == root {
				return l
			}
			return nil
		})
		if err != nil {
			return err
		}
		return next.write(tx, claim.Group)
	})
}

// extended verifies an entry behind a chain. It also takes those entries off the end that a device signed which is revoked
// by now, and nobody stood up for.
func (c *chain) extended(claim group.Info, entry []byte, logs group.Logs) (next *chain, err error) {
	var state *group.State
	if len(c.trunk) == 0 {
		state, err = group.Verify(claim.Group, [][]byte{entry}, logs)
	} else if state, err = group.Resume(claim.Group, c.trunk, c.side, nil); err == nil {
		state, err = state.Extend([][]byte{entry}, logs)
	}
	if err != nil {
		return nil, err
	}
	if state.Tip() != claim.Hash {
		return nil, fmt.Errorf("relay: another entry came first: %w", fault.LogFork)
	}
	byHash := map[device.Hash][]byte{}
	for _, b := range slices.Concat(c.trunk, c.side, [][]byte{entry}) {
		byHash[sha256.Sum256(b)] = b
	}
	next = &chain{side: state.Side()}
	for epoch := range state.Epoch() + 1 {
		h, _ := state.Entry(epoch)
		next.trunk = append(next.trunk, byHash[h])
	}
	return next, nil
}

func readChain(tx *bbolt.Tx, id device.Hash) (c *chain, err error) {
	c = &chain{}
	if c.trunk, err = entriesIn(tx.Bucket(groupsBucket).Bucket(id[:])); err != nil {
		return nil, err
	}
	c.side, err = entriesIn(tx.Bucket(sidesBucket).Bucket(id[:]))
	return c, err
}

func (c *chain) write(tx *bbolt.Tx, id device.Hash) error {
	for of, entries := range map[*bbolt.Bucket][][]byte{tx.Bucket(groupsBucket): c.trunk, tx.Bucket(sidesBucket): c.side} {
		if of.Bucket(id[:]) != nil {
			if err := of.DeleteBucket(id[:]); err != nil {
				return err
			}
		}
		b, err := of.CreateBucket(id[:])
		if err != nil {
			return err
		}
		for n, entry := range entries {
			if err := b.Put(key(uint64(n)), entry); err != nil {
				return err
			}
		}
	}
	return nil
}
