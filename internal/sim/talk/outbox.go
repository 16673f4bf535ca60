package talk

import (
	"slices"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
)

// What the app on a phone does with what waits to be sent.

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
		if len(s.left) == 0 && !s.loose || s.after > 0 || s.history {
			continue
		}
		if err := p.recognizeAs(s, unknown); err != nil || !p.on() {
			return err
		}
	}
	return p.recognizeShared(parcels)
}

// recognizeShared takes what is left for sessions that were shared, now or sealed again; not before the phone has asked for
// what it is not sure about.
func (p *Phone) recognizeShared(parcels []sotto.Parcel) error {
	if len(p.unsure) > 0 {
		return nil
	}
	waits := map[[32]byte]bool{}
	for i, m := range parcels {
		waits[m.ID] = true
		if m.Kind != sotto.ParcelMessage || p.w.ledger.forms[m.ID] != nil || !p.shares {
			continue
		}
		if err := p.noteShared(&parcels[i]); err != nil {
			return err
		}
	}
	for _, s := range p.sent {
		if s.history && !waits[s.form.sum] {
			s.form.vanish("sealed again")
		}
	}
	return nil
}

// recognizeAs asks for a message again, whose form may be among the unknown.
func (p *Phone) recognizeAs(s *sent, unknown map[[32]byte]*sotto.Parcel) error {
	c, err := p.place(s.text)
	if c == nil || err != nil {
		return err
	}
	readers, err := p.readers(c, s.text)
	if err != nil || !p.on() {
		return err
	}
	parcels, err := c.Seal(background(), s.id, s.kind, s.body)
	if err != nil {
		return p.refused("seal again", err, p.w.mayRefuse(p.silent(s.text)...)...)
	}
	if len(parcels) == 0 {
		return nil
	}
	m := unknown[parcels[len(parcels)-1].ID]
	if m == nil {
		return nil
	}
	if readers == nil { // it cannot write any more, but it did
		readers = map[device.ID]bool{p.id: true}
		for _, id := range m.To {
			readers[id] = true
		}
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
	note := func(sessions []sotto.SessionReport) {
		for _, s := range sessions {
			open[s.ID] = s.Opened
		}
	}
	for _, c := range r.Contacts {
		note(c.Sessions)
	}
	for _, g := range r.Groups {
		note(g.Sessions)
	}
	return open
}
