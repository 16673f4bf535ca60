package talk

import (
	"bytes"
	"fmt"
	"maps"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
)

// What an app knows of its own store, so that it can be held against it: generations say which commit it was, for when the
// disk is put back.

// sent is a message that the phone sealed.
type sent struct {
	*text
	form  *form
	at    int                // generation
	after int                // generation from which on another form takes its place, 0 for none
	left  map[device.ID]bool // who has not got it
	loose bool               // the disk was put back since, or Delivered failed: left is not known
}

// got is a message that the phone handed out.
type got struct {
	event sotto.Event
	at    int // generation
	acked int // generation, 0 if it was not acknowledged
}

// generation is the number of the last commit.
func (p *Phone) generation() int { return p.disk.States() - 1 }

// putBack forgets what a disk forgot that was put back.
func (l *ledger) putBack(p *Phone, to int) {
	l.lives[p.id]++
	p.acking = nil
	if p.doubtful > to {
		p.doubtful = 0
	}
	clear(p.retired)
	maps.DeleteFunc(p.revoked, func(_ device.ID, at int) bool { return at > to })
	maps.DeleteFunc(p.maybe, func(_ [32]byte, at int) bool { return at > to })
	for id, g := range p.got {
		if g.at > to {
			delete(p.got, id)
		}
		if g.acked > to {
			g.acked = 0
		}
	}
	for f, at := range p.taken {
		if at > to {
			f.lose(p.id, "taken from the queue by a phone whose disk was put back")
			delete(p.taken, f)
		}
	}
	var left []*sent
	for _, s := range p.sent {
		if s.at > to {
			s.form.vanish("sealed by a phone whose disk was put back")
			continue
		}
		if s.after > to {
			s.after = 0
		}
		s.loose = true
		left = append(left, s)
	}
	p.sent = left
}

// vanish notes that a form will not be delivered to whom it has not been delivered yet.
func (f *form) vanish(why string) {
	for id := range f.readers {
		if !f.queued[id] {
			f.lose(id, why)
		}
	}
}

// copied notes that there are two phones that are one device.
func (l *ledger) copied(id device.ID) {
	l.lives[id]++
	l.doubled[id] = true
}

// single notes that a copy is off for ever. What it had and did not show is lost.
func (l *ledger) single(c *Phone) {
	l.lives[c.id]++
	delete(l.doubled, c.id)
	for f := range c.taken {
		f.lose(c.id, "taken from the queue by a copy")
	}
	for _, s := range c.sent {
		s.form.vanish("sealed by a copy")
	}
	for _, t := range c.unsure {
		for _, f := range t.forms {
			f.vanish("sealed by a copy")
		}
	}
}

// reread takes what the store has of messages and notices that were handed out, after a start.
func (p *Phone) reread() error {
	events, err := p.account.Unread(background())
	if err != nil {
		return err
	}
	unread := map[[32]byte]bool{}
	for i := range events {
		unread[events[i].ID] = true
		if err := p.rereadOne(&events[i]); err != nil {
			return fmt.Errorf("unread %s: %w", events[i].Kind, err)
		}
	}
	acking := map[[32]byte]bool{}
	for _, e := range p.acking {
		acking[e.ID] = true
	}
	for id, g := range p.got {
		if g.acked > 0 || unread[id] {
			continue
		}
		if !acking[id] {
			return fmt.Errorf("a %s is gone that was not acknowledged", g.event.Kind)
		}
		g.acked = p.ackedAt
	}
	p.acking, p.unacked, p.doubtful = nil, events, 0
	clear(p.maybe)
	return nil
}

// rereadOne holds an unread event against what was handed out before.
func (p *Phone) rereadOne(e *sotto.Event) error {
	g, known := p.got[e.ID]
	_, maybe := p.maybe[e.ID]
	notice := e.Kind != sotto.KindMessage
	switch {
	case !e.Again:
		return fmt.Errorf("not marked as given out again")
	case known && g.acked > 0:
		return fmt.Errorf("it was acknowledged")
	case known && !same(&g.event, e):
		return fmt.Errorf("another one than before")
	case !known && !maybe && (!notice || p.doubtful == 0):
		return fmt.Errorf("it never came")
	}
	if notice {
		return p.lookNotice(e)
	}
	p.note(e)
	return p.w.ledger.handOut(p, e)
}

// note keeps what was handed out. A notice may come a second time, when the same happened again.
func (p *Phone) note(e *sotto.Event) {
	if g := p.got[e.ID]; g != nil && g.acked == 0 {
		g.event = *e
		return
	}
	at := p.generation()
	if failed, maybe := p.maybe[e.ID]; maybe {
		at = failed
	} else if e.Again {
		at = p.doubtful
	}
	p.got[e.ID] = &got{event: *e, at: at}
	delete(p.taken, p.w.ledger.forms[e.ID])
}

// same reports whether two events are one, given out twice.
func same(a, b *sotto.Event) bool {
	return a.Message == b.Message && a.Conversation == b.Conversation && a.User == b.User && a.Device == b.Device &&
		a.Type == b.Type && bytes.Equal(a.Body, b.Body) && max(0, a.Sent.Unix()) == max(0, b.Sent.Unix()) && a.Counter == b.Counter && a.Skipped == b.Skipped
}
