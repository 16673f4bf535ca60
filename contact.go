package sotto

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/trust"
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
// people compare their numbers. If another own device has told of that user (KindContact) the log is held against what
// is pinned there, and its mark is taken over; a log that is another one is pinned, too, but nothing is sealed to it
// until Acknowledge. Envelopes that waited for this log come out of the next Receive, which may be empty.
//
// The log of somebody who is pinned already is held against the pin. Fewer entries are fault.Rollback, another first
// one is fault.IdentityChanged, a second branch is fault.LogFork, and an entry that none of the user's devices signed
// is fault.UntrustedSigner. Each of them takes a verified mark away and nothing is sealed to the user until
// Acknowledge; a notice says so (KindIdentity, in Unread). An empty log is a rollback, too: do not hand in what a fetch
// that failed has left. So give it what the server has now: a copy from before the last Receive looks like a rollback.
// What the log has more than the pin goes to Receive, which tells what changed.
func (a *Account) Trust(ctx context.Context, user string, log [][]byte) (*Contact, error) {
	var c *Contact
	err := a.retry(func() error {
		u, err := a.pinned(ctx, user)
		if err != nil {
			return err
		}
		if u != nil {
			c = &Contact{account: a, user: user, root: u.Root()}
			return a.compare(ctx, u, log)
		}
		if user == a.user {
			return fmt.Errorf("sotto: the own log goes to Receive: %w", fault.Misuse)
		}
		g, err := directory.Grow(user, nil, 0, log)
		if err != nil {
			return err
		}
		c = &Contact{account: a, user: user, root: g.Log.Pin().Root}
		return a.update(ctx, func(v *view) (err error) {
			if v.notices, err = v.grow(g); err != nil {
				return err
			}
			return v.keepNotices()
		})
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// compare holds the server's copy of a log against the pinned one.
func (a *Account) compare(ctx context.Context, u *directory.User, log [][]byte) error {
	g, failed := directory.Grow(u.Name, u.Log, 0, log)
	var e trust.Event
	switch {
	case g.Forks():
		e = trust.Forked
	case failed == nil && len(log) > 0:
		return nil
	case failed == nil || errors.Is(failed, fault.Rollback) && uint64(len(log)) <= u.Log.Pin().Seq:
		e, failed = trust.RolledBack, fmt.Errorf("sotto: log of %q ends before the pinned one: %w", u.Name, fault.Rollback)
	case errors.Is(failed, fault.IdentityChanged):
		e = trust.Reset
	case errors.Is(failed, fault.UntrustedSigner), errors.Is(failed, fault.RevokedDevice):
		e = trust.Unsigned
	default:
		return failed
	}
	if u.Name == a.user && e != trust.Forked { // the own devices know better than any server
		return failed
	}
	_, broken := device.Verify(u.Name, log) // another log is kept, for people to choose, only when it holds by itself
	err := a.update(ctx, func(v *view) error {
		now, err := v.users.User(v.tx, u.Name)
		if err != nil || now.Log.Pin() != u.Log.Pin() {
			return errors.Join(err, errStale)
		}
		known, err := v.told(now, e, log)
		if err != nil || known {
			return err
		}
		var notices []Event
		if e == trust.Forked {
			notices, err = v.grow(g)
		} else {
			var c *directory.Change
			c, err = v.users.See(v.tx, u.Name, e)
			notices = identityNotices(u.Name, c)
		}
		if err != nil || notices == nil { // people have decided against this branch already
			return err
		}
		if broken == nil && (e == trust.Reset || e == trust.Forked) {
			if err := directory.Offer(v.tx, u.Name, log); err != nil {
				return err
			}
		}
		v.notices = notices
		return v.keepNotices()
	})
	if err != nil {
		return err
	}
	return failed
}

// told reports whether a user is blocked for the same reason already, with the same log to choose, or whether people have
// decided against that log: it is told once.
func (v *view) told(u *directory.User, e trust.Event, log [][]byte) (bool, error) {
	if e == trust.Reset && len(log) > 0 && u.Refused(log[0]) {
		return true, nil
	}
	if u.Trust.MaySend() || u.Trust.Cause != e {
		return false, nil
	}
	if e != trust.Reset && e != trust.Forked {
		return true, nil
	}
	other, err := directory.Other(v.tx, u.Name)
	return other != nil && len(log) > 0 && other.Pin().Head == sha256.Sum256(log[len(log)-1]), err
}

// Former keeps the log of an identity of a contact that is not the pinned one, because a group names it (Need.Root): what
// that identity signed in the group can be verified then. Nothing is ever sealed to it.
func (a *Account) Former(ctx context.Context, user string, log [][]byte) error {
	return a.update(ctx, func(v *view) error { return v.users.Former(v.tx, user, log) })
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
