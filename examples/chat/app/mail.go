package app

import (
	"context"
	"slices"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/examples/chat/relay"
	"github.com/sottokit/sotto/fault"
)

// receiveMail receives everything that waits for this device. The relay forgets it when the store has it, and a person has
// seen it.
func (a *App) receiveMail(ctx context.Context, show Show) error {
	for {
		items, err := a.relay.Mail(ctx, 0, 0)
		if err != nil || len(items) == 0 {
			return err
		}
		var in [][]byte
		for _, item := range items {
			in = append(in, item.Data)
		}
		events, err := a.Receive(ctx, in...)
		if err != nil {
			return err
		}
		followed, err := a.bring(ctx, events, items)
		if err != nil {
			return err
		}
		if err := a.keep(ctx, slices.Concat(events, followed), show); err != nil {
			return err
		}
		if err := a.relay.Ack(ctx, items[len(items)-1].Number); err != nil {
			return err
		}
	}
}

// bring fetches what events need, and sends what they ask. The first events are those of items. It returns what followed;
// what that needs is asked for at the next Sync.
func (a *App) bring(ctx context.Context, events []sotto.Event, items []relay.Item) ([]sotto.Event, error) {
	var in [][]byte
	asked := map[string]bool{} // requests that were sent: messages of one session share one
	pinned := false
	for i, e := range events {
		for _, need := range e.Needs {
			if e.Kind == sotto.KindContact {
				if err := a.trustTold(ctx, need.LogOf); err != nil {
					return nil, err
				}
				pinned = true
				continue
			}
			fetched, err := a.fetch(ctx, need)
			if err != nil {
				return nil, err
			}
			in = append(in, fetched...)
			if need.Request == nil || i >= len(items) || asked[string(need.Request)] {
				continue
			}
			asked[string(need.Request)] = true
			if _, err := a.relay.Post(ctx, []device.ID{items[i].From}, need.Request); err != nil {
				return nil, err
			}
		}
	}
	if in == nil && !pinned {
		return nil, nil
	}
	return a.Receive(ctx, in...) // which may be empty: what waited for a contact comes out of it
}

// trustTold pins a user whom another own device has as a contact, and has told of. What the relay shows instead of that
// user is left to people, see Trust: mail does not wait for it.
func (a *App) trustTold(ctx context.Context, user string) error {
	_, err := a.Trust(ctx, user)
	if code := fault.Of(err); err != nil && (code == 0 || code.Retryable()) {
		return err
	}
	return nil
}

// fetch fetches what a need names. The log of somebody who is no contact is left to a person, see Trust.
func (a *App) fetch(ctx context.Context, need sotto.Need) (in [][]byte, err error) {
	if need.LogOf != "" {
		if _, err := a.Contact(ctx, need.LogOf); err != nil {
			return nil, nil
		}
		return a.relay.Log(ctx, need.LogOf, need.FromSeq)
	}
	if need.GroupOf != nil {
		return a.chainOf(ctx, *need.GroupOf, need.FromSeq)
	}
	if need.KeysOf != "" {
		return a.keysOf(ctx, need.KeysOf)
	}
	return nil, nil
}
