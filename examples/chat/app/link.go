package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/examples/chat/relay"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
)

// The directions of a link.
const (
	oldToNew = "old-to-new"
	newToOld = "new-to-old"
)

// patience is how long one request waits for a message of the other device.
const patience = 20 * time.Second

// receiver is either side of a link.
type receiver func(message []byte) (send []byte, err error)

// step gives a side messages of the other one until it takes one, and passes on what it has to say to that. over tells
// whether the attempt has ended. A message that is refused and does not end it is somebody else's.
func step(ctx context.Context, from, to *relay.Box, receive receiver, over func() bool) error {
	for !over() {
		message, err := from.Next(ctx, patience)
		if err != nil {
			return err
		}
		if message == nil {
			continue
		}
		send, err := receive(message)
		if err == nil && send != nil {
			return to.Put(ctx, send)
		}
		if err == nil || over() {
			return err
		}
	}
	return fmt.Errorf("app: the other device did not go on in time: %w", fault.Expired)
}

// Owner is the person at the device that has the account.
type Owner struct {
	Code   func(code string)                                   // show this, to be typed into the new device
	Digits func(ctx context.Context) (typed string, err error) // ask for the digits that the new device shows; "" refuses
	Again  func()                                              // what was typed is not six digits
	Show   Show                                                // as in Sync
}

// ErrRefused is that a person said no.
var ErrRefused = errors.New("app: refused, nothing was signed")

// Link adds a device to the account, by a short code. A device that was signed for and did not come to be is revoked.
func (a *App) Link(ctx context.Context, c link.Choice, p Owner) error {
	nameplate, err := a.relay.Nameplate(ctx)
	if err != nil {
		return err
	}
	offer, err := a.OfferLinkCode(ctx, nameplate, c)
	if err != nil {
		return err
	}
	if err := a.link(ctx, offer, nameplate, p); err != nil {
		after := context.WithoutCancel(ctx) // also when it was the person who ended the program
		return errors.Join(err, offer.Cancel(after), a.Sync(after, p.Show))
	}
	return a.Sync(ctx, p.Show) // what was chosen goes to the new device
}

func (a *App) link(ctx context.Context, offer *sotto.LinkOffer, nameplate string, p Owner) error {
	if err := a.relay.NameplateBox(nameplate).Put(ctx, offer.First()); err != nil {
		return err
	}
	p.Code(offer.Code())
	to, from := a.relay.LinkBox(offer.Rendezvous(), oldToNew), a.relay.LinkBox(offer.Rendezvous(), newToOld)
	receive := func(message []byte) ([]byte, error) { return offer.Receive(ctx, message) }
	over := func() bool { return offer.State() == link.Aborted }
	if err := step(ctx, from, to, receive, over); err != nil { // the new device typed the code
		return err
	}
	account, err := a.confirm(ctx, offer, p)
	if err != nil {
		return err
	}
	if err := to.Put(ctx, account); err != nil {
		return err
	}
	if err := step(ctx, from, to, receive, over); err != nil { // its record, which this device signs
		return err
	}
	if err := a.Sync(ctx, p.Show); err != nil { // the relay takes the entry
		return err
	}
	nonce, err := a.relay.Challenge(ctx, a.User())
	if err != nil {
		return err
	}
	admitted, err := offer.Admitted(ctx, nonce, nil)
	if err != nil {
		return err
	}
	if err := to.Put(ctx, admitted); err != nil {
		return err
	}
	return step(ctx, from, to, receive, over) // it has registered
}

// confirm has the person type the digits.
func (a *App) confirm(ctx context.Context, offer *sotto.LinkOffer, p Owner) ([]byte, error) {
	for {
		typed, err := p.Digits(ctx)
		if err != nil {
			return nil, err
		}
		if typed == "" {
			return nil, ErrRefused
		}
		if err := a.Sync(ctx, p.Show); err != nil { // the new device wants the log to be the relay's
			return nil, err
		}
		send, err := offer.Confirm(ctx, typed)
		if !errors.Is(err, fault.Misuse) || offer.State() != link.Asking {
			return send, err
		}
		p.Again() // it uses no try up
	}
}
