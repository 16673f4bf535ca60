package sotto

import (
	"context"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/groups"
	"github.com/sottokit/sotto/session"
)

// Revocation tells how far the end of a device of this user has come.
type Revocation struct {
	Device  device.ID
	Listed  bool       // the own log says so, as it is known here
	Waiting []Rotation // conversations whose newest key the device still has
}

// Rotation is a conversation that needs a new key.
type Rotation struct {
	Conversation device.Hash
	User         string     // the other one, or the own user of the notes; "" in a group
	Why          fault.Code // why it has none yet; 0 as long as the log entry is on its way
}

// Done reports whether the device is out: the own log says so, and no conversation goes on with a key that it has. What
// others send is beyond this: their next message has a new key as soon as they see the log.
func (r *Revocation) Done() bool { return r != nil && r.Listed && len(r.Waiting) == 0 }

// Revoke ends a device of this user; it may be this one, which then is never Done, because it cannot give a
// conversation a new key any more: other devices do. Call it until Done: the first call signs the log entry, which goes
// the way of Admit's, and once Receive has brought the own log with it a further call gives a new session to every
// conversation that the device has part in. Where that fails, Rotation.Why says why, and the next call tries again. The
// decision is kept: an entry that waits behind another one of this device, or that loses its place to one of another
// device, is signed by itself as soon as it can be.
//
// Contacts drop the device when they see the entry, and what it signs later is refused by all who have, whatever the
// date in it. Without a recovery key, revoking the last device ends the account. A device that never was one of this
// user's is fault.Misuse, a log that has forked fault.LogFork; a device that was revoked itself cannot revoke
// (fault.RevokedDevice), and whoever has the recovery key can: see Recover.
func (a *Account) Revoke(ctx context.Context, id device.ID) (*Revocation, error) {
	r := &Revocation{Device: id}
	err := a.update(ctx, func(v *view) (err error) {
		r.Listed, err = v.revoke(id)
		return err
	})
	if err != nil {
		return nil, err
	}
	var places []readable
	err = a.view(ctx, func(v *view) (err error) {
		places, err = v.readableBy(id)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		left := Rotation{Conversation: p.place.id(), User: p.user}
		if r.Listed {
			err := a.rotateSession(ctx, p.place)
			if err == nil {
				continue
			}
			if aborts(err) {
				return nil, err
			}
			left.Why = fault.Of(err)
		}
		r.Waiting = append(r.Waiting, left)
	}
	if !r.Listed {
		return r, nil
	}
	if err := a.update(ctx, func(v *view) error { return v.sealAnewWithout(id) }); err != nil {
		return nil, err
	}
	return r, a.sealAgain(ctx)
}

// sealAnewWithout lets messages that wait under a key which a device of this user has be sealed again.
func (v *view) sealAnewWithout(id device.ID) error {
	return v.sealAnew(func(p *parcelFields) (bool, error) {
		s, err := v.session(*p.Session)
		if fault.Of(err) == fault.UnknownSession {
			return false, nil
		}
		return err == nil && v.isFor(s, id), err
	})
}

// revoke makes it a duty to revoke a device, and reports whether that was done before.
func (v *view) revoke(id device.ID) (listed bool, err error) {
	me, err := v.me()
	if err != nil {
		return false, err
	}
	r, active := me.Log.Device(id)
	if r == nil {
		return false, fmt.Errorf("sotto: no device of this user: %w", fault.Misuse)
	}
	if !active {
		return true, nil
	}
	if me.Forked {
		return false, errForked
	}
	if err := v.mayWrite(session.Logs{v.Account.user: me.Log}); err != nil {
		return false, err
	}
	if err := v.putDuty(&duty{Device: id, Kind: dutyRevoke}); err != nil {
		return false, err
	}
	return false, v.doDuties(true)
}

// readable is a conversation of which a device has the newest key.
type readable struct {
	place place
	user  string
}

// readableBy finds the conversations that a device of this user can read along in: they have an open session for it,
// and none without it to send on. Those in which nothing is ever sealed again are left out.
func (v *view) readableBy(id device.ID) ([]readable, error) {
	me, err := v.me()
	if err != nil {
		return nil, err
	}
	var all []readable
	look := func(p place, user string) error {
		reads, err := v.reads(p, id)
		if err == nil && reads {
			all = append(all, readable{p, user})
		}
		return err
	}
	err = v.users.Each(v.tx, func(u *directory.User) error {
		c, err := direct(member(me), member(u))
		if err != nil {
			return err
		}
		return look(place{direct: c}, u.Name)
	})
	if err != nil {
		return nil, err
	}
	return all, groups.Each(v.tx, func(group device.Hash) error { return look(place{group: group}, "") })
}

// reads reports whether a device of this user can read the next message of a conversation as it stands.
func (v *view) reads(where place, id device.ID) (bool, error) {
	has, err := v.hasSession(where.id(), id)
	if err != nil || !has {
		return false, err
	}
	w, err := v.crew(where)
	switch fault.Of(err) {
	case 0:
	case fault.Expired, fault.UntrustedSigner: // a group is over, or this user is no member any more; a contact is only blocked
		return where.direct != nil, nil
	default:
		if aborts(err) {
			return false, err
		}
		return true, nil
	}
	if err != nil {
		return false, err
	}
	best, why, err := v.best(w)
	if err != nil || why != session.None {
		return true, err
	}
	s, err := v.session(best)
	if err != nil {
		return false, err
	}
	return v.isFor(s, id), nil
}

// hasSession reports whether an open session of a conversation is for a device of this user.
func (v *view) hasSession(conversation device.Hash, id device.ID) (bool, error) {
	open, err := session.List(v.tx, conversation)
	if err != nil {
		return false, err
	}
	for _, o := range open {
		s, err := v.session(o.ID)
		if fault.Of(err) == fault.UnknownSession {
			continue
		}
		if err != nil {
			return false, err
		}
		if v.isFor(s, id) {
			return true, nil
		}
	}
	return false, nil
}

// isFor reports whether a session is for a device of this user.
func (v *view) isFor(s *session.Session, id device.ID) bool {
	for _, cert := range s.Roster().Certs() {
		if r, _ := s.Roster().Find(cert); r.User() == v.Account.user && r.ID() == id {
			return true
		}
	}
	return false
}

// rotateSession begins a session where a new one is due.
func (a *Account) rotateSession(ctx context.Context, where place) error {
	return a.retry(func() error {
		b, err := a.prepareSession(ctx, where, false)
		if err != nil {
			return err
		}
		defer b.drop()
		return a.update(ctx, func(v *view) error {
			_, err := v.sessionFor(where, b)
			return err
		})
	})
}
