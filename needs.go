package sotto

import (
	"context"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/groups"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/session"
)

// Needs returns what is needed for everything that is held, and for what keeps this device from writing to somebody, so that
// an app asks again: when it starts, and now and then after that. A question that got lost is no lost message.
func (a *Account) Needs(ctx context.Context) ([]Need, error) {
	var all []Need
	err := a.retry(func() error {
		var needs []Need
		b := a.newBatch(0)
		b.asking = true
		b, err := b.check(ctx, nil)
		if err != nil {
			return err
		}
		defer b.drop()
		seen := map[wanted]bool{}
		for _, in := range b.inputs { // envelopes that were held, no others
			for _, n := range in.event.Needs {
				if in.waits() && !seen[n.wanted()] {
					seen[n.wanted()] = true
					needs = append(needs, n)
				}
			}
		}
		first, prefixes, err := b.heldFor(ctx)
		if err != nil {
			return err
		}
		for _, p := range prefixes {
			r, err := b.request(p)
			if err != nil {
				return err
			}
			if r != nil {
				needs = append(needs, Need{Request: r, For: first[p]})
			}
		}
		return a.view(ctx, func(v *view) error {
			more, err := v.needsOfUsers(seen)
			if err != nil {
				return err
			}
			members, err := v.needsOfGroups(seen)
			all = slices.Concat(needs, more, members)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// wanted is what a Need is for: a log, one of a former identity, or the chain of a group.
type wanted struct {
	user        string
	root, group device.Hash
}

func (n *Need) wanted() wanted {
	w := wanted{user: n.LogOf}
	if n.Root != nil {
		w.root = *n.Root
	}
	if n.GroupOf != nil {
		w.group = *n.GroupOf
	}
	return w
}

// needsOfUsers returns what device-keys are ahead of: a log, or a newer key that a message has named.
func (v *view) needsOfUsers(asked map[wanted]bool) ([]Need, error) {
	var needs []Need
	err := v.users.Each(v.tx, func(u *directory.User) error {
		waits, err := directory.Waiting(v.tx, u.Log)
		if err != nil {
			return err
		}
		if waits && !asked[wanted{user: u.Name}] {
			needs = append(needs, Need{LogOf: u.Name, FromSeq: u.Log.Pin().Seq + 1})
		}
		behind, err := directory.Behind(v.tx, u.Log)
		if behind {
			needs = append(needs, Need{KeysOf: u.Name})
		}
		return err
	})
	return needs, err
}

// needsOfGroups returns the logs of members that are not here: without them nothing can be sealed in their groups.
func (v *view) needsOfGroups(asked map[wanted]bool) ([]Need, error) {
	var needs []Need
	err := groups.Each(v.tx, func(id device.Hash) error {
		g, err := v.group(id)
		if err != nil {
			return err
		}
		for _, m := range g.State.Members() {
			l, err := v.users.Identity(v.tx, m.User, m.Root)
			if err != nil {
				return err
			}
			if l != nil {
				continue
			}
			n := Need{LogOf: m.User}
			u, err := v.users.User(v.tx, m.User)
			if err != nil {
				return err
			}
			if u != nil {
				n.Root = &m.Root
			}
			if !asked[n.wanted()] {
				asked[n.wanted()] = true
				needs = append(needs, n)
			}
		}
		return nil
	})
	return needs, err
}

// heldFor returns the sessions that messages are held for, in the order of the messages, and the first message of each.
func (b *batch) heldFor(ctx context.Context) (first map[session.Prefix]queue.ID, prefixes []session.Prefix, err error) {
	err = b.view(ctx, func(v *view) error {
		first, prefixes = map[session.Prefix]queue.ID{}, nil
		return heldMessages.Each(v.tx, func(id queue.ID, data []byte) error {
			p, err := session.MessageSession(data)
			if _, seen := first[p]; err == nil && !seen {
				first[p], prefixes = id, append(prefixes, p)
			}
			return nil
		})
	})
	return first, prefixes, err
}
