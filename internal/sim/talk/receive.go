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
	p.doubtful = p.generation()
	for _, b := range in {
		p.hold(p.w.ledger.forms[sum(b)])
	}
	for f := range p.taken {
		p.maybe[f.sum] = p.generation()
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

// look holds an event against what may be. it is nil for what followed.
func (p *Phone) look(e *sotto.Event, it *item) error {
	switch e.Kind {
	case sotto.KindMessage:
		return p.lookMessage(e, it)
	case sotto.KindSession:
		return p.lookSession(e, it)
	case sotto.KindRestored, sotto.KindOvertaken, sotto.KindDeviceAdded, sotto.KindDeviceRevoked:
		p.unacked = append(p.unacked, *e)
		return p.lookNotice(e)
	}
	if e.Why != 0 {
		p.w.Trace("%s refuses %s of %q: %v", p, e.Kind, e.User, e.Why)
	}
	if e.Kind == sotto.KindKey && e.Why != fault.UntrustedSigner {
		p.givenKey[e.ID] = true
	}
	return p.w.expect(e.Why, it, map[sotto.Kind][]fault.Code{
		sotto.KindKey: {fault.Rollback, fault.TooFarAhead, fault.RevokedDevice, fault.UntrustedSigner, fault.SenderReset},
		sotto.KindRequest: {
			fault.UnknownSession, fault.Rollback, fault.TooFarAhead, fault.RevokedDevice, fault.UntrustedSigner, fault.SenderReset,
		},
	}[e.Kind]...)
}

// lookNotice judges what followed from an input.
func (p *Phone) lookNotice(e *sotto.Event) error {
	p.w.Trace("%s notices: %s, %s", p, e.Kind, e.User)
	p.note(e)
	if e.Kind == sotto.KindDeviceRevoked {
		p.revoked[e.Device] = p.generation()
	}
	if e.Kind != sotto.KindRestored {
		return nil
	}
	if p.w.ledger.lives[p.id] == 0 {
		return fmt.Errorf("it was never put back")
	}
	p.behind = false
	return nil
}

// expect refuses a reason that should not be: unless somebody lied, only the given ones.
func (w *World) expect(why fault.Code, it *item, codes ...fault.Code) error {
	if why == 0 || slices.Contains(codes, why) || w.lied && why != fault.Misuse {
		return nil
	}
	return why
}

// lookMessage holds a message against what was written, and against what was handed out before.
func (p *Phone) lookMessage(e *sotto.Event, it *item) error {
	g, known := p.got[e.ID]
	if e.Why != 0 {
		return p.lookRefused(e, it, g)
	}
	if err := p.w.ledger.handOut(p, e); err != nil {
		return err
	}
	_, maybe := p.maybe[e.ID]
	switch {
	case known && g.acked > 0:
		return fmt.Errorf("it was acknowledged")
	case e.Again != known && !maybe:
		return fmt.Errorf("again is %v", e.Again)
	case known && !same(&g.event, e):
		return fmt.Errorf("it is another one than before")
	case !known && p.revoked[e.Device] > 0:
		return fmt.Errorf("its sender is known to be revoked")
	}
	p.w.Trace("%s reads %s, again: %v%s", p, p.w.ledger.forms[e.ID], e.Again, held(it))
	p.note(e)
	p.unacked = append(p.unacked, *e)
	return nil
}

func held(it *item) string {
	if it == nil {
		return ", out of what was held"
	}
	return ""
}

// lookRefused judges the reason why a message cannot be read.
func (p *Phone) lookRefused(e *sotto.Event, it *item, g *got) error {
	f := p.w.ledger.forms[e.ID]
	p.w.Trace("%s refuses %s: %v", p, it, e.Why)
	switch {
	case e.Body != nil:
		return fmt.Errorf("a body with a reason against it")
	case f == nil:
		return p.w.expect(e.Why, it)
	case e.Why == fault.Replayed:
		if g != nil && g.acked > 0 || f.from == p.id {
			return nil
		}
		return fmt.Errorf("replayed, and it was never acknowledged")
	case e.Why == fault.RevokedDevice:
		if p.w.active(f.user, f.from) && !p.w.lied { // on a branch that a lying server serves he may be
			return fmt.Errorf("its sender is not revoked")
		}
		return nil
	case e.Why == fault.UnknownSession:
		return nil
	}
	return p.w.expect(e.Why, it)
}

// lookSession judges what became of an envelope.
func (p *Phone) lookSession(e *sotto.Event, it *item) error {
	if e.Why == 0 {
		p.w.Trace("%s takes %s of %s, again: %v", p, it, e.User, e.Again)
		return nil
	}
	p.w.Trace("%s refuses %s: %v", p, it, e.Why)
	if e.Why == fault.NotForThisDevice && it != nil {
		if id, err := session.EnvelopeID(it.data); err == nil {
			delete(p.w.ledger.brought, bringing{id.Prefix(), p.id})
		}
	}
	return p.w.expect(e.Why, it, fault.Replayed, fault.TooFarAhead, fault.NotForThisDevice)
}
