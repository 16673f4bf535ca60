package sotto

import (
	"context"

	"github.com/sottokit/sotto/internal/directory"
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
		seen := map[string]bool{}
		for _, in := range b.inputs { // envelopes that were held, no others
			for _, n := range in.event.Needs {
				if in.waits() && !seen[n.LogOf] {
					seen[n.LogOf] = true
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
			all = append(needs, more...)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// needsOfUsers returns what device-keys are ahead of: a log, or a newer key that a message has named.
func (v *view) needsOfUsers(asked map[string]bool) ([]Need, error) {
	var needs []Need
	err := v.users.Each(v.tx, func(u *directory.User) error {
		waits, err := directory.Waiting(v.tx, u.Log)
		if err != nil {
			return err
		}
		if waits && !asked[u.Name] {
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
