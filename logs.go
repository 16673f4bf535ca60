package sotto

import (
	"errors"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/groups"
	"github.com/sottokit/sotto/session"
)

// grow stores a log that has grown, and does what that asks for: what waits for a device that is no longer one is dropped,
// sessions that can never be used again close, and this device keeps step with its own log.
func (v *view) grow(g *directory.Growth) ([]Event, error) {
	c, err := v.users.Apply(v.tx, g)
	if errors.Is(err, directory.ErrMoved) {
		return nil, errStale
	}
	if err != nil || c == nil {
		return nil, err
	}
	if g.Forks() {
		return identityNotices(g.User, c), nil
	}
	events := identityNotices(g.User, c)
	for _, id := range c.Added {
		events = append(events, Event{Kind: KindDeviceAdded, User: g.User, Device: id})
	}
	for _, id := range c.Revoked {
		events = append(events, Event{Kind: KindDeviceRevoked, User: g.User, Device: id})
	}
	if err := v.cutQueue(g.User, c.Revoked); err != nil {
		return nil, err
	}
	if c.Parted {
		if err := v.closeParted(g.User); err != nil {
			return nil, err
		}
	}
	for _, m := range c.Keys {
		if err := v.accepted(g.Log, m); err != nil {
			return nil, err
		}
	}
	if err := v.repairUser(g.Log); err != nil { // some may have been left out until the log was up to date
		return nil, err
	}
	if g.User != v.Account.user {
		return events, nil
	}
	overtaken, err := v.keepStep(g.Log)
	return append(events, overtaken...), err
}

// closeParted closes the sessions that name an entry of a branch which lost: their rosters can never be computed again.
func (v *view) closeParted(user string) error {
	me, err := v.users.User(v.tx, v.Account.user)
	if err != nil || me == nil { // without an own log there are no conversations yet
		return err
	}
	err = v.users.Each(v.tx, func(u *directory.User) error {
		if u.Name != user && user != v.Account.user {
			return nil
		}
		place, err := direct(member(me), member(u))
		if err != nil {
			return err
		}
		return v.closeUnusable(place.ID)
	})
	if err != nil {
		return err
	}
	return groups.Each(v.tx, v.closeUnusable)
}

// closeUnusable closes the sessions of a conversation that cannot be made again from what is stored.
func (v *view) closeUnusable(conversation device.Hash) error {
	open, err := session.List(v.tx, conversation)
	for _, s := range open {
		resumed, failed := v.resume(s.ID)
		resumed.Destroy()
		if errors.Is(failed, fault.UnknownSession) {
			err = errors.Join(err, session.Close(v.tx, s.ID))
		}
	}
	return err
}

// keepStep settles what this device signed for its own log and gives it a messaging key once it is in the log.
func (v *view) keepStep(l *device.Log) ([]Event, error) {
	keys, err := v.keys()
	if err != nil {
		return nil, err
	}
	pending := keys.Pending()
	var events []Event
	err = v.changeKeys(func(k *device.Keys) error {
		if _, err := k.Settle(l); err != nil {
			return err
		}
		if pending != nil && k.Pending() == nil {
			lost, err := v.overtaken(pending)
			if err != nil {
				return err
			}
			if !lost {
				v.settled = true
			} else {
				e := Event{Kind: KindOvertaken, User: v.Account.user, Device: v.Account.Device(), Why: fault.StoreConflict}
				events = append(events, e)
			}
		}
		if l.Standing(k.Record().Cert()) != nil || !k.RotationDue(v.now()) {
			return nil
		}
		return v.rotate(k, l, nil)
	})
	if err != nil {
		return nil, err
	}
	if err := v.fallBack(l); err != nil {
		return nil, err
	}
	return events, v.doDuties(true)
}

// overtaken reports whether an entry that this device signed lost its place in the log to another one.
func (v *view) overtaken(entry []byte) (bool, error) {
	_, seq, err := device.EntryClaim(entry)
	if err != nil {
		return false, err
	}
	held, err := directory.Entry(v.tx, v.Account.user, seq)
	return !slices.Equal(held, entry), err
}
