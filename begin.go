package sotto

import (
	"context"
	"fmt"
	"maps"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/session"
)

// begun is a session that was prepared, and the state of the store that it was prepared for.
type begun struct {
	crew    *crew
	session *session.Session // nil when one that is there serves
	seal    []byte           // its envelope, nil when no device has a key
	to      []device.ID
	left    []*device.Record // devices that have no key, or of members to whom nothing is sealed
}

func (b *begun) drop() {
	if b.session != nil {
		b.session.Destroy()
	}
}

// prepareSession begins a session if a new one is due, or a fresh one is wanted in any case, and seals it to every device:
// the costly part, before the transaction.
func (a *Account) prepareSession(ctx context.Context, where place, fresh bool) (*begun, error) {
	b := &begun{}
	var prev *session.ID
	var targets []*device.MessagingKey
	var keys *device.Keys
	due := false
	err := a.view(ctx, func(v *view) (err error) {
		*b, targets, prev = begun{}, nil, nil
		if b.crew, err = v.crew(where); err != nil {
			return err
		}
		if a.hybrid && b.crew.roster.Suite() != device.Hybrid {
			return fmt.Errorf("sotto: a device of the conversation cannot do suite 2: %w", fault.UnsupportedVersion)
		}
		_, why, err := v.best(b.crew)
		if due = fresh || why != session.None; err != nil || !due {
			return err
		}
		if keys, err = v.keys(); err != nil {
			return err
		}
		if open, err := session.List(v.tx, where.id()); err != nil {
			return err
		} else if len(open) > 0 {
			prev = &open[len(open)-1].ID
		}
		targets, err = b.choose(v)
		return err
	})
	if err != nil || !due {
		return b, err
	}
	a.use.RLock()
	defer a.use.RUnlock()
	if b.session, err = session.Begin(keys, b.crew.place, a.policy, prev, a.now(), b.crew.logs); err != nil {
		return nil, err
	}
	if len(targets) > 0 {
		b.seal, err = b.session.SealTo(targets...)
	}
	return b, err
}

// choose finds the messaging key of every device. Devices without one are left out, and those of members to whom nothing is
// sealed.
func (b *begun) choose(v *view) ([]*device.MessagingKey, error) {
	var targets []*device.MessagingKey
	for _, cert := range b.crew.roster.Certs() {
		record, _ := b.crew.roster.Find(cert)
		m, err := b.keyOf(v, record)
		if err != nil {
			return nil, err
		}
		if m == nil {
			b.left = append(b.left, record)
			continue
		}
		targets = append(targets, m)
		if !v.isOwn(record) {
			b.to = append(b.to, record.ID())
		}
	}
	return targets, nil
}

// keyOf is the key to seal to, nil for a device that is left out.
func (b *begun) keyOf(v *view, r *device.Record) (*device.MessagingKey, error) {
	if b.crew.without[r.User()] != 0 {
		return nil, nil
	}
	return directory.Key(v.tx, b.crew.logs[r.User()], r.ID())
}

// keepBegun stores a session that was prepared, and puts its envelope into the outbox.
func (v *view) keepBegun(b *begun) error {
	for _, r := range b.left {
		if m, err := b.keyOf(v, r); err != nil {
			return err
		} else if m != nil { // it came meanwhile
			return errStale
		}
	}
	if _, err := session.Keep(v.tx, b.session, v.now()); err != nil {
		return err
	}
	id := b.session.ID()
	for _, r := range b.left {
		if err := v.leaveOut(r.Cert(), id); err != nil {
			return err
		}
	}
	if err := v.putWithout(id, b.crew.without); err != nil {
		return err
	}
	if err := v.hearOwn(b.crew.place); err != nil {
		return err
	}
	if len(b.to) == 0 {
		return nil
	}
	conversation := b.session.Conversation()
	p := &parcelFields{Kind: string(ParcelEnvelope), Data: b.seal, Conversation: &conversation, Session: &id}
	p.setTo(b.to)
	return v.putParcel(p)
}

// sameCrew is errStale when others read the next message by now than those whom a session was prepared for.
func (v *view) sameCrew(where place, b *begun) error {
	w, err := v.crew(where)
	if err != nil {
		return err
	}
	if !w.place.SameState(b.crew.place) || w.roster.Version() != b.crew.roster.Version() || !maps.Equal(w.without, b.crew.without) {
		return errStale
	}
	return nil
}

// sessionFor is the session to seal on now: one that is there, or the one that was prepared, which is kept then.
func (v *view) sessionFor(where place, b *begun) (session.ID, error) {
	if err := v.sameCrew(where, b); err != nil {
		return session.ID{}, err
	}
	id, why, err := v.best(b.crew)
	if err != nil || why == session.None {
		return id, err
	}
	if b.session == nil {
		return session.ID{}, errStale
	}
	return b.session.ID(), v.keepBegun(b)
}
