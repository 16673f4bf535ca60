package sotto

import (
	"context"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
)

// Contact is a user whose log is pinned, the own one included.
type Contact struct {
	_       [0]func()
	account *Account
	user    string
	root    device.Hash
}

// User returns the contact's user ID.
func (c *Contact) User() string {
	if c == nil {
		return ""
	}
	return c.user
}

// Root returns the contact's identity, together with the user ID: the hash of the first entry of the log.
func (c *Contact) Root() device.Hash {
	if c == nil {
		return device.Hash{}
	}
	return c.root
}

// Trust verifies the whole log of a user, as the server has it, and pins it: first contact is trust on first use, until
// people compare their numbers. Envelopes that waited for this log come out of the next Receive, which may be empty.
//
// The log of somebody who is pinned already is held against the pin: fewer entries are fault.Rollback, another first one is
// fault.IdentityChanged, a second branch is fault.LogFork, and nothing is sent to that user until a recovery decides it.
// What it has more than the pin goes to Receive, which tells what changed.
func (a *Account) Trust(ctx context.Context, user string, log [][]byte) (*Contact, error) {
	var c *Contact
	err := a.retry(func() error {
		u, err := a.pinned(ctx, user)
		if err != nil {
			return err
		}
		var base *device.Log
		if u != nil {
			base = u.Log
		}
		g, failed := directory.Grow(user, base, 0, log)
		if g == nil {
			return failed
		}
		if base != nil && len(log) == 0 {
			return fmt.Errorf("sotto: log of %q without entries: %w", user, fault.Rollback)
		}
		if base == nil && user == a.user {
			return fmt.Errorf("sotto: the own log goes to Receive: %w", fault.Misuse)
		}
		if base == nil || g.Forks() {
			err = a.update(ctx, func(v *view) error {
				_, err := v.grow(g)
				return err
			})
		}
		if err == nil {
			err = failed
		}
		if err == nil {
			c = &Contact{account: a, user: user, root: g.Log.Pin().Root}
		}
		return err
	})
	return c, err
}

// Contact returns somebody who is pinned, fault.UntrustedSigner for somebody who is not. Oneself is a contact, too.
func (a *Account) Contact(ctx context.Context, user string) (*Contact, error) {
	u, err := a.pinned(ctx, user)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, fmt.Errorf("sotto: %q is no contact, see Trust: %w", user, fault.UntrustedSigner)
	}
	return &Contact{account: a, user: user, root: u.Root()}, nil
}

// Contacts returns everybody who is pinned, in the order in which that happened: those whose logs and device-keys an app
// fetches. The own user is among them as soon as the own log is here.
func (a *Account) Contacts(ctx context.Context) ([]*Contact, error) {
	var all []*Contact
	err := a.view(ctx, func(v *view) error {
		all = nil
		return v.users.Each(v.tx, func(u *directory.User) error {
			all = append(all, &Contact{account: a, user: u.Name, root: u.Root()})
			return nil
		})
	})
	return all, err
}

// Log returns the log of the contact as it is pinned, entries in order.
func (c *Contact) Log(ctx context.Context) ([][]byte, error) {
	if c == nil {
		return nil, fmt.Errorf("sotto: no contact: %w", fault.Misuse)
	}
	var entries [][]byte
	err := c.account.view(ctx, func(v *view) (err error) {
		entries, err = directory.Entries(v.tx, c.user)
		return err
	})
	return entries, err
}

// pinned returns a user who is pinned, nil for one who is not.
func (a *Account) pinned(ctx context.Context, user string) (u *directory.User, err error) {
	err = a.view(ctx, func(v *view) (err error) {
		u, err = v.users.User(v.tx, user)
		return err
	})
	return u, err
}
