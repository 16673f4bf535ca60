package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/mk/lockbox"
)

// pairing is a link in the demo: an account that offers, and a device that joins. The server's mailbox is a variable.
type pairing struct {
	old   *peer
	offer *sotto.LinkOffer
	new   *link.New
	net   *network
}

// offer begins a link, with a QR code that a new device scans.
func (s *scene) offer(ctx context.Context, p *peer, c link.Choice) (*pairing, error) {
	offer, err := p.OfferLink(ctx, c)
	if err != nil {
		return nil, err
	}
	n, err := link.Scan(offer.QR(), s.net.now())
	return &pairing{p, offer, n, s.net}, err
}

// offerCode begins a link, with a short code that is typed into a new device.
func (s *scene) offerCode(ctx context.Context, p *peer, c link.Choice) (*pairing, error) {
	offer, err := p.OfferLinkCode(ctx, "4711", c)
	if err != nil {
		return nil, err
	}
	n, err := link.Enter(offer.Code(), s.net.now())
	if err != nil {
		return nil, err
	}
	_, err = n.Receive(offer.First(), s.net.now())
	return &pairing{p, offer, n, s.net}, err
}

// answer gives the old device a message, and the new one what it says to that.
func (l *pairing) answer(ctx context.Context, message []byte) error {
	send, err := l.offer.Receive(ctx, message)
	if err == nil && send != nil {
		_, err = l.new.Receive(send, l.net.now())
	}
	return err
}

// join brings the link to where the new device shows its digits.
func (l *pairing) join(ctx context.Context) error {
	first, err := l.new.Join(device.Classical, l.net.now())
	if err == nil {
		err = l.answer(ctx, first)
	}
	if err == nil && len(l.new.Digits()) != 6 {
		err = errors.New("it shows no digits")
	}
	return err
}

// served gives the new device the log as the server has it.
func (l *pairing) served() ([]byte, error) {
	log, err := device.Verify(l.new.User(), l.net.logs[l.new.User()])
	if err != nil {
		return nil, err
	}
	return l.new.Served(log, l.net.now())
}

// confirm has the digits typed into the old device, and goes on to the end. The new account is in a file of the demo.
func (s *scene) confirm(ctx context.Context, l *pairing, file string) (*peer, error) {
	account, err := l.offer.Confirm(ctx, l.new.Digits())
	if err != nil {
		return nil, err
	}
	if _, err := l.new.Receive(account, l.net.now()); err != nil {
		return nil, err
	}
	record, err := l.served()
	if err != nil {
		return nil, err
	}
	if err := l.answer(ctx, record); err != nil { // it signs
		return nil, err
	}
	if _, err := l.old.sync(ctx); err != nil {
		return nil, err
	}
	c, err := device.NewChallenge("server", l.new.User(), l.net.now())
	if err != nil {
		return nil, err
	}
	admitted, err := l.offer.Admitted(ctx, c.Nonce, nil)
	if err != nil {
		return nil, err
	}
	if _, err := l.new.Receive(admitted, l.net.now()); err != nil {
		return nil, err
	}
	if _, err := l.served(); err != nil {
		return nil, err
	}
	next := &peer{path: filepath.Join(s.dir, file), net: s.net}
	secret := lockbox.Password(password, demoParams)
	defer secret.Destroy()
	if next.Account, err = sotto.Link(ctx, next.backend(), l.new, s.net.logs[l.new.User()], s.net.options(), secret); err != nil {
		return nil, err
	}
	return next, l.register(ctx, next, c)
}

// register has the server take the new device, and the old device told.
func (l *pairing) register(ctx context.Context, next *peer, c *device.Challenge) error {
	answer, err := next.Register(ctx, c.Server, c.Nonce)
	if err != nil {
		return err
	}
	log, err := device.Verify(c.User, l.net.logs[c.User])
	if err != nil {
		return err
	}
	if _, err := c.Check(answer, log, l.net.now()); err != nil {
		return err
	}
	done, err := l.new.Registered(answer, l.net.now())
	if err != nil {
		return err
	}
	if err := l.answer(ctx, done); err != nil {
		return err
	}
	if l.offer.State() != link.Done || l.new.State(l.net.now()) != link.Done {
		return fmt.Errorf("one is %v, the other %v", l.offer.State(), l.new.State(l.net.now()))
	}
	return allSync(ctx, next, l.old, next, next) // it hears of contacts first, and then reads what it got of theirs
}
