package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/boltstore"
)

// network is the server between the people of the demo, and their clock.
type network struct {
	late   time.Duration // how far the clock is ahead, so that a week passes in no time
	hybrid bool          // new devices do suite 2
	logs   map[string][][]byte
	keys   map[device.ID][]byte // the newest one of each device
	chains map[device.Hash][][]byte
	queues map[device.ID][][]byte
}

func newNetwork() *network {
	return &network{
		logs: map[string][][]byte{}, keys: map[device.ID][]byte{}, chains: map[device.Hash][][]byte{},
		queues: map[device.ID][][]byte{},
	}
}

// perSession is how many messages a session of the demo serves.
const perSession = 5

func (n *network) options() *sotto.Options {
	return &sotto.Options{
		Now:    func() time.Time { return time.Now().Add(n.late) },
		Policy: session.Policy{MaxMessages: perSession, MaxAge: 7 * 24 * time.Hour},
		Hybrid: n.hybrid,
	}
}

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
func (s *scene) signUp(ctx context.Context, file, user string) (p *peer, err error) {
	p = &peer{path: filepath.Join(s.dir, file), net: s.net}
	secret := lockbox.Password(password, demoParams)
	defer secret.Destroy()
	if p.Account, err = sotto.Create(ctx, p.backend(), user, s.net.options(), secret); err != nil {
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

// sync hands over what is pending, and receives what the server has. It returns every event, messages acknowledged.
func (p *peer) sync(ctx context.Context) ([]sotto.Event, error) {
	if err := p.send(ctx); err != nil {
		return nil, err
	}
	var in [][]byte
	for user, log := range p.net.logs {
		if _, err := p.Contact(ctx, user); err == nil || user == p.User() {
			in = append(in, log...)
		}
	}
	for _, key := range p.net.keys {
		in = append(in, key)
	}
	groups, err := p.Groups(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		in = append(in, p.net.chains[g.ID()]...)
	}
	events, err := p.Receive(ctx, append(in, p.net.queues[p.Device()]...)...)
	if err != nil {
		return nil, err
	}
	delete(p.net.queues, p.Device())
	if events, err = p.learnGroups(ctx, events); err != nil {
		return nil, err
	}
	if err := p.Ack(ctx, events...); err != nil {
		return nil, err
	}
	if err := p.Upkeep(ctx, true); err != nil {
		return nil, err
	}
	return events, p.send(ctx)
}

// send hands over what is pending.
func (p *peer) send(ctx context.Context) error {
	parcels, err := p.Pending(ctx)
	if err != nil {
		return err
	}
	for _, parcel := range parcels {
		switch parcel.Kind {
		case sotto.ParcelLog:
			err = p.net.extend(p.User(), parcel.Data)
		case sotto.ParcelKey:
			p.net.keys[p.Device()] = parcel.Data
		case sotto.ParcelGroup:
			err = p.net.order(parcel.Data)
		default:
			for _, to := range parcel.To {
				p.net.queues[to] = append(p.net.queues[to], parcel.Data)
			}
		}
		if err == nil {
			err = p.Delivered(ctx, parcel)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// extend takes an entry that extends a user's log.
func (n *network) extend(user string, entry []byte) error {
	log := append(slices.Clone(n.logs[user]), entry)
	_, err := device.Verify(user, log)
	if err == nil {
		n.logs[user] = log
	}
	return err
}

// order takes an entry that ends the chain of its group. One that lost its place is passed over: the chain tells.
func (n *network) order(entry []byte) error {
	claim, err := group.Inspect(entry)
	if err != nil {
		return err
	}
	chain := n.chains[claim.Group]
	if claim.Epoch == uint64(len(chain)) && (claim.Epoch == 0 || sha256.Sum256(chain[len(chain)-1]) == claim.Prev) {
		n.chains[claim.Group] = append(chain, entry)
	}
	return nil
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
