package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/boltstore"
)

// peer is an account on a device, in a file.
type peer struct {
	*sotto.Account
	path string
	net  *network
}

// unlock opens the account in a file, as an app does when it starts.
func (p *peer) unlock(ctx context.Context, b store.Backend) error {
	return p.unlockWith(ctx, b, p.net.options())
}

func (p *peer) unlockWith(ctx context.Context, b store.Backend, o *sotto.Options) (err error) {
	p.Lock()
	secret := lockbox.Password(password, demoParams)
	defer secret.Destroy()
	p.Account, err = sotto.Unlock(ctx, b, o, secret)
	return err
}

func (p *peer) backend() store.Backend { return boltstore.New(p.path) }

// signUp makes the account of a new user in a new file of the demo.
func (s *scene) signUp(ctx context.Context, file, user string) (*peer, error) {
	return s.signUpWith(ctx, file, user, s.net.options())
}

func (s *scene) signUpWith(ctx context.Context, file, user string, o *sotto.Options) (p *peer, err error) {
	p = &peer{path: filepath.Join(s.dir, file), net: s.net}
	secret := lockbox.Password(password, demoParams)
	defer secret.Destroy()
	if p.Account, err = sotto.Create(ctx, p.backend(), user, o, secret); err != nil {
		return nil, err
	}
	_, err = p.sync(ctx)
	return p, err
}

// join makes a further device of the peer's user, and lets the peer admit it.
func (s *scene) join(ctx context.Context, file string, p *peer) (next *peer, err error) {
	me, err := p.Contact(ctx, p.User())
	if err != nil {
		return nil, err
	}
	next = &peer{path: filepath.Join(s.dir, file), net: s.net}
	secret := lockbox.Password(password, demoParams)
	defer secret.Destroy()
	if next.Account, err = sotto.Join(ctx, next.backend(), p.User(), me.Root(), s.net.options(), secret); err != nil {
		return nil, err
	}
	record, err := next.Record(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.Admit(ctx, record); err != nil {
		return nil, err
	}
	if _, err := p.sync(ctx); err != nil {
		return nil, err
	}
	_, err = next.sync(ctx)
	return next, err
}

// seal seals a text for a contact.
func (p *peer) seal(ctx context.Context, id sotto.MessageID, user string, text []byte) ([]sotto.Parcel, error) {
	contact, err := p.Contact(ctx, user)
	if err != nil {
		return nil, err
	}
	conversation, err := p.Direct(ctx, contact)
	if err != nil {
		return nil, err
	}
	return conversation.Seal(ctx, id, "text/plain", text)
}

// say seals a text and hands it over. It returns what was sealed: with a new session the envelope comes first.
func (p *peer) say(ctx context.Context, user string, text []byte) ([]sotto.Parcel, error) {
	parcels, err := p.seal(ctx, sotto.NewMessageID(), user, text)
	if err != nil {
		return nil, err
	}
	return parcels, p.send(ctx)
}

// reads syncs, and checks that exactly this message came.
func (p *peer) reads(ctx context.Context, from *peer, text []byte) error {
	_, err := p.read(ctx, from, text)
	return err
}

// read is reads, and returns the message.
func (p *peer) read(ctx context.Context, from *peer, text []byte) (m sotto.Event, err error) {
	events, err := p.sync(ctx)
	if err != nil {
		return m, err
	}
	count := 0
	for _, e := range events {
		if e.Kind != sotto.KindMessage {
			continue
		}
		if e.Why != 0 {
			return m, fmt.Errorf("message: %w", e.Why)
		}
		if e.User != from.User() || e.Device != from.Device() || string(e.Body) != string(text) {
			return m, errDiffers
		}
		m = e
		count++
	}
	if count != 1 {
		return m, fmt.Errorf("%s came, want one", plural(count, "message"))
	}
	return m, nil
}

// refusal is why an input was refused, nil when it was not.
func (p *peer) refusal(ctx context.Context, in []byte) error {
	events, err := p.Receive(ctx, in)
	if err != nil || events[0].Why == 0 {
		return err
	}
	return fmt.Errorf("%s: %w", events[0].Kind, events[0].Why)
}

// sealedNote tells what was sealed: a message, and behind as many envelopes as are wanted.
func sealedNote(parcels []sotto.Parcel, envelopes int) (string, error) {
	if len(parcels) != envelopes+1 || parcels[envelopes].Kind != sotto.ParcelMessage {
		return "", fmt.Errorf("%s to deliver, want %s and a message", plural(len(parcels), "parcel"), plural(envelopes, "envelope"))
	}
	message := parcels[envelopes]
	note := fmt.Sprintf("message %d bytes, to %s", len(message.Data), plural(len(message.To), "device"))
	if envelopes > 0 {
		note = fmt.Sprintf("envelope %d, %s", len(parcels[0].Data), note)
	}
	return note, nil
}

// happened checks that one of the events is of that kind.
func happened(events []sotto.Event, k sotto.Kind) error {
	if !slices.ContainsFunc(events, func(e sotto.Event) bool { return e.Kind == k }) {
		return errors.New("no event says " + string(k))
	}
	return nil
}
