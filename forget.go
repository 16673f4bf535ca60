package sotto

import (
	"context"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/session"
)

// Forget erases a conversation from this device: messages in the inbox and those that wait in the outbox. What was given
// out and acknowledged is not here anyway, and the same bytes are not given out again. Its sessions close by themselves when
// they are over (see Upkeep), because members may still send on them. The contact stays. A group that this user is no member
// of any more, or that has ended, is forgotten as a whole.
func (a *Account) Forget(ctx context.Context, c *Conversation) error {
	if c == nil || c.account != a {
		return errNoConversation
	}
	return a.update(ctx, func(v *view) error {
		err := v.each(messages, func(p *parcelFields) error {
			if *p.Conversation != c.place.id() {
				return nil
			}
			return messages.Drop(v.tx, p.id())
		})
		if err != nil {
			return err
		}
		err = inbox.Each(v.tx, func(id queue.ID, value []byte) error {
			e, err := readEvent(id, value)
			if err != nil || e.Kind != KindMessage || e.Conversation != c.place.id() {
				return err
			}
			return inbox.Drop(v.tx, id)
		})
		if err != nil || c.place.direct != nil {
			return err
		}
		return v.forgetGroup(c.place.group)
	})
}

// forgetGroup forgets a group that this user has no part in any more.
func (v *view) forgetGroup(id device.Hash) error {
	g, err := v.find(id)
	if err != nil || g == nil {
		return err
	}
	if _, in := g.State.Find(v.Account.user); in && g.State.Status() != group.Ended {
		return nil
	}
	if err := session.Supersede(v.tx, id, nil, v.now()); err != nil {
		return err
	}
	return v.groups.Drop(v.tx, g)
}
