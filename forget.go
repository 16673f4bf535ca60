package sotto

import (
	"context"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/session"
)

// Forget erases a conversation from this device: what waits in the inbox and the outbox, and the sessions that are over, so
// that nothing which was sealed in those can be read here any more. Sessions on which a member may still send stay until
// they are over, for what is to come. The contact stays.
func (a *Account) Forget(ctx context.Context, c *Conversation) error {
	if c == nil || c.account != a {
		return errNoConversation
	}
	var closed []session.ID
	err := a.update(ctx, func(v *view) error {
		logs, err := v.members(c.place)
		if err != nil {
			return err
		}
		r, err := roster(c.place, logs)
		if err != nil {
			return err
		}
		if closed, err = session.Forget(v.tx, c.place, r, v.now()); err != nil {
			return err
		}
		return v.forgetQueues(c.place.ID)
	})
	if err != nil {
		return err
	}
	for _, id := range closed {
		a.chains.Forget(id)
	}
	a.use.Lock()
	defer a.use.Unlock()
	a.known.dropSessions(closed)
	return nil
}

func (v *view) forgetQueues(conversation device.Hash) error {
	for _, q := range []queue.Queue{outbox, messages} {
		err := v.each(q, func(p *parcelFields) error {
			if p.Conversation == nil || *p.Conversation != conversation {
				return nil
			}
			return q.Drop(v.tx, p.id())
		})
		if err != nil {
			return err
		}
	}
	return inbox.Each(v.tx, func(id queue.ID, value []byte) error {
		e, err := readEvent(id, value)
		if err != nil || e.Conversation != conversation {
			return err
		}
		return inbox.Drop(v.tx, id)
	})
}
