package talk

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
)

// What the app on a phone does to read.

// fetchLog asks the server for a log, from where it is known on. Somebody who is not known yet is pinned.
func (p *Phone) fetchLog(user string) ([][]byte, error) {
	c, err := p.account.Contact(background(), user)
	switch {
	case err == nil:
		log, err := c.Log(background())
		if err != nil {
			return nil, p.failed("reads a log", err)
		}
		return p.w.Server.Serve(user, uint64(len(log))), nil
	case !errors.Is(err, fault.UntrustedSigner):
		return nil, p.failed("looks for "+user, err)
	case user == p.user.name:
		return p.w.Server.Serve(user, 0), nil
	}
	_, err = p.account.Trust(background(), user, p.w.Server.Serve(user, 0))
	if err != nil && p.w.Server.Evil && !errors.Is(err, fault.StoreFailed) {
		p.w.Trace("%s does not trust %s: %v", p, user, err)
		return nil, nil
	}
	if err != nil {
		return nil, p.failed("trusts "+user, err)
	}
	return nil, nil
}

// fetchKeys asks the server for the newest device-keys of a user, and returns those it did not bring before.
func (p *Phone) fetchKeys(user string) [][]byte {
	var fresh [][]byte
	keys := p.w.Server.Keys(user)
	for _, r := range p.w.Server.Log(user).Active() {
		key := keys[r.ID()]
		if key != nil && !p.givenKey[sum(key)] {
			fresh = append(fresh, key)
		}
	}
	return fresh
}

// drain takes everything that the server and the relay have, and carries requests.
func (p *Phone) drain() error {
	for range 4 {
		if !p.on() || p.offline {
			return nil
		}
		var in [][]byte
		for _, u := range p.w.users {
			entries, err := p.fetchLog(u.name)
			if err != nil || !p.on() {
				return err
			}
			in = append(append(in, entries...), p.fetchKeys(u.name)...)
		}
		entries, err := p.fetchGroups()
		if err != nil || !p.on() {
			return err
		}
		in = append(in, entries...)
		items := p.w.Relay.queues[p.id]
		if len(in)+len(items) == 0 {
			return nil
		}
		if err := p.take(in, items); err != nil || !p.on() {
			return err
		}
		if err := p.ack(); err != nil {
			return err
		}
	}
	return nil
}

// take gives something to Receive: logs and keys, and items of the queue, which leave it when that worked.
func (p *Phone) take(in [][]byte, items []*item) error {
	items = slices.Clone(items)
	for _, it := range items {
		in = append(in, it.data)
	}
	open, err := p.open()
	if err != nil || !p.on() {
		return err
	}
	p.began = p.generation()
	defer func() { p.began = 0 }()
	events, err := p.account.Receive(background(), in...)
	if err != nil {
		p.doubt(in)
		return p.failed("receives", err)
	}
	if len(events) < len(in) {
		return fmt.Errorf("%s gets %d events for %d inputs", p, len(events), len(in))
	}
	for _, it := range items {
		p.leave(it)
	}
	for i := range events {
		var it *item
		if at := i - (len(in) - len(items)); at >= 0 && at < len(items) {
			it = items[at]
		}
		if err := p.look(&events[i], it); err != nil {
			return fmt.Errorf("%s gets %s of %q: %w", p, events[i].Kind, events[i].User, err)
		}
		if events[i].Kind == sotto.KindRestored {
			maps.Copy(p.retired, open)
		}
	}
	for _, e := range events {
		for _, n := range e.Needs {
			if n.GroupOf != nil {
				p.w.Trace("%s wants a group", p)
				p.wants[*n.GroupOf] = true
			}
		}
	}
	if err := p.checkJoined(events); err != nil {
		return err
	}
	return p.carry(events[len(in)-len(items):len(in)], items)
}

// open are the sessions that are open now, if the phone may be about to notice that it was put back.
func (p *Phone) open() (map[session.Prefix]bool, error) {
	open := map[session.Prefix]bool{}
	if p.w.ledger.lives[p.id] == 0 {
		return open, nil
	}
	r, err := p.account.Report(background())
	if err != nil {
		return nil, p.failed("reports", err)
	}
	for s := range p.w.ledger.sessions {
		if _, is := sessionsOf(r)[s.String()]; is {
			open[s] = true
		}
	}
	return open, nil
}

// doubt notes what may have been handed out by a Receive that failed: its inputs, and what was held.
func (p *Phone) doubt(in [][]byte) {
	p.doubtful = p.first()
	for _, b := range in {
		p.hold(p.w.ledger.forms[sum(b)])
	}
	for f := range p.taken {
		p.maybe[f.sum] = p.first()
	}
}

// leave takes an item out of the queue, unless it comes a second time.
func (p *Phone) leave(it *item) {
	queue := p.w.Relay.queues[p.id]
	if i := slices.Index(queue, it); i >= 0 && p.w.Relay.fate("queue", 16) != 1 {
		p.w.Relay.queues[p.id] = slices.Delete(slices.Clone(queue), i, i+1)
	}
	p.hold(it.form)
}

// hold notes a message that the store may have.
func (p *Phone) hold(f *form) {
	if f != nil && p.got[f.sum] == nil && p.taken[f] == 0 {
		p.taken[f] = p.generation()
	}
}

// carry sends the requests of events to the users of the items that they are about.
func (p *Phone) carry(events []sotto.Event, items []*item) error {
	asked := map[string]bool{}
	for i, e := range events {
		for _, n := range e.Needs {
			if n.Request == nil || asked[string(n.Request)] {
				continue
			}
			asked[string(n.Request)] = true
			p.w.Trace("%s asks for a session", p)
			p.w.Relay.request(p, n.Request, items[i].users...)
		}
	}
	return nil
}

// ask asks again for what everything that is held needs. Which conversation a request is about it does not know any more.
func (p *Phone) ask() error {
	if !p.on() || p.offline {
		return nil
	}
	needs, err := p.account.Needs(background())
	if err != nil {
		return p.failed("asks again", err)
	}
	for _, n := range needs {
		if n.GroupOf != nil {
			p.wants[*n.GroupOf] = true
		}
		if n.Request == nil {
			continue // logs it fetches anyway
		}
		p.w.Trace("%s asks everybody for a session", p)
		for _, u := range p.w.users {
			p.w.Relay.request(p, n.Request, u.name)
		}
	}
	return nil
}

// ack acknowledges everything that was handed out.
func (p *Phone) ack() error {
	if !p.on() || len(p.unacked) == 0 {
		return nil
	}
	if err := p.account.Ack(background(), p.unacked...); err != nil {
		p.acking, p.ackedAt = p.unacked, p.generation()
		return p.failed("acknowledges", err)
	}
	for _, e := range p.unacked {
		p.got[e.ID].acked = p.generation()
	}
	p.unacked = nil
	return nil
}
