package talk

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
)

// What events may be.

// look holds an event against what may be. it is nil for what followed.
func (p *Phone) look(e *sotto.Event, it *item) error {
	switch e.Kind {
	case sotto.KindMessage:
		return p.lookMessage(e, it)
	case sotto.KindSession:
		return p.lookSession(e, it)
	case sotto.KindHistory:
		return p.lookHistory(e)
	case sotto.KindRestored, sotto.KindOvertaken, sotto.KindDeviceAdded, sotto.KindDeviceRevoked, sotto.KindIdentity,
		sotto.KindMembers, sotto.KindJoined, sotto.KindGroupForked, sotto.KindGroupEnded, sotto.KindDropped:
		p.unacked = append(p.unacked, *e)
		return p.lookNotice(e)
	}
	if e.Why != 0 {
		p.w.Trace("%s refuses %s of %q: %v", p, e.Kind, e.User, e.Why)
	}
	if e.Kind == sotto.KindKey && e.Why != fault.UntrustedSigner {
		p.givenKey[e.ID] = true
	}
	if e.Kind == sotto.KindGroup && e.Why != fault.UntrustedSigner && e.Why != fault.UnknownSession && e.Why != fault.TooFarAhead {
		p.given[e.ID] = true
	}
	return p.w.expect(e.Why, map[sotto.Kind][]fault.Code{
		sotto.KindKey: {fault.Rollback, fault.TooFarAhead, fault.RevokedDevice, fault.UntrustedSigner, fault.SenderReset},
		sotto.KindGroup: {
			fault.UntrustedSigner, fault.UnknownSession, fault.TooFarAhead, fault.RevokedDevice, fault.LogFork, fault.Rollback, fault.Expired,
		},
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
func (w *World) expect(why fault.Code, codes ...fault.Code) error {
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
	if f := p.w.ledger.forms[e.ID]; f.room != nil && !known && !maybe {
		if tip, err := p.tip(f.room); err != nil || tip != nil && tip.above(f.entry) && !tip.has(f.user) {
			return errors.Join(err, fmt.Errorf("%s takes %s, who is not in %s any more", p, f, f.room))
		}
	}
	p.w.Trace("%s reads %s, again: %v%s%s", p, p.w.ledger.forms[e.ID], e.Again, held(it), p.w.ledger.forms[e.ID].how(p))
	p.note(e)
	p.unacked = append(p.unacked, *e)
	return nil
}

// how tells that a phone may read a message only because it was shared.
func (f *form) how(p *Phone) string {
	if f.readers[p.id] {
		return ""
	}
	return ", which was shared"
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
		return p.w.expect(e.Why)
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
	case f.room != nil && (e.Why == fault.UntrustedSigner || e.Why == fault.Rollback):
		tip, err := p.tip(f.room)
		if err != nil || tip != nil && tip.above(f.entry) && tip.has(f.user) {
			return errors.Join(err, fmt.Errorf("%s refuses %s, who is in %s: %w", p, f, f.room, e.Why))
		}
		p.w.Trace("%s does not read %s, of a member who left", p, f)
		f.lose(p.id, "of somebody who is no member any more")
		return nil
	}
	return p.w.expect(e.Why)
}

// lookSession judges what became of an envelope.
func (p *Phone) lookSession(e *sotto.Event, it *item) error {
	if e.Why == 0 {
		p.w.Trace("%s takes %s of %s, again: %v", p, it, e.User, e.Again)
		return nil
	}
	p.w.Trace("%s refuses %s: %v", p, it, e.Why)
	if e.Why != fault.TooFarAhead && e.Why != fault.UnknownSession && e.Why != fault.Replayed && it != nil {
		if id, err := session.EnvelopeID(it.data); err == nil {
			delete(p.w.ledger.brought, bringing{id.Prefix(), p.id})
		}
	}
	codes := []fault.Code{fault.Replayed, fault.TooFarAhead, fault.NotForThisDevice}
	if p.w.room(e.Conversation) != nil {
		codes = append(codes, fault.UnknownSession, fault.Expired, fault.UntrustedSigner, fault.Rollback)
	}
	return p.w.expect(e.Why, codes...)
}
