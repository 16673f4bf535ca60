package main

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/session"
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

func (n *network) now() time.Time { return time.Now().Add(n.late) }

func (n *network) options() *sotto.Options {
	return &sotto.Options{
		Now:    n.now,
		Policy: session.Policy{MaxMessages: perSession, MaxAge: 7 * 24 * time.Hour},
		Hybrid: n.hybrid,
	}
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
	if err := p.learnContacts(ctx, events); err != nil {
		return nil, err
	}
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

// learnContacts pins whom another device of the user has told of.
func (p *peer) learnContacts(ctx context.Context, events []sotto.Event) error {
	for _, e := range events {
		if e.Kind == sotto.KindContact && len(e.Needs) > 0 {
			if _, err := p.Trust(ctx, e.User, p.net.logs[e.User]); err != nil {
				return err
			}
		}
	}
	return nil
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
