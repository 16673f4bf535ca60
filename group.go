package sotto

import (
	"context"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groups"
	"github.com/sottokit/sotto/session"
)

// Group is a conversation of many. Who is in it, and who may change that, follows from a chain of entries that members
// signed: no server decides it. Every change asks for a new session at the next message, so newcomers read nothing from
// before and those who left nothing from then on.
type Group struct{ *Conversation }

// GroupState is a group as its chain says.
type GroupState struct {
	Members  []group.Member // ascending by user; none when the group has ended
	Epoch    uint64         // counts the entries that count, from 0
	Tip      device.Hash    // the newest one
	Status   group.Status
	Branches []group.Branch // entries that contradict the chain, to be shown; see Resolve
	Pending  int            // changes of this device that the server has not ordered yet
}

// CreateGroup makes a group with this user as its owner, and adds contacts as members. The entries of its chain are in the
// outbox for the server, and a session for everybody follows. A contact to whom nothing may be sealed is refused with the
// reason.
func (a *Account) CreateGroup(ctx context.Context, members ...*Contact) (*Group, error) {
	var id device.Hash
	err := a.update(ctx, func(v *view) error {
		me, err := v.mayChange()
		if err != nil {
			return err
		}
		keys, err := v.keys()
		if err != nil {
			return err
		}
		state, first, err := group.Create(keys, me.Log, v.now())
		if err != nil {
			return err
		}
		adds, err := v.adds(members)
		if err != nil {
			return err
		}
		entries := [][]byte{first}
		if len(adds) > 0 {
			more, err := state.Propose(keys, me.Log, v.now(), adds...)
			if err != nil {
				return err
			}
			if state, err = v.extend(state, more); err != nil {
				return err
			}
			entries = append(entries, more...)
		}
		id = state.ID()
		for _, b := range entries { // nobody else knows the group: no other entry can come in between
			if err := v.putParcel(&parcelFields{Kind: string(ParcelGroup), Data: b, Conversation: &id}); err != nil {
				return err
			}
		}
		g, err := v.groups.Put(v.tx, nil, state, entries, v.now())
		if err != nil {
			return err
		}
		g.Announce = len(adds) > 0
		return v.groups.Save(v.tx, g)
	})
	if err != nil {
		return nil, err
	}
	_ = a.announce(ctx) // what it could not do is left to Upkeep: the group is there
	return a.groupOf(id), nil
}

func (a *Account) groupOf(id device.Hash) *Group {
	return &Group{&Conversation{account: a, place: place{group: id}}}
}

// Group returns a group that this device knows, fault.UnknownSession for one that it does not. It learns of one when
// Receive takes a session that the member made who added this user.
func (a *Account) Group(ctx context.Context, id device.Hash) (*Group, error) {
	err := a.view(ctx, func(v *view) error {
		_, err := v.group(id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a.groupOf(id), nil
}

// Groups returns all groups that this device knows, those that this user left included.
func (a *Account) Groups(ctx context.Context) ([]*Group, error) {
	var all []*Group
	err := a.view(ctx, func(v *view) error {
		all = nil
		return groups.Each(v.tx, func(id device.Hash) error {
			all = append(all, a.groupOf(id))
			return nil
		})
	})
	return all, err
}

// State returns who is in the group and how it stands.
func (g *Group) State(ctx context.Context) (*GroupState, error) {
	if g == nil || g.Conversation == nil {
		return nil, errNoConversation
	}
	var s *GroupState
	err := g.account.view(ctx, func(v *view) error {
		stored, err := v.group(g.place.group)
		if err != nil {
			return err
		}
		of := stored.State
		s = &GroupState{of.Members(), of.Epoch(), of.Tip(), of.Status(), of.Branches(), len(stored.Pending)}
		return nil
	})
	return s, err
}

// Chain returns every entry of the group that is held: those that count, in order, then those of other branches. It is for
// whoever keeps the chain for newcomers.
func (g *Group) Chain(ctx context.Context) ([][]byte, error) {
	if g == nil || g.Conversation == nil {
		return nil, errNoConversation
	}
	var entries [][]byte
	err := g.account.view(ctx, func(v *view) error {
		stored, err := v.group(g.place.group)
		if err != nil {
			return err
		}
		entries, err = groups.Trunk(v.tx, g.place.group)
		entries = append(entries, stored.State.Side()...)
		return err
	})
	return entries, err
}

// group returns a group that is known.
func (v *view) group(id device.Hash) (*groups.Group, error) {
	g, err := v.find(id)
	if err == nil && g == nil {
		err = fmt.Errorf("sotto: no group of that ID is known here: %w", fault.UnknownSession)
	}
	return g, err
}

// find returns a group, nil for one that is not known.
func (v *view) find(id device.Hash) (*groups.Group, error) {
	var failed error
	g, err := v.groups.Group(v.tx, id, v.identities(&failed))
	if failed != nil {
		return nil, failed
	}
	return g, err
}

// extend holds entries against the logs that are at hand.
func (v *view) extend(s *group.State, entries [][]byte) (*group.State, error) {
	var failed error
	next, err := s.Extend(entries, v.identities(&failed))
	if failed != nil {
		return nil, failed
	}
	return next, err
}

// identities finds logs for package group. What the store fails with is put into failed.
func (v *view) identities(failed *error) group.Logs {
	return func(user string, root device.Hash) *device.Log {
		l, err := v.users.Identity(v.tx, user, root)
		if err != nil && *failed == nil {
			*failed = err
		}
		return l
	}
}

// writableGroup returns a group if this user may write in it.
func (v *view) writableGroup(id device.Hash) (*group.State, error) {
	g, err := v.group(id)
	if err != nil {
		return nil, err
	}
	switch g.State.Status() {
	case group.Frozen:
		return nil, fmt.Errorf("sotto: the group has forked, its owner must decide: %w", fault.LogFork)
	case group.Ended:
		return nil, fmt.Errorf("sotto: the group has ended: %w", fault.Expired)
	}
	if _, member := g.State.Find(v.Account.user); !member {
		return nil, fmt.Errorf("sotto: this user is no member of the group: %w", fault.UntrustedSigner)
	}
	return g.State, nil
}

// placeAt is a group as it was after an entry.
func placeAt(s *group.State, entry device.Hash) (*session.Conversation, error) {
	epoch, members, err := s.MembersAt(entry)
	if err != nil {
		return nil, err
	}
	c := &session.Conversation{ID: s.ID(), Epoch: epoch, State: &entry, Members: make([]session.Member, len(members))}
	for i, m := range members {
		c.Members[i] = session.Member{User: m.User, Root: m.Root}
	}
	return c, nil
}

// isGroup reports whether a conversation is a group that is known.
func (v *view) isGroup(id device.Hash) (bool, error) {
	g, err := v.find(id)
	return g != nil, err
}
