package sotto

import (
	"context"

	"github.com/sottokit/sotto/internal/queue"
)

// Unread returns every message and notice that was given out and not acknowledged, oldest first. An app asks for it when it starts:
// what was held comes out of Receive only once, and nobody brings its bytes again.
func (a *Account) Unread(ctx context.Context) ([]Event, error) {
	var all []Event
	err := a.view(ctx, func(v *view) error {
		all = nil
		return inbox.Each(v.tx, func(id queue.ID, value []byte) error {
			e, err := readEvent(id, value)
			all = append(all, e)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Ack says that the app has kept the messages and notices of these events: they leave the inbox, and from now on the same
// message is fault.Replayed. Other events need no Ack, and are no error here.
func (a *Account) Ack(ctx context.Context, events ...Event) error {
	return a.update(ctx, func(v *view) error {
		for _, e := range events {
			if err := inbox.Drop(v.tx, e.ID); err != nil {
				return err
			}
		}
		return nil
	})
}
