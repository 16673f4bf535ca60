package talk

import (
	"fmt"
	"slices"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/session"
)

// What a member lets another one read of what was said before.

// Share lets a phone share the history of a group with somebody.
func (w *World) Share() error {
	p, g, err := w.groupFrom(w.phoneChosen())
	if g == nil || err != nil {
		return err
	}
	r := w.room(g.ID())
	if r == nil {
		return nil
	}
	user := r.newcomer()
	if w.Choose("somebody else", 4) == 1 {
		user = w.userChosen().name
	}
	if user == p.user.name || user == "" {
		return nil
	}
	if err := p.recognize(); err != nil || !p.on() {
		return err
	}
	c, err := p.account.Contact(background(), user)
	if err != nil {
		return p.refused("find "+user, err, fault.UntrustedSigner)
	}
	s := share{users: [2]string{user, p.user.name}, sessions: map[session.Prefix]bool{}}
	for id, use := range w.ledger.sessions {
		if use.conversation == r.id {
			s.sessions[id] = true
		}
	}
	r.shares = append(r.shares, s)
	p.shares = true
	n, err := g.ShareHistory(background(), c)
	if err != nil {
		return p.refused("share history", err, w.mayRefuse(append(slices.Clone(managing), fault.UnknownSession)...)...)
	}
	w.Trace("%s shares %d sessions of %s with %s", p, n, r, user)
	return p.recognize()
}

// checkJoined asks who has brought a phone into a group: who added its user, or another phone of his.
func (p *Phone) checkJoined(events []sotto.Event) error {
	for _, e := range events {
		r := p.w.room(e.Conversation)
		if e.Kind != sotto.KindJoined || r == nil {
			continue
		}
		tip, err := p.tip(r)
		if tip == nil || err != nil {
			return err
		}
		adder := tip.adder(p.user.name)
		invited := slices.ContainsFunc(events, func(s sotto.Event) bool {
			return s.Kind == sotto.KindSession && s.Why == 0 && s.Conversation == r.id && (s.User == adder || s.User == p.user.name)
		})
		if !invited {
			return fmt.Errorf("%s joins %s, and neither %s nor its user has brought it in", p, r, adder)
		}
	}
	return nil
}

// adder is who brought a user in.
func (e *entry) adder(user string) string {
	for ; e != nil; e = e.parent {
		if e.info.User == user && (e.info.Op == group.OpAdd || e.info.Op == group.OpCreate) {
			return e.info.Actor
		}
	}
	return ""
}

// newcomer is who was added last, "" for nobody.
func (r *room) newcomer() string {
	for e := r.newest; e != nil; e = e.parent {
		if e.info.Op == group.OpAdd {
			return e.info.User
		}
	}
	return ""
}

// noteShared notes the message of an account that nobody wrote by hand: a shared session.
func (p *Phone) noteShared(m *sotto.Parcel) error {
	w := p.w
	t := w.ledger.shared(p)
	readers := map[device.ID]bool{p.id: true}
	for _, id := range m.To {
		readers[id] = true
		t.users = append(t.users, w.Relay.userOf(id))
	}
	f, err := w.ledger.seal(t, m.Data, readers)
	if err != nil {
		return fmt.Errorf("%s shares: %w", p, err)
	}
	w.renewed(f)
	p.sent = append(p.sent, &sent{text: t, form: f, at: p.generation(), left: leftOf(m)})
	return nil
}

// sharedWith reports whether somebody has shared the session of a message with a user.
func (f *form) sharedWith(user string) bool {
	return f.room != nil && slices.ContainsFunc(f.room.shares, func(s share) bool { return slices.Contains(s.users[:], user) && s.sessions[f.session] })
}

// lookHistory judges a session that a member shared. What was said on it is brought once more.
func (p *Phone) lookHistory(e *sotto.Event) error {
	f := p.w.ledger.forms[e.ID]
	switch {
	case f == nil || !f.history:
		return fmt.Errorf("nobody shared it")
	case !f.readers[p.id]:
		return fmt.Errorf("it was not for %s", p)
	case e.Why == fault.UnknownSession || e.Why == fault.TooFarAhead:
		return nil // it waits
	case e.Why != 0:
		p.w.Trace("%s refuses history of %q: %v", p, e.User, e.Why)
		f.lose(p.id, "history that was refused")
		return p.w.expect(e.Why, fault.UntrustedSigner, fault.Replayed, fault.Expired, fault.Rollback, fault.RevokedDevice)
	case len(e.Body) > 0 || e.User != f.user || e.Device != f.from:
		return fmt.Errorf("it is not what was shared: %+v", e)
	}
	g, known := p.got[e.ID]
	if known && g.acked > 0 {
		return fmt.Errorf("it was acknowledged")
	}
	f.read[p.id] = true
	p.w.Trace("%s gets history of %q", p, e.User)
	p.note(e)
	p.unacked = append(p.unacked, *e)
	if r := p.w.room(e.Conversation); r != nil && !known {
		p.w.Relay.queues[p.id] = append(p.w.Relay.queues[p.id], r.said[max(0, len(r.said)-maxOld):]...)
	}
	return nil
}
