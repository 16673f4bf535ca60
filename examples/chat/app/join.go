package app

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/examples/chat/relay"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store"
)

// Newcomer is the person at a device that joins an account.
type Newcomer struct {
	Join   func(ctx context.Context, user string) (yes bool, err error) // ask: join the account of user?
	Digits func(digits string)                                          // show this, to be typed into the other device
}

// Server is where a relay is, and what it calls itself.
type Server struct {
	URL, Name string
	HTTP      *http.Client
}

// Join makes this the further device of an account, by the short code that another one shows: see App.Link. The account is
// made in an empty store, which the secret opens from then on. choice is what the other device hands over, if it said so: it
// comes with Sync.
func Join(ctx context.Context, s Server, b store.Backend, secret *lockbox.Secret, code string, p Newcomer) (
	a *App, choice link.Choice, err error,
) {
	j := &joining{b: b, secret: secret, server: s, relay: relay.NewClient(s.URL, s.Name, nil, s.HTTP)}
	if j.new, err = link.Enter(code, time.Now()); err != nil {
		return nil, choice, err
	}
	defer j.new.Cancel()
	if err := step(ctx, j.relay.NameplateBox(j.new.Nameplate()), nil, j.receive, j.over); err != nil {
		return nil, choice, err
	}
	if a, err = j.join(ctx, p); err != nil {
		return nil, choice, err
	}
	choice, _ = j.new.Choice()
	return a, choice, nil
}

// joining is a link on the side of the new device.
type joining struct {
	new      *link.New
	server   Server
	relay    *relay.Client
	b        store.Backend
	secret   *lockbox.Secret
	log      [][]byte // of the user, as it was served last
	to, from *relay.Box
}

func (j *joining) receive(message []byte) ([]byte, error) { return j.new.Receive(message, time.Now()) }

func (j *joining) over() bool { return j.new.State(time.Now()) == link.Aborted }

func (j *joining) join(ctx context.Context, p Newcomer) (*App, error) {
	yes, err := p.Join(ctx, j.new.User())
	if err != nil {
		return nil, err
	}
	if !yes {
		return nil, ErrRefused
	}
	first, err := j.new.Join(device.Classical, time.Now())
	if err != nil {
		return nil, err
	}
	rendezvous, _ := j.new.Rendezvous()
	j.to, j.from = j.relay.LinkBox(rendezvous, newToOld), j.relay.LinkBox(rendezvous, oldToNew)
	if err := j.to.Put(ctx, first); err != nil {
		return nil, err
	}
	if err := step(ctx, j.from, j.to, j.receive, j.over); err != nil {
		return nil, err
	}
	p.Digits(j.new.Digits())
	if err := step(ctx, j.from, j.to, j.receive, j.over); err != nil { // where the log of the account ends
		return nil, err
	}
	record, err := j.served(ctx)
	if err != nil {
		return nil, err
	}
	if err := j.to.Put(ctx, record); err != nil {
		return nil, err
	}
	if err := step(ctx, j.from, j.to, j.receive, j.over); err != nil { // the entry that adds this device
		return nil, err
	}
	if _, err := j.served(ctx); err != nil {
		return nil, err
	}
	return j.account(ctx)
}

// served gives the link the log as the relay has it.
func (j *joining) served(ctx context.Context) (send []byte, err error) {
	if j.log, err = j.relay.Log(ctx, j.new.User(), 0); err != nil {
		return nil, err
	}
	l, err := device.Verify(j.new.User(), j.log)
	if err != nil {
		return nil, err
	}
	return j.new.Served(l, time.Now())
}

// account makes the account and registers the device. The other device revokes it, if it does not hear of that.
func (j *joining) account(ctx context.Context) (*App, error) {
	account, err := sotto.Link(ctx, j.b, j.new, j.log, nil, j.secret)
	if err != nil {
		return nil, err
	}
	a := New(account, j.server.URL, j.server.Name, j.server.HTTP)
	if err := j.register(ctx, a); err != nil {
		a.Lock()
		return nil, fmt.Errorf("app: the other device may not have heard of this one, and then revokes it: %w", err)
	}
	return a, nil
}

func (j *joining) register(ctx context.Context, a *App) error {
	registration, err := a.relay.Answer(ctx, j.new.Nonce())
	if err != nil {
		return err
	}
	done, err := j.new.Registered(registration, time.Now())
	if err != nil {
		return err
	}
	if err := j.to.Put(ctx, done); err != nil {
		return err
	}
	// Linked it is, whether the last message comes or not. It tells what is handed over.
	last, err := j.from.Next(ctx, patience)
	if err == nil && last != nil {
		_, _ = j.receive(last)
	}
	return nil
}
