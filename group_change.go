package sotto

import (
	"context"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/session"
)

// maxPending bounds the changes of one group that wait for the server.
const maxPending = 1000

// Add signs that contacts are members. They read what is sealed from then on. Admins and the owner may.
//
// A change waits among the Pending parcels until the chain that comes back has it. The server takes an entry only on top of
// the newest one; when another one was faster, this device's are gone and KindOvertaken says so: do it again if it is still
// wanted. Who has no right to a change gets fault.UntrustedSigner, and one that does not fit, somebody who is a member
// already for example, is fault.Misuse. Nothing can be changed while the group has forked (fault.LogFork), but for Resolve,
// and after its end (fault.Expired).
func (g *Group) Add(ctx context.Context, members ...*Contact) error {
	return g.change(ctx, func(v *view) ([]group.Change, error) { return v.adds(members) })
}

// Remove signs that users are no members any more: admins may remove members, the owner everybody else.
func (g *Group) Remove(ctx context.Context, users ...string) error {
	var changes []group.Change
	for _, user := range users {
		changes = append(changes, group.Remove(user))
	}
	return g.sign(ctx, changes...)
}

// SetRole signs that a member is an admin, or no longer. The owner may.
func (g *Group) SetRole(ctx context.Context, user string, r group.Role) error {
	return g.sign(ctx, group.SetRole(user, r))
}

// Transfer signs that another member is the owner. This user is an admin from then on.
func (g *Group) Transfer(ctx context.Context, user string) error {
	return g.sign(ctx, group.Transfer(user))
}

// Leave signs that this user is no member any more. An owner hands over first, by Transfer: while there is an admin it is
// fault.UntrustedSigner. When there is none whom the group could go on with, leaving ends it for everybody. What the server
// serves of the group after that still comes out of Receive; Forget takes the group off this device.
func (g *Group) Leave(ctx context.Context) error {
	if g == nil || g.Conversation == nil {
		return errNoConversation
	}
	return g.sign(ctx, group.Remove(g.account.user))
}

// Resolve signs, as the owner, that a branch of a group that has forked does not count; rejected is its first entry. What
// parted from the chain before is settled by it as well.
func (g *Group) Resolve(ctx context.Context, rejected device.Hash) error {
	return g.sign(ctx, group.Resolve(rejected))
}

// Accept vouches for an entry of another branch, and all below it, which a device signed that was revoked since: it counts
// here from then on, and for others when they see the session that follows. Until a member vouches for such an entry it waits
// (GroupState.Branches shows it), because the device may have been stolen when it signed. An entry that does not count with
// that either, because the group has forked, is fault.LogFork.
func (g *Group) Accept(ctx context.Context, entry device.Hash) error {
	if g == nil || g.Conversation == nil {
		return errNoConversation
	}
	err := g.account.update(ctx, func(v *view) error {
		if _, err := v.mayChange(); err != nil {
			return err
		}
		keys, err := v.keys()
		if err != nil {
			return err
		}
		stored, err := v.group(g.place.group)
		if err != nil {
			return err
		}
		var failed error
		next, err := stored.State.Hear(v.Account.user, keys.Record().Cert(), entry, v.identities(&failed))
		if failed != nil {
			return failed
		}
		if err != nil {
			return fmt.Errorf("sotto: entry to vouch for: %w (%v)", fault.Misuse, err)
		}
		if epoch, _, err := next.MembersAt(entry); err != nil {
			return err
		} else if h, counts := next.Entry(epoch); !counts || h != entry {
			return fmt.Errorf("sotto: the entry does not count with this user's word alone: %w", fault.LogFork)
		}
		if err := v.growGroup(stored, next, nil); err != nil {
			return err
		}
		if stored, err = v.group(g.place.group); err != nil {
			return err
		}
		stored.Announce = true
		if err := v.groups.Save(v.tx, stored); err != nil {
			return err
		}
		return v.keepNotices()
	})
	if err != nil {
		return err
	}
	_ = g.account.announce(ctx) // what it could not do is left to Upkeep: the entry counts
	return nil
}

func (g *Group) sign(ctx context.Context, changes ...group.Change) error {
	return g.change(ctx, func(*view) ([]group.Change, error) { return changes, nil })
}

// change signs changes on top of the newest entry, or of what this device has signed already.
func (g *Group) change(ctx context.Context, of func(v *view) ([]group.Change, error)) error {
	if g == nil || g.Conversation == nil {
		return errNoConversation
	}
	return g.account.update(ctx, func(v *view) error {
		me, err := v.mayChange()
		if err != nil {
			return err
		}
		stored, err := v.group(g.place.group)
		if err != nil {
			return err
		}
		changes, err := of(v)
		if err != nil {
			return err
		}
		if len(stored.Pending)+len(changes) > maxPending {
			return fmt.Errorf("sotto: %d changes of a group wait for the server: %w", len(stored.Pending), fault.OverLimit)
		}
		state := stored.State
		if len(stored.Pending) > 0 {
			if state, err = v.extend(state, stored.Pending); err != nil {
				return err
			}
		}
		keys, err := v.keys()
		if err != nil {
			return err
		}
		entries, err := state.Propose(keys, me.Log, v.now(), changes...)
		if code := fault.Of(err); code == fault.Malformed || code == fault.TooFarAhead {
			return fmt.Errorf("sotto: change that does not fit the group: %w (%v)", fault.Misuse, err)
		}
		if err != nil {
			return err
		}
		stored.Pending = append(stored.Pending, entries...)
		return v.groups.Save(v.tx, stored)
	})
}

// mayChange returns the own user, if this device may sign for it.
func (v *view) mayChange() (*directory.User, error) {
	u, err := v.me()
	if err != nil {
		return nil, err
	}
	if u.Forked {
		return nil, errForked
	}
	return u, v.mayWrite(session.Logs{u.Name: u.Log})
}

// adds are the changes that bring contacts in.
func (v *view) adds(members []*Contact) ([]group.Change, error) {
	changes := make([]group.Change, len(members))
	for i, c := range members {
		if c == nil || c.account != v.Account {
			return nil, errNoContact
		}
		u, err := v.contact(c)
		if err != nil {
			return nil, err
		}
		if why, err := v.blocked(u); err != nil || why != 0 {
			return nil, errors.Join(err, unreachable(u.Name, why))
		}
		changes[i] = group.Add(u.Name, u.Root())
	}
	return changes, nil
}

// settle drops what waits for the server and is in the chain by now, or lost its place to another entry: then all that
// stands on it is lost, too.
func settle(pending [][]byte, s *group.State) (left [][]byte, overtaken bool) {
	for i, b := range pending {
		claim, err := group.Inspect(b)
		if err != nil {
			return nil, true
		}
		h, found := s.Entry(claim.Epoch)
		if !found { // the tip may be on another branch than the one that it was signed on
			if claim.Prev != s.Tip() {
				return nil, true
			}
			return pending[i:], false
		}
		if h != claim.Hash {
			return nil, true
		}
	}
	return nil, false
}
