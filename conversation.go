package sotto

import (
	"context"
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
	place   place
}

// place is where a conversation is: that of one or two users follows from who they are, the members of a group are those of
// its newest entry.
type place struct {
	direct *session.Conversation
	group  device.Hash
}

func (p place) id() device.Hash {
	if p.direct != nil {
		return p.direct.ID
	}
	return p.group
}

// state is the newest entry of a group in which this user may write, nil for a conversation of one or two.
func (p place) state(v *view) (*device.Hash, error) {
	if p.direct != nil {
		return nil, nil
	}
	s, err := v.writableGroup(p.group)
	if err != nil {
		return nil, err
	}
	tip := s.Tip()
	return &tip, nil
}

// at is the conversation as the next message is sealed in it.
func (p place) at(v *view) (*session.Conversation, error) {
	if p.direct != nil {
		return p.direct, nil
	}
	s, err := v.writableGroup(p.group)
	if err != nil {
		return nil, err
	}
	return placeAt(s, s.Tip())
}

// Direct returns the conversation with a contact; with Self it is the notes. Nothing is stored: it follows from who the two
// are.
func (a *Account) Direct(ctx context.Context, c *Contact) (*Conversation, error) {
	if a == nil || c == nil || c.account != a {
		return nil, fmt.Errorf("sotto: no contact of this account: %w", fault.Misuse)
	}
	var where place
	err := a.view(ctx, func(v *view) (err error) {
		me, err := v.me()
		if err != nil {
			return err
		}
		where.direct, err = direct(member(me), session.Member{User: c.user, Root: c.root})
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Conversation{account: a, place: where}, nil
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
	if c == nil {
		return device.Hash{}
	}
	return c.place.id()
}

// Member is a device that gets the messages of a conversation.
type Member struct {
	User   string
	Device device.ID
	HasKey bool // it published a messaging key; otherwise it is left out, until it did
	Stale  bool // its key is over 30 days old: it was away for long, or somebody hides its newer keys
	Suite  device.Suite
	Left   fault.Code // of a member of a group to whom nothing is sealed now: why; else 0
}

// Devices returns every device of every member as it is now: whoever can read the next message. Those of a member of a group
// to whom nothing is sealed now, and why, are among them. The errors are those of Seal.
func (c *Conversation) Devices(ctx context.Context) ([]Member, error) {
	if c == nil || c.account == nil {
		return nil, errNoConversation
	}
	var all []Member
	err := c.account.view(ctx, func(v *view) error {
		all = nil
		w, err := v.crew(c.place)
		if err != nil {
			return err
		}
		for _, m := range w.place.Members {
			for _, r := range w.logs[m.User].Active() {
				key, err := directory.Key(v.tx, w.logs[m.User], r.ID())
				if err != nil {
					return err
				}
				all = append(all, Member{
					m.User, r.ID(), key != nil, key != nil && key.Stale(v.now()), r.Suite(), w.without[m.User],
				})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}
