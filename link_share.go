package sotto

import (
	"bytes"
	"context"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/groups"
	"github.com/sottokit/sotto/session"
)

// shareLinked hands what was chosen to devices that were linked. What cannot be done now stays a duty.
func (a *Account) shareLinked(ctx context.Context) error {
	var due []device.ID
	err := a.view(ctx, func(v *view) error {
		due = nil
		all, err := duties.All(v.tx)
		for _, b := range all {
			d, err := readDuty(b)
			if err != nil {
				return err
			}
			if d.Kind == dutyShare {
				due = append(due, d.Device)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range due {
		if err := a.shareWith(ctx, id); aborts(err) {
			return err
		}
	}
	return nil
}

// shareWith gives a device of this user the contacts as they are pinned here, with their marks, and every open session
// that it has no part in: as messages of the notes that go to this device alone.
func (a *Account) shareWith(ctx context.Context, id device.ID) error {
	var contacts, statements [][]byte
	defer func() {
		for _, s := range statements {
			clear(s)
		}
	}()
	err := a.view(ctx, func(v *view) (err error) {
		me, err := v.me()
		if err != nil {
			return err
		}
		contacts, statements = nil, nil
		r, active := me.Log.Device(id)
		if !active { // it was revoked since
			return nil
		}
		if contacts, err = v.contactsToShare(); err != nil {
			return err
		}
		statements, err = v.statementsFor(r)
		return err
	})
	if err != nil {
		return err
	}
	me, err := a.Contact(ctx, a.user)
	if err != nil {
		return err
	}
	notes, err := a.Direct(ctx, me)
	if err != nil {
		return err
	}
	to := []device.ID{id}
	for _, b := range contacts {
		if err := notes.share(ctx, sharedContact, b, to); err != nil {
			return err
		}
	}
	for _, b := range statements {
		if err := notes.share(ctx, sharedSession, b, to); err != nil {
			return err
		}
	}
	return a.update(ctx, func(v *view) error {
		if d, err := v.dutyFor(id); err != nil || d == nil || d.Kind != dutyShare {
			return err
		}
		return duties.Drop(v.tx, dutyID(id))
	})
}

// contactsToShare are the contacts as they are here: with those who are blocked, or the new device would trust them at
// first sight.
func (v *view) contactsToShare() (all [][]byte, err error) {
	err = v.users.Each(v.tx, func(u *directory.User) error {
		if u.Name == v.Account.user {
			return nil
		}
		b, err := directory.TellOf(u).Marshal()
		all = append(all, b)
		return err
	})
	return all, err
}

// statementsFor are those of every conversation's open sessions in which a device of this user has no part.
func (v *view) statementsFor(r *device.Record) (all [][]byte, err error) {
	me, err := v.me()
	if err != nil {
		return nil, err
	}
	add := func(conversation device.Hash) error {
		some, err := v.statementsWithout(conversation, []*device.Record{r})
		all = append(all, some...)
		return err
	}
	err = v.users.Each(v.tx, func(u *directory.User) error {
		c, err := direct(member(me), member(u))
		if err != nil {
			return err
		}
		return add(c.ID)
	})
	if err != nil {
		return all, err
	}
	return all, groups.Each(v.tx, add)
}

// takeContact keeps whom another own device has as a contact, until Trust pins the log. Somebody who is pinned already
// is held against it.
func (v *view) takeContact(in *input, o *session.Opened) error {
	in.event.Kind, in.event.Body, in.event.Type = KindContact, nil, ""
	if o.From.User() != v.Account.user {
		return fmt.Errorf("sotto: contact that is told by another user: %w", fault.UntrustedSigner)
	}
	told, err := directory.ParseTold(o.Content.Body)
	if err != nil {
		return err
	}
	in.event.User = told.User
	u, err := v.users.User(v.tx, told.User)
	if err != nil || told.User == v.Account.user {
		return err
	}
	if u == nil {
		in.event.Needs = []Need{{LogOf: told.User}}
		return directory.Tell(v.tx, o.Place.Sender, told)
	}
	by, err := v.admitter()
	if err != nil || by != o.Place.Sender {
		return err
	}
	c, err := v.users.Hear(v.tx, u, told)
	v.notices = append(v.notices, identityNotices(u.Name, c)...)
	return err
}

// admitter is the device that brought this one into the log: what it says of contacts is what the person chose when
// this one was linked. It is zero for the first device and one that recovered.
func (v *view) admitter() (device.CertID, error) {
	keys, err := v.keys()
	if err != nil {
		return device.CertID{}, err
	}
	entries, err := directory.Entries(v.tx, v.Account.user)
	own := keys.Record().Bytes()
	for _, entry := range entries {
		if by, record, _, err := device.AddClaim(entry); err == nil && bytes.Equal(record, own) {
			return by, nil
		}
	}
	return device.CertID{}, err
}
