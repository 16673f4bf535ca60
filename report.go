package sotto

import (
	"context"
	"time"

	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/session"
)

// Report tells what a person who helps needs to know. There are no secrets in it and no text of messages, nor names of
// contacts; it can be encoded as JSON.
type Report struct {
	Now        time.Time
	Device     string // ID
	Log        string // the own log's pin
	Active     bool   // this device is in its log
	Forked     bool   // the own log has forked
	Pending    bool   // a log entry waits for the server
	Key        uint64 // generation of the messaging key
	KeysKept   int    // messaging keys whose private halves are kept
	Contacts   []ContactReport
	Outbox     map[ParcelKind]int
	Unread     int
	HeldForLog int // envelopes
	HeldForKey int // messages
}

// ContactReport tells about one contact, or about the own user.
type ContactReport struct {
	Number   int // of the contact, in the order in which they were pinned, from 0
	Log      string
	Forked   bool
	Devices  int
	WithKey  int // devices that have a messaging key here
	Sessions []SessionReport
}

// SessionReport tells about an open session of the conversation with a contact.
type SessionReport struct {
	ID       string // the first half
	Own      bool   // this device began it
	Created  time.Time
	Opened   time.Time
	Messages uint64
}

// Report makes a report.
func (a *Account) Report(ctx context.Context) (*Report, error) {
	var r *Report
	err := a.view(ctx, func(v *view) error {
		r = &Report{Now: v.now(), Device: v.Account.device.String(), Outbox: map[ParcelKind]int{}}
		if err := v.reportKeys(r); err != nil {
			return err
		}
		if err := v.reportUsers(r); err != nil {
			return err
		}
		return v.reportQueues(r)
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (v *view) reportKeys(r *Report) error {
	keys, err := v.keys()
	if err != nil {
		return err
	}
	r.Pending, r.Key, r.KeysKept = keys.Pending() != nil, keys.Generation(), len(keys.KeyIDs())
	me, err := v.users.User(v.tx, v.Account.user)
	if err != nil || me == nil {
		return err
	}
	r.Log, r.Forked = me.Log.Pin().String(), me.Forked
	r.Active = me.Log.Standing(keys.Record().Cert()) == nil
	return nil
}

func (v *view) reportUsers(r *Report) error {
	me, err := v.users.User(v.tx, v.Account.user)
	if err != nil || me == nil {
		return err
	}
	return v.users.Each(v.tx, func(u *directory.User) error {
		c := ContactReport{Number: len(r.Contacts), Log: u.Log.Pin().String(), Forked: u.Forked}
		for _, record := range u.Log.Active() {
			c.Devices++
			key, err := directory.Key(v.tx, u.Log, record.ID())
			if err != nil {
				return err
			}
			if key != nil {
				c.WithKey++
			}
		}
		place, err := direct(member(me), member(u))
		if err != nil {
			return err
		}
		open, err := session.List(v.tx, place.ID)
		for _, s := range open {
			prefix := s.ID.Prefix()
			c.Sessions = append(c.Sessions, SessionReport{
				ID: prefix.String(), Own: s.Device == v.Account.device, Created: shown(s.Created), Opened: s.Opened, Messages: s.Messages,
			})
		}
		r.Contacts = append(r.Contacts, c)
		return err
	})
}

func (v *view) reportQueues(r *Report) error {
	for _, q := range []queue.Queue{outbox, messages} {
		err := v.each(q, func(p *parcelFields) error {
			r.Outbox[ParcelKind(p.Kind)]++
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, q := range []struct {
		queue.Queue
		count *int
	}{{inbox, &r.Unread}, {heldEnvelopes, &r.HeldForLog}, {heldMessages, &r.HeldForKey}} {
		n, err := q.Count(v.tx)
		if err != nil {
			return err
		}
		*q.count = int(n)
	}
	return nil
}
