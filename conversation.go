package sotto

import (
	"context"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/session"
)

// Conversation is one with another user, or with oneself: notes that all own devices read. Every device of both users gets
// every message.
type Conversation struct {
	_       [0]func()
	account *Account
	place   *session.Conversation
}

// Direct returns the conversation with a contact; with Self it is the notes. Nothing is stored: it follows from who the two
// are.
func (a *Account) Direct(ctx context.Context, c *Contact) (*Conversation, error) {
	if a == nil || c == nil || c.account != a {
		return nil, fmt.Errorf("sotto: no contact of this account: %w", fault.Misuse)
	}
	var place *session.Conversation
	err := a.view(ctx, func(v *view) (err error) {
		me, err := v.me()
		if err != nil {
			return err
		}
		place, err = direct(member(me), session.Member{User: c.user, Root: c.root})
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Conversation{account: a, place: place}, nil
}

// direct is the conversation of one or two users.
func direct(me, peer session.Member) (*session.Conversation, error) {
	if me.User == peer.User {
		return session.Direct(me)
	}
	return session.Direct(me, peer)
}

func member(u *directory.User) session.Member { return session.Member{User: u.Name, Root: u.Root()} }

// ID returns the conversation's ID, the same on all devices of both users.
func (c *Conversation) ID() device.Hash {
	if c == nil || c.place == nil {
		return device.Hash{}
	}
	return c.place.ID
}

// Member is a device that gets the messages of a conversation.
type Member struct {
	User   string
	Device device.ID
	HasKey bool // it published a messaging key; otherwise it is left out, until it did
	Stale  bool // its key is over 30 days old: it was away for long, or somebody hides its newer keys
}

// Devices returns every device of every member as it is now: whoever can read the next message.
func (c *Conversation) Devices(ctx context.Context) ([]Member, error) {
	if c == nil || c.account == nil {
		return nil, errNoConversation
	}
	var all []Member
	err := c.account.view(ctx, func(v *view) error {
		all = nil
		logs, err := v.members(c.place)
		if err != nil {
			return err
		}
		for _, m := range c.place.Members {
			for _, r := range logs[m.User].Active() {
				key, err := directory.Key(v.tx, logs[m.User], r.ID())
				if err != nil {
					return err
				}
				all = append(all, Member{m.User, r.ID(), key != nil, key != nil && key.Stale(v.now())})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// members returns the logs of all members. One who is not pinned is fault.IdentityChanged.
func (v *view) members(c *session.Conversation) (session.Logs, error) {
	logs := session.Logs{}
	for _, m := range c.Members {
		u, err := v.users.User(v.tx, m.User)
		if err != nil {
			return nil, err
		}
		if u == nil {
			return nil, fmt.Errorf("sotto: conversation with somebody who is no contact: %w", fault.IdentityChanged)
		}
		logs[m.User] = u.Log
	}
	return logs, nil
}

// writable returns the members' logs if nothing keeps this device from writing: it is in its own log, no log has forked,
// and no device of a member knows more of its log than is known here.
func (v *view) writable(c *session.Conversation) (session.Logs, error) {
	logs, err := v.members(c)
	if err != nil {
		return nil, err
	}
	for _, m := range c.Members {
		u, err := v.users.User(v.tx, m.User)
		if err != nil {
			return nil, err
		}
		if u.Forked {
			return nil, fmt.Errorf("sotto: the log of %q has forked: %w", m.User, fault.LogFork)
		}
		switch waits, err := directory.Waiting(v.tx, u.Log); {
		case err != nil:
			return nil, err
		case waits:
			return nil, fmt.Errorf("sotto: a device of %q knows a log entry that is not here, fetch it: %w", m.User, fault.TooFarAhead)
		}
	}
	keys, err := v.keys()
	if err != nil {
		return nil, err
	}
	switch err := logs[v.Account.user].Standing(keys.Record().Cert()); {
	case errors.Is(err, fault.RevokedDevice):
		return nil, fmt.Errorf("sotto: this device: %w", err)
	case err != nil:
		return nil, errNotYet
	}
	return logs, nil
}

// roster is who reads the next message.
func roster(c *session.Conversation, logs session.Logs) (*device.Roster, error) {
	var all []*device.Log
	for _, m := range c.Members {
		all = append(all, logs[m.User])
	}
	return device.NewRoster(c.ID, c.Epoch, all...)
}
