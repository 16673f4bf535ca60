package talk

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/session"
)

// memory is what the app on a phone remembers, and what must be known to hold its store against it, whatever becomes of the
// store. Numbers are generations: they say which commit it was, for when the disk is put back.
type memory struct {
	unsure   []*text                 // it is not known whether Seal worked
	sent     []*sent                 // messages of this phone
	got      map[[32]byte]*got       // messages and notices that were handed out, by ID
	taken    map[*form]int           // messages that the store may have and that were not handed out yet
	maybe    map[[32]byte]int        // what a Receive that failed may have handed out
	doubtful int                     // of such a Receive since the start, 0 for none
	acking   []sotto.Event           // Ack of these failed and may have become durable
	ackedAt  int                     // of that
	revoked  map[device.ID]int       // devices that it knows to be revoked
	retired  map[session.Prefix]bool // sessions that were open when it noticed that it was put back
	shares   bool                    // it has shared history, which Upkeep may seal again
	behind   bool                    // the server shows a newer messaging key than the store had when it was put back
}

func newMemory() memory {
	return memory{
		got: map[[32]byte]*got{}, taken: map[*form]int{}, maybe: map[[32]byte]int{}, revoked: map[device.ID]int{},
		retired: map[session.Prefix]bool{},
	}
}

// clone is the memory of a phone that was copied. What the server shows the other one is for the other one to notice.
func (m *memory) clone() memory {
	c := *m
	c.unsure, c.sent, c.got, c.behind = slices.Clone(m.unsure), nil, map[[32]byte]*got{}, false
	c.taken, c.maybe = maps.Clone(m.taken), maps.Clone(m.maybe)
	c.revoked, c.retired = maps.Clone(m.revoked), maps.Clone(m.retired)
	for id, g := range m.got {
		same := *g
		c.got[id] = &same
	}
	for _, s := range m.sent {
		same := *s
		same.left = maps.Clone(s.left)
		c.sent = append(c.sent, &same)
	}
	return c
}

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
	at    int // generation; of a Receive that made several commits the first one
	last  int // and the last one
	acked int // generation, 0 if it was not acknowledged
}

// generation is the number of the last commit.
func (p *Phone) generation() int { return p.disk.States() - 1 }

// first is the first commit of the Receive whose events are looked at, else the last commit.
func (p *Phone) first() int {
	if p.began > 0 {
		return min(p.began+1, p.generation())
	}
	return p.generation()
}

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
		if g.last > to {
			delete(p.got, id)
			if g.at <= to { // the store may have it or not
				p.maybe[id] = g.at
			}
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
	notice := e.Kind != sotto.KindMessage && e.Kind != sotto.KindHistory
	anew := notice && p.doubtful > 0 // the same may have happened once more
	switch {
	case !e.Again:
		return fmt.Errorf("not marked as given out again")
	case known && g.acked > 0 && !anew:
		return fmt.Errorf("it was acknowledged")
	case known && !same(&g.event, e):
		return fmt.Errorf("another one than before")
	case !known && !maybe && !anew:
		return fmt.Errorf("it never came")
	}
	if notice {
		return p.lookNotice(e)
	}
	p.note(e)
	if e.Kind == sotto.KindHistory {
		return nil
	}
	return p.w.ledger.handOut(p, e)
}

// note keeps what was handed out. A notice may come a second time, when the same happened again.
func (p *Phone) note(e *sotto.Event) {
	if g := p.got[e.ID]; g != nil && g.acked == 0 {
		g.event = *e
		return
	}
	at := p.first()
	if failed, maybe := p.maybe[e.ID]; maybe {
		at = failed
	} else if e.Again {
		at = p.doubtful
	}
	p.got[e.ID] = &got{event: *e, at: at, last: max(at, p.generation())}
	delete(p.taken, p.w.ledger.forms[e.ID])
}

// same reports whether two events are one, given out twice.
func same(a, b *sotto.Event) bool {
	return a.Kind == b.Kind && a.Why == b.Why && a.Message == b.Message && a.Conversation == b.Conversation &&
		a.User == b.User && a.Device == b.Device && a.Type == b.Type && bytes.Equal(a.Body, b.Body) && a.Sent.Equal(b.Sent) &&
		a.Counter == b.Counter && a.Skipped == b.Skipped
}
