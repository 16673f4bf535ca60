package sotto

import (
	"context"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/groups"
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
	Groups     []GroupReport
	Outbox     map[ParcelKind]int
	Unread     int
	HeldForLog int // envelopes, and sessions that were shared
	HeldForKey int // messages
}

// ContactReport tells about one contact, or about the own user.
type ContactReport struct {
	Number   int // of the contact, in the order in which they were pinned, from 0
	Log      string
	Mark     string
	Forked   bool
	Devices  int
	WithKey  int // devices that have a messaging key here
	Sessions []SessionReport
}

// GroupReport tells about one group.
type GroupReport struct {
	Number   int // of the group, in the order in which they came, from 0
	Epoch    uint64
	Members  int
	Missing  int // members whose log is not here: nothing can be sealed before
	Status   string
	Branches int
	Pending  int // changes of this device that wait for the server
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
		r = &Report{Now: v.now(), Device: v.Account.Device().String(), Outbox: map[ParcelKind]int{}}
		if err := v.reportKeys(r); err != nil {
			return err
		}
		if err := v.reportUsers(r); err != nil {
			return err
		}
		if err := v.reportGroups(r); err != nil {
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
		c := ContactReport{Number: len(r.Contacts), Log: u.Log.Pin().String(), Mark: u.Trust.Mark.String(), Forked: u.Forked}
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
		c.Sessions, err = v.reportSessions(place.ID)
		r.Contacts = append(r.Contacts, c)
		return err
	})
}

func (v *view) reportSessions(conversation device.Hash) ([]SessionReport, error) {
	var sessions []SessionReport
	open, err := session.List(v.tx, conversation)
	for _, s := range open {
		prefix := s.ID.Prefix()
		sessions = append(sessions, SessionReport{
			ID: prefix.String(), Own: s.Device == v.Account.Device(), Created: shown(s.Created), Opened: s.Opened, Messages: s.Messages,
		})
	}
	return sessions, err
}

func (v *view) reportGroups(r *Report) error {
	return groups.Each(v.tx, func(id device.Hash) error {
		g, err := v.group(id)
		if err != nil {
			return err
		}
		s := g.State
		c := GroupReport{
			Number: len(r.Groups), Epoch: s.Epoch(), Members: len(s.Members()), Status: s.Status().String(),
			Branches: len(s.Branches()), Pending: len(g.Pending),
		}
		for _, m := range s.Members() {
			l, err := v.users.Identity(v.tx, m.User, m.Root)
			if err != nil {
				return err
			}
			if l == nil {
				c.Missing++
			}
		}
		c.Sessions, err = v.reportSessions(id)
		r.Groups = append(r.Groups, c)
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
	}{{inbox, &r.Unread}, {heldEnvelopes, &r.HeldForLog}, {heldShares, &r.HeldForLog}, {heldMessages, &r.HeldForKey}} {
		n, err := q.Count(v.tx)
		if err != nil {
			return err
		}
		*q.count += int(n)
	}
	return nil
}
