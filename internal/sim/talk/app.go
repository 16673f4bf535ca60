package talk

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
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

// write seals a new message.
func (p *Phone) write(peer string, body []byte) error {
	c, err := p.conversation(peer)
	if c == nil || err != nil {
		return err
	}
	return p.seal(p.w.ledger.write(p, c, peer, body))
}

// seal seals a message, or asks for it again.
func (p *Phone) seal(t *text) error {
	if !p.on() {
		p.unsure = append(p.unsure, t)
		return nil
	}
	c, err := p.conversation(t.peer)
	if c == nil || err != nil {
		return err
	}
	readers, err := p.readers(c)
	if err != nil {
		return err
	}
	parcels, err := c.Seal(background(), sotto.MessageID(t.id), t.kind, t.body)
	switch {
	case errors.Is(err, fault.StoreFailed):
		p.unsure = append(p.unsure, t)
		return p.failed("seals", err)
	case err != nil:
		return p.refused("seal", err, p.w.mayRefuse(silent...)...)
	}
	return p.sealed(t, parcels, readers)
}

// silent are the reasons why a phone may not write now: it was revoked, or is not in its log yet, or somebody has a device
// that knows more of a log than the phone does.
var silent = []fault.Code{fault.RevokedDevice, fault.Misuse, fault.TooFarAhead}

// mayRefuse are the expected reasons, and what a lying server brings about.
func (w *World) mayRefuse(codes ...fault.Code) []fault.Code {
	if w.lied {
		codes = append(codes, fault.LogFork)
	}
	return codes
}

// readers are the devices that read a message which is sealed now.
func (p *Phone) readers(c *sotto.Conversation) (map[device.ID]bool, error) {
	members, err := c.Devices(background())
	if err != nil {
		return nil, p.failed("asks who reads", err)
	}
	readers := map[device.ID]bool{}
	for _, m := range members {
		readers[m.Device] = true
	}
	return readers, nil
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
	}
	if p.retired[f.session] {
		return fmt.Errorf("%s seals %s on a session from before it was put back", p, t)
	}
	left := map[device.ID]bool{}
	for _, id := range m.To {
		if id == p.id || !readers[id] {
			return fmt.Errorf("%s seals %s for device %s, which is no reader", p, t, id)
		}
		left[id] = true
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
	p.sent = append(p.sent, &sent{text: t, form: f, at: p.generation(), left: left})
	return nil
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
	w.ledger.sessions[f.session] = &use{f.conversation, w.now, 1}
	return why
}

// recognize finds out which message a parcel is that Upkeep sealed again.
func (p *Phone) recognize() error {
	parcels, err := p.account.Pending(background())
	if err != nil {
		return p.failed("lists what is pending", err)
	}
	unknown := map[[32]byte]*sotto.Parcel{}
	for i, m := range parcels {
		if m.Kind == sotto.ParcelMessage && p.w.ledger.forms[m.ID] == nil {
			unknown[m.ID] = &parcels[i]
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	for _, s := range slices.Clone(p.sent) {
		if len(s.left) == 0 && !s.loose || s.after > 0 {
			continue
		}
		if err := p.recognizeAs(s, unknown); err != nil || !p.on() {
			return err
		}
	}
	return nil
}

// recognizeAs asks for a message again, whose form may be among the unknown.
func (p *Phone) recognizeAs(s *sent, unknown map[[32]byte]*sotto.Parcel) error {
	c, err := p.conversation(s.peer)
	if c == nil || err != nil {
		return err
	}
	readers, err := p.readers(c)
	if err != nil || !p.on() {
		return err
	}
	parcels, err := c.Seal(background(), s.id, s.kind, s.body)
	if err != nil {
		return p.refused("seal again", err, p.w.mayRefuse(silent...)...)
	}
	if len(parcels) == 0 {
		return nil
	}
	m := unknown[parcels[len(parcels)-1].ID]
	if m == nil {
		return nil
	}
	p.w.Trace("%s: %s was sealed again", p, s.text)
	s.form.vanish("sealed again")
	err = p.noteForm(s.text, m, readers)
	s.after = p.generation()
	return err
}

// flush brings everything that is pending to the relay.
func (p *Phone) flush() error {
	if !p.on() || p.offline {
		return nil
	}
	if err := p.recognize(); err != nil || !p.on() {
		return err
	}
	parcels, err := p.account.Pending(background())
	if err != nil {
		return p.failed("lists what is pending", err)
	}
	for i := range parcels {
		if err := p.upload(&parcels[i]); err != nil || !p.on() {
			return err
		}
	}
	return nil
}

// upload brings one parcel to the server or the relay, unless fate has it otherwise.
func (p *Phone) upload(m *sotto.Parcel) error {
	fate := p.w.Relay.fate("upload", 8)
	if fate == 1 {
		p.w.Trace("lost: %s of %s", m.Kind, p)
		return nil
	}
	to := m.To
	if fate == 2 && len(to) > 1 {
		to = to[:1+p.w.Choose("to how many", len(to)-1)]
	}
	taken, err := p.w.Relay.take(p, m, to)
	if err != nil || !taken {
		return err
	}
	if fate == 3 {
		p.w.Trace("%s crashes before Delivered", p)
		p.off()
		return nil
	}
	if fate == 4 {
		return nil // the answer is lost
	}
	if len(to) == len(m.To) {
		err = p.account.Delivered(background(), *m)
	} else {
		err = p.account.DeliveredTo(background(), *m, to)
	}
	if s := p.sentAs(m.ID); s != nil {
		s.delivered(to, err)
	}
	if err != nil {
		return p.failed("notes what is delivered", err)
	}
	return nil
}

// delivered notes who has a message, unless that failed.
func (s *sent) delivered(to []device.ID, err error) {
	for _, id := range to {
		if err == nil {
			delete(s.left, id)
		}
	}
	s.loose = s.loose || err != nil
}

// waits reports whether one of the readers has not got a message.
func (s *sent) waits(readers map[device.ID]bool) bool {
	for id := range s.left {
		if readers[id] && !s.loose {
			return true
		}
	}
	return false
}

func (p *Phone) sentAs(id [32]byte) *sent {
	f := p.w.ledger.forms[id]
	for _, s := range p.sent {
		if s.form == f && f != nil {
			return s
		}
	}
	return nil
}

// upkeep does what time asks for. Whether everything was received the phone knows from the relay.
func (p *Phone) upkeep() error {
	if !p.on() || p.offline {
		return nil
	}
	drained := len(p.w.Relay.queues[p.id]) == 0
	before, err := p.account.Report(background())
	if err != nil {
		return p.failed("reports", err)
	}
	if err := p.account.Upkeep(background(), drained); err != nil {
		return p.failed("does its upkeep", err)
	}
	after, err := p.account.Report(background())
	if err != nil {
		return p.failed("reports", err)
	}
	if after.Key != before.Key {
		p.w.Trace("%s renews its messaging key: %d", p, after.Key)
	}
	open := sessionsOf(after)
	for id := range sessionsOf(before) {
		if _, still := open[id]; !still {
			p.w.Trace("%s closes session %s", p, id)
		}
	}
	return p.recognize()
}

// sessionsOf are the open sessions of a report, and when they were opened.
func sessionsOf(r *sotto.Report) map[string]time.Time {
	open := map[string]time.Time{}
	for _, c := range r.Contacts {
		for _, s := range c.Sessions {
			open[s.ID] = s.Opened
		}
	}
	return open
}
