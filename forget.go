package sotto

import (
	"context"

	"github.com/sottokit/sotto/internal/queue"
)

// Forget erases a conversation from this device: messages in the inbox and those that wait in the outbox. What was given
// out and acknowledged is not here anyway, and the same bytes are not given out again. Its sessions close by themselves when
// they are over (see Upkeep), because members may still send on them. The contact stays.
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
		return inbox.Each(v.tx, func(id queue.ID, value []byte) error {
			e, err := readEvent(id, value)
			if err != nil || e.Kind != KindMessage || e.Conversation != c.place.id() {
				return err
			}
			return inbox.Drop(v.tx, id)
		})
	})
}
