package sotto

import (
	"context"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/store"
)

// Who founded a group and lost all devices knows it no more, and all that shows who is in it was signed by devices that
// are gone: perhaps stolen ones. Those whom they brought in cannot vouch for themselves, so the user decides, who knows
// them.

// roomClaim is [group_id, H(entry)]: empty, a claim that was told.
const roomClaim = "group/claim"

// groupClaim is that a user names an entry of a group as this user's.
type groupClaim struct {
	group, entry device.Hash
	user         string
}

// tellClaims makes a notice of each claim, once.
func (v *view) tellClaims(all []groupClaim) error {
	for _, c := range all {
		name := store.Name{Room: roomClaim, Parts: [][]byte{c.group[:], c.entry[:]}}
		_, told, err := v.tx.Get(name)
		if err != nil {
			return err
		}
		if told {
			continue
		}
		v.tx.Put(name, nil)
		e := Event{
			Kind: KindGroupClaim, Conversation: c.group, User: c.user, Why: fault.UntrustedSigner, Change: &Change{Entry: c.entry},
		}
		v.notices = append(v.notices, e.named(c.entry))
	}
	return nil
}

// Claimed returns the members of a group as KindGroupClaim says that they are, for the user to look at. Nothing of it
// counts before Rejoin. A claim that is not here any more is fault.TooFarAhead: its chain has to come again.
func (a *Account) Claimed(ctx context.Context, id, entry device.Hash) (members []group.Member, err error) {
	err = a.retry(func() error {
		c, err := a.claimed(ctx, id, entry)
		if err != nil {
			return err
		}
		_, members, err = c.state.MembersAt(entry)
		return err
	})
	return members, err
}

// Rejoin says that the user recognizes the members that Claimed shows: this device vouches for the group as far as that
// entry, and is in it. What waited for it is in Unread then. Entries that do not count with this user's word alone are
// fault.LogFork.
func (a *Account) Rejoin(ctx context.Context, id, entry device.Hash) (*Group, error) {
	err := a.retry(func() error {
		c, err := a.claimed(ctx, id, entry)
		if err != nil {
			return err
		}
		return a.update(ctx, func(v *view) error {
			if _, err := v.mayChange(); err != nil {
				return err
			}
			keys, err := v.keys()
			if err != nil {
				return err
			}
			var failed error
			next, err := c.state.Hear(v.Account.user, keys.Record().Cert(), entry, v.identities(&failed))
			if err := errors.Join(failed, err); err != nil {
				return err
			}
			if next.Tip() != entry {
				return fmt.Errorf("sotto: the group does not count with this user's word alone: %w", fault.LogFork)
			}
			if err := v.growGroup(nil, next, c.entries); err != nil {
				return err
			}
			g, err := v.group(id)
			if err != nil {
				return err
			}
			g.Announce = true
			if err := v.groups.Save(v.tx, g); err != nil {
				return err
			}
			v.tx.Delete(store.Name{Room: roomClaim, Parts: [][]byte{id[:], entry[:]}})
			return v.keepNotices()
		})
	})
	if err != nil {
		return nil, err
	}
	a.wake(ctx, true, nil)
	_ = a.announce(ctx) // what it could not do is left to Upkeep: the group is known
	return a.Group(ctx, id)
}

// claimedGroup is the chain of a claim that waits here, verified.
type claimedGroup struct {
	entries [][]byte
	state   *group.State
}

func (a *Account) claimed(ctx context.Context, id, entry device.Hash) (*claimedGroup, error) {
	b := a.newBatch(0)
	b.asking = true
	b, err := b.check(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer b.drop()
	w, err := b.group(ctx, id)
	if err != nil {
		return nil, err
	}
	if w.state != nil {
		return nil, fmt.Errorf("sotto: a group that is known: %w", fault.Misuse)
	}
	chain, _, err := b.chainTo(ctx, w, entry)
	if err != nil {
		return nil, err
	}
	c := &claimedGroup{}
	for _, in := range chain {
		c.entries = append(c.entries, in.data)
	}
	c.state, err = b.verifyChain(ctx, w, id, entry, chain)
	return c, err
}
