package sotto

import (
	"context"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/trust"
)

// Standing is how things are with a contact: docs/trust.md tells what each mark means and what leads to it.
type Standing struct {
	trust.State
	Other *device.Pin // of another log that the server has shown: with another root, or another branch; nil for none
}

// Standing returns how things are with the contact now, for the user to see, and for Acknowledge.
func (c *Contact) Standing(ctx context.Context) (Standing, error) {
	var s Standing
	err := c.look(ctx, func(v *view, u *directory.User) (err error) {
		s, err = v.standing(u)
		return err
	})
	return s, err
}

func (v *view) standing(u *directory.User) (Standing, error) {
	s := Standing{State: u.Trust}
	other, err := directory.Other(v.tx, u.Name)
	if other != nil {
		pin := other.Pin()
		s.Other = &pin
	}
	return s, err
}

// same reports whether nothing has happened between two.
func (s Standing) same(t Standing) bool {
	others := s.Other == nil && t.Other == nil || s.Other != nil && t.Other != nil && *s.Other == *t.Other
	return others && s.State == t.State
}

// Acknowledge lets sending go on after something happened, without comparing numbers; the mark is unverified then. shown is
// what the user was shown, and choice the pin of it or, if the user chose that, of the other log, which then takes the place
// of the pinned one. After a reset the contact is another one from there on, which is returned, and so is the conversation. If
// anything has happened since it was shown it is fault.IdentityChanged, and the contact stays blocked.
func (c *Contact) Acknowledge(ctx context.Context, shown Standing, choice device.Pin) (*Contact, error) {
	return c.decide(ctx, trust.Acknowledged, shown, choice, nil)
}

// decide notes what people decided about what they were shown, beside the own log unless that is nil.
func (c *Contact) decide(ctx context.Context, e trust.Event, shown Standing, choice device.Pin, own *device.Pin) (*Contact, error) {
	if c == nil || c.account == nil {
		return nil, errNoContact
	}
	err := c.account.update(ctx, func(v *view) error {
		before, err := v.contact(c)
		if err != nil {
			return err
		}
		if err := v.wasShown(before, shown, own); err != nil {
			return err
		}
		if before.Name == v.Account.user && choice != before.Trust.Pin {
			return fmt.Errorf("sotto: the own log is the one that this device is in: %w", fault.IdentityChanged)
		}
		change, err := v.users.Decide(v.tx, c.user, e, choice)
		if err != nil {
			return err
		}
		if change != nil {
			if err := v.replaced(before, change); err != nil {
				return err
			}
		}
		u, err := v.users.User(v.tx, c.user)
		if err != nil {
			return err
		}
		if err := v.repairUser(u.Log); err != nil {
			return err
		}
		return v.keepNotices()
	})
	if err != nil {
		return nil, err
	}
	return &Contact{account: c.account, user: c.user, root: choice.Root}, nil
}

// wasShown refuses a decision when anything has happened since it was shown.
func (v *view) wasShown(u *directory.User, shown Standing, own *device.Pin) error {
	now, err := v.standing(u)
	if err != nil {
		return err
	}
	me, err := v.users.User(v.tx, v.Account.user)
	if err != nil {
		return err
	}
	if !now.same(shown) || own != nil && (me == nil || me.Log.Pin() != *own) {
		return fmt.Errorf("sotto: something has happened since this was shown: %w", fault.IdentityChanged)
	}
	return nil
}

// replaced does what follows when people chose another log of a user: sessions that name the one before close.
func (v *view) replaced(before *directory.User, c *directory.Change) error {
	if err := v.cutQueue(before.Name, c.Revoked); err != nil {
		return err
	}
	if err := v.closeReplaced(before); err != nil {
		return err
	}
	for _, m := range c.Keys {
		u, err := v.users.User(v.tx, before.Name)
		if err != nil {
			return err
		}
		if err := v.accepted(u.Log, m); err != nil {
			return err
		}
	}
	return nil
}

// closeReplaced closes sessions that cannot be used any more: all with an identity that is a former one now, or those that
// name entries of a branch which people decided against.
func (v *view) closeReplaced(before *directory.User) error {
	now, err := v.users.User(v.tx, before.Name)
	if err != nil {
		return err
	}
	if now.Root() == before.Root() {
		return v.closeParted(now.Name)
	}
	me, err := v.users.User(v.tx, v.Account.user)
	if err != nil || me == nil {
		return err
	}
	c, err := direct(member(me), member(before))
	if err != nil {
		return err
	}
	open, err := session.List(v.tx, c.ID)
	for _, s := range open {
		err = errors.Join(err, session.Close(v.tx, s.ID))
	}
	if err != nil {
		return err
	}
	for _, q := range []queue.Queue{outbox, messages} { // what was for the identity before is for nobody
		err := v.each(q, func(p *parcelFields) error {
			if p.Conversation == nil || *p.Conversation != c.ID {
				return nil
			}
			if p.Message != nil {
				e := Event{Kind: KindDropped, Conversation: c.ID, User: before.Name, Message: *p.Message, Why: fault.IdentityChanged}
				v.notices = append(v.notices, e)
			}
			return q.Drop(v.tx, p.id())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// identityNotices tells the app that a mark has changed, or that nothing is sealed to a user any more.
func identityNotices(user string, c *directory.Change) []Event {
	if c == nil || c.Notice == trust.None || c.Event == trust.Grown { // what grew is told device by device
		return nil
	}
	e := Event{Kind: KindIdentity, User: user, Happened: c.Event}
	if c.Notice == trust.Blocked {
		e.Why = trust.State{Mark: trust.Changed, Cause: c.Event}.Why()
	}
	return []Event{e}
}

var errNoContact = fmt.Errorf("sotto: no contact: %w", fault.Misuse)

// look reads about a contact.
func (c *Contact) look(ctx context.Context, f func(v *view, u *directory.User) error) error {
	if c == nil || c.account == nil {
		return errNoContact
	}
	return c.account.view(ctx, func(v *view) error {
		u, err := v.contact(c)
		if err != nil {
			return err
		}
		return f(v, u)
	})
}

// contact returns the user of a contact, fault.IdentityChanged when the user ID stands for another identity by now.
func (v *view) contact(c *Contact) (*directory.User, error) {
	u, err := v.users.User(v.tx, c.user)
	if err != nil {
		return nil, err
	}
	if u == nil || u.Root() != c.root {
		return nil, fmt.Errorf("sotto: %q is another identity now, see Contact: %w", c.user, fault.IdentityChanged)
	}
	return u, nil
}
