package sotto

import (
	"context"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/session"
)

// Forget erases a conversation from this device: its sessions, and what waits in the inbox and the outbox. Nothing that was
// sealed before can be read here any more. The contact stays, and a new message begins a new session.
func (a *Account) Forget(ctx context.Context, c *Conversation) error {
	if c == nil || c.account != a {
		return errNoConversation
	}
	var closed []session.ID
	err := a.update(ctx, func(v *view) (err error) {
		if closed, err = session.Forget(v.tx, c.place.ID); err != nil {
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
	err := v.eachParcel(func(p *parcelFields) error {
		if p.Conversation == nil || *p.Conversation != conversation {
			return nil
		}
		return outbox.drop(v.tx, p.id())
	})
	if err != nil {
		return err
	}
	return inbox.each(v.tx, func(id itemID, value []byte) error {
		e, err := readEvent(id, value)
		if err != nil || e.Conversation != conversation {
			return err
		}
		return inbox.drop(v.tx, id)
	})
}
