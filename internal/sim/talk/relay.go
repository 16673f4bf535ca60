package talk

import (
	"fmt"
	"slices"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/session"
)

// Relay carries what devices send each other, with a queue for each device. It sees which users a parcel is about and no
// more. A calm one brings everything once and in order.
type Relay struct {
	w      *World
	calm   bool
	Lies   bool // it gives parcels to whom they are not for, and alters them
	queues map[device.ID][]*item
	old    []*item // the newest of what it ever had
}

// item waits in a queue.
type item struct {
	what  string
	data  []byte
	users []string // who talk, of a message
	form  *form    // of a message, nil for anything else or for bytes that were altered
}

// String says what it is.
func (it *item) String() string {
	if it == nil {
		return "something that was held"
	}
	return it.what
}

// maxOld bounds what a relay keeps to bring it once more.
const maxOld = 64

// fate is 0 as a rule.
func (r *Relay) fate(what string, n int) int {
	if r.calm {
		return 0
	}
	return r.w.Choose("fate of "+what, n)
}

// take takes a parcel of a phone. It reports whether it is done with it: one that comes too early is offered again.
func (r *Relay) take(p *Phone, m *sotto.Parcel, to []device.ID) (bool, error) {
	switch m.Kind {
	case sotto.ParcelLog:
		r.w.Server.Post(p.user.name, m.Data)
		return true, nil
	case sotto.ParcelKey:
		return r.w.Server.Publish(p.user.name, p.id, m.Data), nil
	case sotto.ParcelGroup:
		return r.takeEntry(p, m.Data)
	case sotto.ParcelEnvelope:
		return true, r.takeEnvelope(p, m, to)
	}
	f := r.w.ledger.forms[m.ID]
	if f == nil {
		return false, fmt.Errorf("%s sends a message that nobody wrote", p)
	}
	for _, id := range to {
		if !f.readers[id] {
			return false, fmt.Errorf("%s sends %s to a device that is no reader", p, f)
		}
		f.queued[id] = true
		r.put(id, &item{what: f.String(), data: m.Data, users: f.users, form: f})
	}
	if f.room != nil {
		f.room.said = append(f.room.said, &item{what: f.String() + " from before", data: m.Data, users: f.users, form: f})
	}
	return true, nil
}

func (r *Relay) takeEnvelope(p *Phone, m *sotto.Parcel, to []device.ID) error {
	if err := r.w.ledger.noteIV(m.Data); err != nil {
		return fmt.Errorf("%s sends an envelope: %w", p, err)
	}
	id, err := session.EnvelopeID(m.Data)
	if err != nil {
		return fmt.Errorf("%s sends an envelope: %w", p, err)
	}
	for _, d := range to {
		r.w.ledger.gave[giving{id.Prefix(), p.id, r.userOf(d)}] = true
		data, err := r.strip(m.Data, d)
		if err != nil {
			return err
		}
		if r.put(d, &item{what: "session " + id.Prefix().String(), data: data}) {
			r.w.ledger.bring(id.Prefix(), d)
		}
	}
	return nil
}

// strip leaves of an envelope what is for one device, now and then.
func (r *Relay) strip(envelope []byte, to device.ID) ([]byte, error) {
	if r.fate("envelope", 2) == 0 {
		return envelope, nil
	}
	ids, err := session.Recipients(envelope)
	if err != nil {
		return nil, err
	}
	m, err := r.w.Server.Log(r.userOf(to)).AcceptKey(to, r.w.Server.Newest(to), nil)
	if err != nil || !slices.Contains(ids, m.ID()) {
		return envelope, nil
	}
	return session.Strip(envelope, m.ID())
}

// members are the users of a conversation.
func members(user, peer string) []string {
	if user == peer {
		return []string{user}
	}
	return []string{user, peer}
}

// userOf returns whose device it is.
func (r *Relay) userOf(id device.ID) string {
	for _, u := range r.w.users {
		for _, p := range u.phones {
			if p.id == id {
				return u.name
			}
		}
	}
	return ""
}

// request carries the question of a phone to all devices of some users.
func (r *Relay) request(p *Phone, request []byte, users ...string) {
	for _, user := range users {
		for _, d := range r.w.Server.Log(user).Active() {
			if d.ID() != p.id {
				r.put(d.ID(), &item{what: "request of " + p.name, data: request})
			}
		}
	}
}

// put puts something into a queue, and reports false when it gets lost there.
func (r *Relay) put(to device.ID, it *item) bool {
	r.old = append(r.old, it)
	r.old = r.old[max(0, len(r.old)-maxOld):]
	switch r.fate("parcel", 16) {
	case 1:
		r.w.Trace("the relay loses %s for %s", it, r.w.phoneOf(to))
		if it.form != nil {
			it.form.lose(to, "lost by the relay")
		}
		return false
	case 2:
		r.queues[to] = append(r.queues[to], it)
	}
	r.queues[to] = append(r.queues[to], it)
	return true
}

// Mix brings something once more, to anybody, and perhaps altered.
func (r *Relay) Mix() error {
	if len(r.old) == 0 {
		return nil
	}
	it := *r.old[r.w.Choose("what comes again", len(r.old))]
	p := r.w.phoneChosen()
	it.what += " once more"
	if r.Lies && r.w.Choose("alter it", 2) == 1 {
		it.what = "altered " + it.what
		it.data, it.form = altered(it.data, r.w.Choose("byte that is altered", len(it.data))), nil
	}
	r.w.Trace("the relay gives %s %s", p, &it)
	r.queues[p.id] = append(r.queues[p.id], &it)
	return nil
}

func altered(data []byte, at int) []byte {
	b := slices.Clone(data)
	b[at] ^= 1
	return b
}
