package talk

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
)

// What the app on a phone does to write.

// conversation is the one with a user, nil while that is nobody this phone knows.
func (p *Phone) conversation(user string) (*sotto.Conversation, error) {
	contact, err := p.account.Contact(background(), user)
	if err == nil {
		var c *sotto.Conversation
		if c, err = p.account.Direct(background(), contact); err == nil {
			return c, nil
		}
	}
	return nil, p.refused("talk to "+user, err, fault.UntrustedSigner, fault.Misuse)
}

// place is where a message belongs, nil while that is nothing that this phone knows.
func (p *Phone) place(t *text) (*sotto.Conversation, error) {
	if t.room == nil {
		return p.conversation(t.peer)
	}
	g, err := p.account.Group(background(), t.room.id)
	if err != nil {
		return nil, p.refused("talk in "+t.room.String(), err, fault.UnknownSession)
	}
	return g.Conversation, nil
}

// write seals a new message.
func (p *Phone) write(peer string, body []byte) error {
	c, err := p.conversation(peer)
	if c == nil || err != nil {
		return err
	}
	t := p.w.ledger.write(p, c, body)
	t.peer, t.users = peer, members(p.user.name, peer)
	return p.seal(t)
}

// say seals a new message in a group.
func (p *Phone) say(g *sotto.Group, body []byte) error {
	r := p.w.room(g.ID())
	if r == nil {
		return nil // nothing of it has left the phone
	}
	t := p.w.ledger.write(p, g.Conversation, body)
	t.peer, t.room = r.String(), r
	return p.seal(t)
}

// seal seals a message, or asks for it again.
func (p *Phone) seal(t *text) error {
	if !p.on() {
		p.unsure = append(p.unsure, t)
		return nil
	}
	c, err := p.place(t)
	if c == nil || err != nil {
		return err
	}
	readers, err := p.readers(c, t)
	if readers == nil || err != nil {
		return err
	}
	parcels, err := c.Seal(background(), sotto.MessageID(t.id), t.kind, t.body)
	switch {
	case errors.Is(err, fault.StoreFailed):
		p.unsure = append(p.unsure, t)
		return p.failed("seals", err)
	case err != nil:
		return p.refused("seal", err, p.w.mayRefuse(p.silent(t)...)...)
	}
	return p.sealed(t, parcels, readers)
}

// silent are the reasons why a phone may not write now: it was revoked, or is not in its log yet, or somebody has a device
// that knows more of a log than the phone does.
var silent = []fault.Code{fault.RevokedDevice, fault.Misuse, fault.TooFarAhead}

// silent are those reasons for a message: in a group it may be frozen, ended, or one that the user is no member of.
func (p *Phone) silent(t *text) []fault.Code {
	if t.room == nil {
		return silent
	}
	return append([]fault.Code{fault.LogFork, fault.Expired, fault.UntrustedSigner}, silent...)
}

// mayRefuse are the expected reasons, and what a lying server brings about.
func (w *World) mayRefuse(codes ...fault.Code) []fault.Code {
	if w.lied {
		codes = append(append([]fault.Code{fault.LogFork}, doubts...), codes...)
	}
	return codes
}

// readers are the devices that read a message which is sealed now, nil when none can be.
func (p *Phone) readers(c *sotto.Conversation, t *text) (map[device.ID]bool, error) {
	members, err := c.Devices(background())
	if err != nil {
		return nil, p.refused("ask who reads", err, p.w.mayRefuse(p.silent(t)...)...)
	}
	readers := map[device.ID]bool{}
	var users []string
	t.left = nil
	for _, m := range members {
		readers[m.Device] = true
		users = append(users, m.User)
		if m.Left != 0 {
			p.w.Trace("%s leaves %s out: %v", p, m.User, m.Left)
			t.left = append(t.left, m.User)
		}
	}
	if t.room == nil {
		return readers, nil
	}
	tip, err := p.tip(t.room)
	if tip == nil || err != nil {
		return nil, err
	}
	if err := p.mayTalk(t.room); err != nil {
		return nil, err
	}
	for _, user := range users {
		if !tip.has(user) {
			return nil, fmt.Errorf("%s seals for %s, who is not in %s", p, user, t.room)
		}
	}
	slices.Sort(users)
	t.users = slices.Compact(users)
	if len(t.users) != len(tip.roles) {
		return nil, fmt.Errorf("%s seals for %v, and in %s are %v", p, t.users, t.room, tip.roles)
	}
	return readers, nil
}

// mayTalk asks whether the group is one in which messages may be sealed now.
func (p *Phone) mayTalk(r *room) error {
	g, err := p.account.Group(background(), r.id)
	if err != nil {
		return err
	}
	s, err := g.State(background())
	if err == nil && s.Status != group.Active {
		err = fmt.Errorf("%s can write in %s, which is %s", p, r, s.Status)
	}
	return err
}

// tip is the newest entry of a group that counts for the phone, nil while the server does not have it or the phone is off.
func (p *Phone) tip(r *room) (*entry, error) {
	g, err := p.account.Group(background(), r.id)
	if err != nil {
		return nil, p.refused("know "+r.String(), err, fault.UnknownSession)
	}
	s, err := g.State(background())
	if err != nil {
		return nil, p.failed("looks at "+r.String(), err)
	}
	return r.entry(s.Tip), nil
}

// last is what this phone sealed last of a message.
func (p *Phone) last(t *text) *sent {
	for _, s := range slices.Backward(p.sent) {
		if s.text == t && s.after == 0 {
			return s
		}
	}
	return nil
}

// sealed holds what Seal returned against what it returned before: the same message until it is delivered, and nothing then.
func (p *Phone) sealed(t *text, parcels []sotto.Parcel, readers map[device.ID]bool) error {
	before := p.last(t)
	for _, m := range parcels {
		for _, id := range m.To {
			if before == nil && m.Kind == sotto.ParcelEnvelope && slices.Contains(t.left, p.w.Relay.userOf(id)) {
				return fmt.Errorf("%s seals %s for %s, who was left out", p, t, p.w.Relay.userOf(id))
			}
		}
	}
	if len(parcels) == 0 {
		t.alone = t.alone || before == nil && len(readers) == 1
		if before == nil && !t.alone || before != nil && before.waits(readers) {
			return fmt.Errorf("%s: Seal of %s returns nothing, and it is not delivered", p, t)
		}
		return nil
	}
	m := parcels[len(parcels)-1]
	if m.Kind != sotto.ParcelMessage {
		return fmt.Errorf("%s: Seal of %s returns no message last", p, t)
	}
	if before != nil && p.w.ledger.forms[m.ID] == before.form {
		if len(before.left) == 0 && !before.loose {
			return fmt.Errorf("%s: Seal of %s returns it, though it is delivered", p, t)
		}
		return nil
	}
	if f := p.w.ledger.forms[m.ID]; before != nil && before.loose && f != nil {
		before.form = f // Upkeep makes several commits, and the disk was put back to one of them
		return nil
	}
	if before != nil {
		return fmt.Errorf("%s: Seal of %s returns other bytes than before", p, t)
	}
	return p.noteForm(t, &m, readers)
}

// noteForm notes new bytes of a message.
func (p *Phone) noteForm(t *text, m *sotto.Parcel, readers map[device.ID]bool) error {
	f := p.w.ledger.forms[m.ID] // of a store that was copied
	if f == nil {
		var err error
		if f, err = p.w.ledger.seal(t, m.Data, readers); err != nil {
			return fmt.Errorf("%s seals %s: %w", p, t, err)
		}
		if t.room != nil {
			if f.entry, err = p.tip(t.room); err != nil {
				return err
			}
			if u := p.w.ledger.sessions[f.session]; u != nil && u.entry != f.entry && u.entry != nil && f.entry != nil {
				return fmt.Errorf("%s seals %s on a session of another epoch", p, t)
			}
		}
	}
	for _, user := range t.left {
		if p.w.ledger.gave[giving{f.session, p.id, user}] {
			return fmt.Errorf("%s leaves %s out of %s, and seals it on a session that it gave him", p, user, t)
		}
	}
	if p.retired[f.session] {
		return fmt.Errorf("%s seals %s on a session from before it was put back", p, t)
	}
	for _, id := range m.To {
		if id == p.id || !readers[id] {
			return fmt.Errorf("%s seals %s for device %s, which is no reader", p, t, id)
		}
	}
	first := p.last(t) == nil
	if first && len(m.To) != len(readers)-1 {
		return fmt.Errorf("%s seals %s for %d devices, and %d read it", p, t, len(m.To), len(readers)-1)
	}
	if !first {
		for id := range readers {
			if id != p.id && !slices.Contains(m.To, id) {
				f.lose(id, "sealed again for others")
			}
		}
	}
	p.w.Trace("%s seals %s on session %s for %d devices%s", p, t, f.session, len(m.To), p.w.renewed(f))
	p.sent = append(p.sent, &sent{text: t, form: f, at: p.generation(), left: leftOf(m)})
	return nil
}

// leftOf are those who have not got a message yet.
func leftOf(m *sotto.Parcel) map[device.ID]bool {
	left := map[device.ID]bool{}
	for _, id := range m.To {
		left[id] = true
	}
	return left
}

// renewed says why a session took the place of another one, if that is plain to see from outside.
func (w *World) renewed(f *form) string {
	now, known := w.ledger.sessions[f.session]
	if known {
		now.messages++
		return ""
	}
	why := ""
	for _, u := range w.ledger.sessions {
		switch old := w.now.Sub(u.since) >= w.policy.MaxAge; {
		case u.conversation != f.conversation:
		case u.messages >= w.policy.MaxMessages && !old:
			why = ", the one before is used up"
		case old && why == "":
			why = ", the one before is too old"
		}
	}
	w.ledger.sessions[f.session] = &use{f.conversation, f.entry, w.now, 1}
	return why
}
