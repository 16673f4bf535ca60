package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/examples/chat/app"
	"github.com/sottokit/sotto/mk"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store/boltstore"
)

// params are what OWASP recommends for Argon2id; mk.Calibrate finds those of a machine.
var params = mk.Params{Time: 2, MemoryKiB: 19456, Threads: 1}

// password asks at the terminal, twice for one that is set now. CHAT_PASSWORD is for tests and scripts: other programs of
// the user can read it.
func (c *chat) password(isNew bool) (*lockbox.Secret, error) {
	if text := os.Getenv("CHAT_PASSWORD"); text != "" {
		return lockbox.Password([]byte(text), params), nil
	}
	typed, err := c.ask("password of " + c.file)
	if err != nil {
		return nil, err
	}
	defer clear(typed)
	if isNew {
		again, err := c.ask("once more")
		if err != nil {
			return nil, err
		}
		defer clear(again)
		if !bytes.Equal(typed, again) {
			return nil, errors.New("typed differently the second time")
		}
	}
	return lockbox.Password(typed, params), nil
}

// ask reads a line that the terminal does not show.
func (c *chat) ask(what string) ([]byte, error) {
	f, ok := c.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, errors.New("no terminal to ask for the password at, and no CHAT_PASSWORD")
	}
	fmt.Fprintf(c.stderr, "%s: ", what)
	typed, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(c.stderr)
	return typed, err
}

// connect connects an account to the relay.
func (c *chat) connect(a *sotto.Account) *app.App { return app.New(a, c.relay, c.name, c.http) }

// unlock opens the account of this device. The caller locks it.
func (c *chat) unlock(ctx context.Context) (*app.App, error) {
	secret, err := c.password(false)
	if err != nil {
		return nil, err
	}
	defer secret.Destroy()
	a, err := sotto.Unlock(ctx, boltstore.New(c.file), nil, secret)
	if err != nil {
		return nil, err
	}
	return c.connect(a), nil
}

// within unlocks the account, lets f use it, and locks it again.
func (c *chat) within(ctx context.Context, f func(a *app.App) error) error {
	a, err := c.unlock(ctx)
	if err != nil {
		return err
	}
	defer a.Lock()
	return f(a)
}

func create(ctx context.Context, c *chat, args []string) error {
	secret, err := c.password(true)
	if err != nil {
		return err
	}
	defer secret.Destroy()
	account, err := sotto.Create(ctx, boltstore.New(c.file), args[0], nil, secret)
	if err != nil {
		return err
	}
	a := c.connect(account)
	defer a.Lock()
	if err := c.sync(ctx, a); err != nil {
		return err
	}
	return c.printMe(ctx, a)
}

// printMe prints what a contact needs who compares.
func (c *chat) printMe(ctx context.Context, a *app.App) error {
	me, err := a.Contact(ctx, a.User())
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "user    %s\ndevice  %s\nroot    %s\n", printable(a.User()), a.Device(), me.Root())
	return nil
}

// revoke asks until the device is out: the first call signs, and once the relay has that, the next one renews the keys of
// every conversation that the device can read.
func revoke(ctx context.Context, c *chat, args []string) error {
	id, err := hex.DecodeString(args[0])
	if err != nil || len(id) != len(device.ID{}) {
		return errors.New("DEVICE is an ID that devices printed")
	}
	return c.within(ctx, func(a *app.App) error {
		if err := c.sync(ctx, a); err != nil {
			return err
		}
		for range 2 {
			r, err := a.Revoke(ctx, device.ID(id))
			if err != nil {
				return err
			}
			if err := c.sync(ctx, a); err != nil {
				return err
			}
			if r.Done() {
				return nil
			}
		}
		return errors.New("some conversations still have a key that the device has: revoke it again")
	})
}

func trust(ctx context.Context, c *chat, args []string) error {
	return c.within(ctx, func(a *app.App) error {
		contact, err := a.Trust(ctx, args[0])
		if err != nil {
			return err
		}
		if err := c.sync(ctx, a); err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "user    %s\nroot    %s\nCompare this with what %s sees on his or her own device.\n",
			printable(contact.User()), contact.Root(), printable(contact.User()))
		return nil
	})
}
