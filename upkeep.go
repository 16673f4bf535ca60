package sotto

import (
	"context"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/session"
)

// Upkeep does what time asks for; an app calls it about once an hour while it is in contact with its server, and says
// whether everything that waited there was received. The messaging key is renewed every week, and an old one wiped after a
// week on line. Sessions close when they are over and nothing waits any more, and their secrets are erased. A message that
// waits in the outbox until a day after its session's age is sealed again for whoever has not got it: its Parcel is another
// one then, and who got both sees the same Message ID twice.
func (a *Account) Upkeep(ctx context.Context, drained bool) error {
	var closed []session.ID
	err := a.update(ctx, func(v *view) (err error) {
		if err := v.renewKeys(); err != nil {
			return err
		}
		if err := v.dropFormer(); err != nil {
			return err
		}
		if err := v.doDuties(false); err != nil {
			return err
		}
		over, err := session.Online(v.tx, drained, v.now())
		if err != nil {
			return err
		}
		for _, id := range over {
			v.tx.Delete(withoutName(id))
		}
		closed = nil
		for _, id := range v.known.ids() { // closed now, or by whoever shares the store
			_, open, err := session.Statement(v.tx, id)
			if err != nil {
				return err
			}
			if !open {
				closed = append(closed, id)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range closed {
		a.chains.Forget(id)
		a.aside.Forget(id)
	}
	a.use.Lock()
	a.known.dropSessions(closed)
	a.known.wipe()
	a.use.Unlock()
	if err := a.announce(ctx); err != nil {
		return err
	}
	if err := a.shareLinked(ctx); err != nil {
		return err
	}
	return a.sealAgain(ctx)
}

// renewKeys counts the time on line of the messaging keys and renews the newest one when it is due.
func (v *view) renewKeys() error {
	me, err := v.users.User(v.tx, v.Account.user)
	if err != nil {
		return err
	}
	return v.changeKeys(func(k *device.Keys) error {
		if _, err := k.Online(v.now()); err != nil {
			return err
		}
		if me == nil || me.Log.Standing(k.Record().Cert()) != nil || !k.RotationDue(v.now()) {
			return nil
		}
		return v.rotate(k, me.Log, nil)
	})
}

// sealAgain seals every message that waits in the outbox for a session that is over, one commit each. Envelopes stay: who
// got the messages may still wait for them.
func (a *Account) sealAgain(ctx context.Context) error {
	var late []*parcelFields
	err := a.view(ctx, func(v *view) error {
		late = nil
		return v.each(messages, func(p *parcelFields) error {
			over, err := session.Over(v.tx, *p.Session, v.now())
			if err == nil && over {
				late = append(late, p)
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	for _, p := range late {
		if err := a.sealLate(ctx, p); aborts(err) { // who cannot write now keeps what waits
			return err
		}
	}
	return nil
}

// sealLate seals one of them on a session that is open, for the devices that have not got it.
func (a *Account) sealLate(ctx context.Context, p *parcelFields) error {
	m := &session.Content{
		ID: session.MessageID(*p.Message), Sent: time.Unix(int64(p.Sent), 0), Type: p.Type, Body: p.Body,
	}
	return a.retry(func() error {
		where, found, err := a.placeOf(ctx, *p.Conversation)
		if err != nil || !found {
			return err
		}
		b, err := a.prepareSession(ctx, where, false)
		if err != nil {
			return err
		}
		defer b.drop()
		return a.update(ctx, func(v *view) error {
			stored, found, err := messages.Get(v.tx, p.id())
			if err != nil || !found {
				return err
			}
			waits, err := readParcel(stored)
			if err != nil {
				return err
			}
			if err := messages.Drop(v.tx, p.id()); err != nil {
				return err
			}
			_, err = v.seal(where, b, m, waits.to())
			return err
		})
	})
}

// placeOf finds a conversation by its ID. There is none when it is with nobody who is a contact, and of no group.
func (a *Account) placeOf(ctx context.Context, id device.Hash) (where place, found bool, err error) {
	err = a.view(ctx, func(v *view) error {
		where = place{}
		if found, err = v.isGroup(id); err != nil || found {
			where.group = id
			return err
		}
		me, err := v.me()
		if err != nil {
			return err
		}
		return v.users.Each(v.tx, func(u *directory.User) error {
			c, err := direct(member(me), member(u))
			if err == nil && c.ID == id {
				where, found = place{direct: c}, true
			}
			return err
		})
	})
	return where, found, err
}
