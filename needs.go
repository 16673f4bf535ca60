package sotto

import (
	"context"

	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/session"
)

// Needs returns what everything that is held needs, for an app that asks again: when it starts, and now and then after
// that. A question that got lost is no lost message.
func (a *Account) Needs(ctx context.Context) ([]Need, error) {
	var needs []Need
	err := a.retry(func() error {
		needs = nil
		b, err := a.prepare(ctx, nil)
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
		return nil
	})
	if err != nil {
		return nil, err
	}
	return needs, nil
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
