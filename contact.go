package sotto

import (
	"bytes"
	"context"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// Contact is a user whose log is pinned, the own one included.
type Contact struct {
	_       [0]func()
	account *Account
	user    string
	root    device.Hash
}

// User returns the contact's user ID.
func (c *Contact) User() string { return c.user }

// Root returns the contact's identity, together with the user ID: the hash of the first entry of the log.
func (c *Contact) Root() device.Hash { return c.root }

// Trust verifies the whole log of a user, as the server has it, and pins it: first contact is trust on first use, until
// people compare their numbers. The log of somebody who is pinned already must extend the pin: fewer entries are
// fault.Rollback, another first one is fault.IdentityChanged, a second branch is fault.LogFork, and nothing is sent to that
// user until a recovery decides it. Envelopes that waited for this log come out of the next Receive, which may be empty.
func (a *Account) Trust(ctx context.Context, user string, log [][]byte) (*Contact, error) {
	var c *Contact
	err := a.retry(func() error {
		p, err := a.pinned(ctx, user)
		if err != nil {
			return err
		}
		var base *device.Log
		if p != nil {
			base = p.log
		}
		g, failed := grow(user, base, 0, log)
		if failed != nil && g.fork == nil {
			return failed
		}
		if base == nil && user == a.user {
			return fmt.Errorf("sotto: the own log goes to Receive: %w", fault.Misuse)
		}
		err = a.update(ctx, func(v *view) error {
			_, err := g.apply(v)
			return err
		})
		if err == nil {
			err = failed
		}
		if err == nil {
			c = &Contact{account: a, user: user, root: g.log.Pin().Root}
		}
		return err
	})
	return c, err
}

// Contact returns somebody who is pinned, fault.UntrustedSigner for somebody who is not. Oneself is a contact, too.
func (a *Account) Contact(ctx context.Context, user string) (*Contact, error) {
	p, err := a.pinned(ctx, user)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, fmt.Errorf("sotto: no contact: %w", fault.UntrustedSigner)
	}
	return &Contact{account: a, user: user, root: p.fields.Root}, nil
}

// Contacts returns everybody who is pinned, in the order in which that happened: those whose logs and device-keys an app
// fetches. The own user is among them as soon as the own log is here.
func (a *Account) Contacts(ctx context.Context) ([]*Contact, error) {
	var all []*Contact
	err := a.view(ctx, func(v *view) error {
		all = nil
		return v.eachUser(func(name string, p *pinned) error {
			all = append(all, &Contact{account: a, user: name, root: p.fields.Root})
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
	err := c.account.view(ctx, func(v *view) error {
		entries = nil
		return v.tx.Range(logName(c.user, 0), func(_ uint64, entry []byte) error {
			entries = append(entries, bytes.Clone(entry))
			return nil
		})
	})
	return entries, err
}

func (a *Account) pinned(ctx context.Context, user string) (p *pinned, err error) {
	err = a.view(ctx, func(v *view) (err error) {
		p, err = v.user(user)
		return err
	})
	return p, err
}

// noteUser lists a user who is pinned for the first time.
func (v *view) noteUser(name string) error {
	var next uint64
	err := v.tx.Range(store.Name{Room: roomUsers}, func(seq uint64, _ []byte) error {
		next = seq + 1
		return nil
	})
	v.tx.Put(store.Name{Room: roomUsers, Seq: next}, []byte(name))
	return err
}

// eachUser visits everybody who is pinned, in the order in which that happened.
func (v *view) eachUser(f func(name string, p *pinned) error) error {
	return v.tx.Range(store.Name{Room: roomUsers}, func(_ uint64, name []byte) error {
		p, err := v.user(string(name))
		if err != nil || p == nil {
			return err
		}
		return f(string(name), p)
	})
}
