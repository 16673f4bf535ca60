package directory

import (
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/trust"
)

// roomTold is [user]: the CertID of the device that said so, and Told, of somebody who is not pinned yet.
const roomTold = "user/told"

// Told is what another device of the own user says of a contact: the log as it is pinned there, and the mark.
type Told struct {
	User  string      `cbor:"1,keyasint"`
	Root  device.Hash `cbor:"2,keyasint"`
	Seq   uint64      `cbor:"3,keyasint"`
	Head  device.Hash `cbor:"4,keyasint"`
	Mark  uint64      `cbor:"5,keyasint"` // numbers of package trust
	Cause uint64      `cbor:"6,keyasint"` // why the mark blocks, or 0
}

const maxTold = 512

// TellOf is what is told of a user who is pinned here.
func TellOf(u *User) *Told {
	return &Told{
		User: u.Name, Root: u.fields.Root, Seq: u.fields.Seq, Head: u.fields.Head,
		Mark: uint64(u.Trust.Mark), Cause: uint64(u.Trust.Cause),
	}
}

// Marshal returns it as it is sent and stored.
func (t *Told) Marshal() ([]byte, error) { return wire.Marshal(t) }

// ParseTold reads what Marshal wrote. Anything else is fault.Malformed.
func ParseTold(b []byte) (*Told, error) {
	t := &Told{}
	if err := wire.Unmarshal("directory: told contact", b, maxTold, t); err != nil {
		return nil, err
	}
	switch {
	case !wire.ValidName(t.User, device.MaxUser), t.Seq >= device.MaxEntries,
		t.Mark < uint64(trust.Unverified), t.Mark > uint64(trust.WasVerified), t.Cause > uint64(trust.Acknowledged),
		trust.Mark(t.Mark).MaySend() != (t.Cause == 0):
		return nil, fmt.Errorf("directory: told contact: %w", fault.Malformed)
	}
	return t, nil
}

// Tell keeps what a device told of somebody who is not pinned, until the log is. The newest word counts.
func Tell(tx *store.Tx, by device.CertID, t *Told) error {
	b, err := t.Marshal()
	if err != nil {
		return err
	}
	tx.Put(toldName(t.User), append(by[:], b...))
	return nil
}

// told returns what was told of a user, nil for nothing: a device that was revoked since has no word any more.
func (d *Directory) told(tx *store.Tx, user string) (*Told, error) {
	b, found, err := tx.Get(toldName(user))
	if err != nil || !found {
		return nil, err
	}
	tx.Delete(toldName(user))
	if len(b) < len(device.CertID{}) {
		return nil, fmt.Errorf("directory: stored word on a contact: %w", fault.Damaged)
	}
	by := device.CertID(b[:len(device.CertID{})])
	name, err := Owner(tx, by)
	if err != nil {
		return nil, err
	}
	teller, err := d.User(tx, name)
	if err != nil || teller == nil || teller.Log.Standing(by) != nil {
		return nil, err
	}
	t, err := ParseTold(b[len(by):])
	if err != nil {
		return nil, fmt.Errorf("directory: stored word on a contact: %w (%v)", fault.Damaged, err)
	}
	return t, nil
}

// Hear holds a user who was trusted at first sight against what another own device told: another identity or branch is
// for people to decide, and what people had compared there counts for the same log here. Whatever people have decided
// here stands.
func (d *Directory) Hear(tx *store.Tx, u *User, t *Told) (*Change, error) {
	if u.Trust.Mark != trust.Unverified {
		return nil, nil
	}
	switch e := since(u.Log, device.Pin{Root: t.Root, Seq: t.Seq, Head: t.Head}); {
	case e == trust.Reset || e == trust.Forked:
		return d.see(tx, u, e)
	case e != trust.Grown || trust.Mark(t.Mark) != trust.Verified:
		return nil, nil
	}
	var err error
	if u.Trust, err = u.Trust.Match(u.Trust.Pin); err != nil {
		return nil, err
	}
	return nil, put(tx, u)
}

// first is the state of a log that is pinned now, and what is to be said of it. A log that an own device has told of is
// trusted as far as there; if it is not the same one nothing is sealed to the user until people have decided.
func (d *Directory) first(tx *store.Tx, l *device.Log) (s trust.State, e trust.Event, n trust.Notice, err error) {
	s = trust.First(l)
	t, err := d.told(tx, l.User())
	if err != nil || t == nil {
		return s, 0, trust.None, err
	}
	s.Mark, s.Cause = trust.Mark(t.Mark), trust.Event(t.Cause)
	switch e = since(l, device.Pin{Root: t.Root, Seq: t.Seq, Head: t.Head}); {
	case e != trust.Grown:
		s, n = s.See(e, l.Pin())
	case s.MaySend():
		e = 0 // what grew is nothing new to somebody who knew nothing
	default:
		e, n = s.Cause, trust.Blocked
	}
	return s, e, n, nil
}

// since tells what happened to a log after the pin that an own device told of.
func since(l *device.Log, told device.Pin) trust.Event {
	err := l.Holds(told)
	then, _ := l.At(told.Seq)
	switch {
	case errors.Is(err, fault.IdentityChanged):
		return trust.Reset
	case errors.Is(err, fault.TooFarAhead):
		return trust.RolledBack
	case err != nil || then == nil:
		return trust.Forked
	}
	return trust.Between(then, l)
}

func toldName(user string) store.Name {
	return store.Name{Room: roomTold, Parts: [][]byte{[]byte(user)}}
}
