package talk

import (
	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// What people decide about contacts whose logs are not what they were.

// Compare lets a phone hold the whole log of somebody, as the server has it, against the one that it has pinned.
func (w *World) Compare() error {
	p := w.phoneChosen()
	if !p.on() || p.offline {
		return nil
	}
	user := w.userChosen().name
	if user == p.user.name {
		return nil
	}
	if _, err := p.account.Contact(background(), user); err != nil {
		return p.refused("find "+user, err, fault.UntrustedSigner) // whom it does not know it believes
	}
	log := w.Server.Serve(user, 0)
	if w.Server.Evil && w.Choose("another identity", 2) == 1 {
		k, err := device.Generate(user, device.Classical, w.now)
		if err != nil {
			return err
		}
		entry, err := k.Found(nil, w.now)
		if err != nil {
			return err
		}
		w.Trace("the server shows %s another identity of %s", p, user)
		log = [][]byte{entry}
	}
	_, err := p.account.Trust(background(), user, log)
	return p.judged("compare the log of "+user, err)
}

// judged notes what followed from Trust or Acknowledge.
func (p *Phone) judged(what string, err error) error {
	if err != nil {
		p.doubt(nil)
		if err := p.refused(what, err, p.w.mayRefuse(doubts...)...); err != nil || !p.on() {
			return err
		}
	}
	p.doubtful = 0
	return p.collect()
}

// doubts are what a lying server makes of a contact.
var doubts = []fault.Code{fault.Rollback, fault.IdentityChanged, fault.UntrustedSigner, fault.Malformed, fault.RevokedDevice, fault.TooFarAhead}

// collect takes notices that no Receive returned.
func (p *Phone) collect() error {
	events, err := p.account.Unread(background())
	if err != nil {
		return p.failed("looks for notices", err)
	}
	for _, e := range events {
		if g := p.got[e.ID]; e.Kind == sotto.KindMessage || e.Kind == sotto.KindHistory || g != nil && g.acked == 0 {
			continue
		}
		e.Again = false // it is given out for the first time
		p.unacked = append(p.unacked, e)
		if err := p.lookNotice(&e); err != nil {
			return err
		}
	}
	return nil
}

// Acknowledge lets the person with a phone go on with whom it knows.
func (w *World) Acknowledge() error { return w.phoneChosen().acknowledge() }

// acknowledge lets people go on with whom they know.
func (p *Phone) acknowledge() error {
	if !p.on() {
		return nil
	}
	all, err := p.account.Contacts(background())
	if err != nil {
		return p.failed("lists its contacts", err)
	}
	for _, c := range all {
		s, err := c.Standing(background())
		if err != nil {
			return p.failed("looks at a contact", err)
		}
		if s.MaySend() || c.User() == p.user.name {
			continue
		}
		p.w.Trace("%s acknowledges %s", p, c.User())
		_, err = c.Acknowledge(background(), s, s.Pin)
		if err := p.judged("acknowledge "+c.User(), err); err != nil || !p.on() {
			return err
		}
	}
	return nil
}
