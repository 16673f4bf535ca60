package sotto

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/secret"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/store"
)

// LinkOffer adds a device to this account: link.Old together with the account that it is for, so that each step does
// what it asks of the account, too. It is safe for concurrent use; the zero value and nil are attempts that were
// aborted.
//
// It lives in memory only. A device that was signed for and did not come to be is revoked: at once by Cancel, otherwise
// by Receive or Upkeep when link.Life is over, also when the app had ended in the middle. They wait until the server
// has shown this device's key.
type LinkOffer struct {
	_ [0]func()
	redacted
	account *Account
	old     *link.Old
	began   time.Time

	mu       sync.Mutex // one step at a time
	pin      device.Pin // of the own log that the person confirmed with
	entry    []byte     // by which this device added the new one
	last     []byte     // the last message, once it was made
	finished bool       // the device may stay

	undone atomic.Bool // the device was revoked before it was finished
}

// maxOffers bounds how many attempts a day a device begins.
const maxOffers = 10

// OfferLink begins to add a device, with a QR code. What the new device gets of the time before it is chosen here,
// there is no default: link.Nothing, link.Sessions or link.SessionsAndVault. More than 10 attempts a day are
// fault.OverLimit; a device that cannot sign for another one is fault.RevokedDevice, fault.LogFork or fault.Misuse.
func (a *Account) OfferLink(ctx context.Context, c link.Choice) (*LinkOffer, error) {
	return a.offer(ctx, func(me *device.Record, now time.Time) (*link.Old, error) { return link.Offer(me, c, now) })
}

// OfferLinkCode does it with a short code, for a device without a camera: see link.OfferCode.
func (a *Account) OfferLinkCode(ctx context.Context, nameplate string, c link.Choice) (*LinkOffer, error) {
	return a.offer(ctx, func(me *device.Record, now time.Time) (*link.Old, error) {
		return link.OfferCode(nameplate, me, c, now)
	})
}

func (a *Account) offer(ctx context.Context, begin func(*device.Record, time.Time) (*link.Old, error)) (*LinkOffer, error) {
	var made *link.Old
	var over error
	o := &LinkOffer{account: a}
	err := a.update(ctx, func(v *view) error {
		if _, err := v.mayChange(); err != nil {
			return err
		}
		keys, err := v.keys()
		if err != nil {
			return err
		}
		o.began = v.now()
		if over, err = v.countOffer(); err != nil || over != nil {
			return err
		}
		made.Cancel() // of a transaction that ran before
		made, err = begin(keys.Record(), o.began)
		return err
	})
	if err == nil {
		err = over
	}
	if err != nil {
		made.Cancel()
		return nil, err
	}
	o.redacted, o.old = secret.Redact("sotto.LinkOffer", nil), made
	return o, nil
}

// countOffer counts an attempt. Times ahead of now were noted while the clock was wrong, and are now.
func (v *view) countOffer() (over, err error) {
	name := store.Name{Room: roomOffers}
	b, _, err := v.tx.Get(name)
	if err != nil {
		return nil, err
	}
	now := uint64(max(0, v.now().Unix()))
	day := uint64((24 * time.Hour) / time.Second)
	var recent []byte
	for ; len(b) >= 8; b = b[8:] {
		if at := min(binary.BigEndian.Uint64(b), now); now-at < day {
			recent = binary.BigEndian.AppendUint64(recent, at)
		}
	}
	if len(recent) >= maxOffers*8 {
		over = fmt.Errorf("sotto: %d devices were offered to link today: %w", maxOffers, fault.OverLimit)
	} else {
		recent = binary.BigEndian.AppendUint64(recent, now)
	}
	v.tx.Put(name, recent)
	return over, nil
}

const roomOffers = "link/offers" // when attempts began, 8 bytes each

var errNoOffer = fmt.Errorf("sotto: no attempt to link a device: %w", fault.Misuse)

// Receive takes a message of the new device: see link.Old.Receive. With the third one this device signs the log entry
// that adds the new one, which goes the way of Admit's; while another entry is pending, or the own log has grown since
// Confirm, that cannot be done and the attempt is over (fault.Misuse, fault.StoreConflict). With the last one both
// sides are done, and what was chosen goes to the new device by itself, in the notes. If the store failed, the same
// message again does the rest.
func (o *LinkOffer) Receive(ctx context.Context, message []byte) (send []byte, err error) {
	if o == nil || o.account == nil {
		return nil, errNoOffer
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	send, err = o.old.Receive(message, o.account.now())
	again := errors.Is(err, fault.Replayed)
	if err != nil && !again {
		return nil, o.lost(ctx, err)
	}
	switch state := o.old.State(o.account.now()); {
	case state == link.Admitting && o.entry == nil:
		return nil, o.sign(ctx)
	case state == link.Done && !o.finished:
		if !again {
			o.last = send
		}
		if err := o.finish(ctx); err != nil {
			return nil, err
		}
		return o.last, nil
	}
	return send, err
}

// Confirm takes the six digits that the person read on the new device: see link.Old.Confirm. What is no six digits is
// fault.Misuse and uses nothing up. The own log should be up to date: the new device goes on only if the server has the
// same.
func (o *LinkOffer) Confirm(ctx context.Context, digits string) (send []byte, err error) {
	if o == nil || o.account == nil {
		return nil, errNoOffer
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var l *device.Log
	err = o.account.view(ctx, func(v *view) error {
		me, err := v.me()
		if err != nil {
			return err
		}
		keys, err := v.keys()
		if err == nil && keys.Pending() != nil && o.State() == link.Asking {
			err = errPending // before the one try is used up
		}
		l = me.Log
		return err
	})
	if err != nil {
		return nil, err
	}
	if send, err = o.old.Confirm(digits, l, o.account.now()); err == nil {
		o.pin = l.Pin()
	}
	return send, err
}

// sign signs the log entry that adds the new device, and makes it a duty to revoke the device if nothing comes of it.
func (o *LinkOffer) sign(ctx context.Context) error {
	r, _ := o.old.Candidate()
	var entry []byte
	err := o.account.update(ctx, func(v *view) error {
		me, err := v.me()
		if err != nil {
			return err
		}
		keys, err := v.keys()
		if err != nil {
			return err
		}
		entry = keys.Pending()
		if _, record, _, err := device.AddClaim(entry); err == nil && bytes.Equal(record, r.Bytes()) {
			return nil // it was committed although that reported a failure
		}
		switch {
		case entry != nil:
			return errPending
		case me.Forked:
			return errForked
		case me.Log.Pin() != o.pin:
			return fmt.Errorf("sotto: the own log has grown since the digits were typed: %w", fault.StoreConflict)
		case v.hybrid && r.Suite() != device.Hybrid:
			return fmt.Errorf("sotto: the new device cannot do suite 2: %w", fault.UnsupportedVersion)
		}
		if err := v.checkID(r.ID()); err != nil {
			return err
		}
		err = v.changeKeys(func(k *device.Keys) (err error) {
			entry, err = me.Log.Add(k, r, v.now())
			return err
		})
		if err != nil {
			return err
		}
		from := uint64(max(0, o.began.Unix()))
		return v.putDuty(&duty{Device: r.ID(), Kind: dutyLink, From: from, Until: from + uint64(link.Life/time.Second)})
	})
	if err != nil {
		if !errors.Is(err, fault.StoreFailed) && !errors.Is(err, fault.Canceled) {
			o.old.Cancel()
		}
		return err
	}
	o.entry = entry
	return nil
}

// checkID refuses a device ID that a contact's device has: a server may not take the entry, and would hold up all that
// follow.
func (v *view) checkID(id device.ID) error {
	return v.users.Each(v.tx, func(u *directory.User) error {
		if r, _ := u.Log.Device(id); r != nil {
			return fmt.Errorf("sotto: the new device has an ID that is taken: %w", fault.Malformed)
		}
		return nil
	})
}

// Admitted says that the server has the log entry, and Receive of the account has brought it: see link.Old.Admitted, of
// which nonce and ticket are. fault.TooFarAhead says that the own log does not have it yet; fault.StoreConflict that an
// entry of another device took its place, and that the attempt is over: begin again.
func (o *LinkOffer) Admitted(ctx context.Context, nonce [32]byte, ticket []byte) (send []byte, err error) {
	if o == nil || o.account == nil {
		return nil, errNoOffer
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var l *device.Log
	overtaken := false
	err = o.account.update(ctx, func(v *view) error {
		me, err := v.me()
		if err != nil {
			return err
		}
		l = me.Log
		held, err := directory.Entry(v.tx, v.Account.user, o.pin.Seq+1)
		if err != nil || held == nil || o.entry == nil {
			return err
		}
		if overtaken = !bytes.Equal(held, o.entry); overtaken {
			return nil
		}
		r, deviceKey := o.old.Candidate() // with its key here, the new device is part of the next session
		if err := v.acceptKey(l, r.ID(), deviceKey); aborts(err) {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if overtaken {
		o.old.Cancel()
		return nil, fmt.Errorf("sotto: another log entry came first, begin again: %w", fault.StoreConflict)
	}
	if send, err = o.old.Admitted(l, o.entry, nonce, ticket, o.account.now()); err != nil {
		return nil, o.lost(ctx, err)
	}
	return send, nil
}

// finish lets the new device stay.
func (o *LinkOffer) finish(ctx context.Context) error {
	r, _ := o.old.Candidate()
	err := o.account.update(ctx, func(v *view) error {
		d, err := v.dutyFor(r.ID())
		if err != nil {
			return err
		}
		me, err := v.me()
		if err != nil {
			return err
		}
		if _, active := me.Log.Device(r.ID()); !active || d != nil && d.Kind == dutyRevoke {
			return fmt.Errorf("sotto: the new device was revoked meanwhile: %w", fault.Expired)
		}
		if o.old.Choice().History == link.Nothing {
			return duties.Drop(v.tx, dutyID(r.ID()))
		}
		return v.putDuty(&duty{Device: r.ID(), Kind: dutyShare})
	})
	if err != nil {
		o.undone.Store(errors.Is(err, fault.Expired))
		return err
	}
	o.finished = true
	_ = o.account.shareLinked(ctx) // what could not be shared now is a duty, which Upkeep does
	return nil
}

// lost passes on why a step failed. If that was the end, a device that was signed for is revoked; what cannot be noted
// of that now is due when the time of the attempt is over.
func (o *LinkOffer) lost(ctx context.Context, err error) error {
	if o.State() == link.Aborted {
		_ = o.undo(ctx)
	}
	return err
}

// Cancel ends the attempt. A device that was signed for is revoked: by a log entry that follows as soon as the one that
// added it has settled. One that is linked stays; Revoke ends it.
func (o *LinkOffer) Cancel(ctx context.Context) error {
	if o == nil || o.account == nil {
		return errNoOffer
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.old.Cancel()
	return o.undo(ctx)
}

// undo revokes a device that was signed for and did not come to be. It goes by what is stored: a commit may have become
// durable although it reported a failure.
func (o *LinkOffer) undo(ctx context.Context) error {
	r, _ := o.old.Candidate()
	if r == nil || o.finished {
		return nil
	}
	return o.account.update(ctx, func(v *view) error {
		d, err := v.dutyFor(r.ID())
		if err != nil || d == nil {
			return err
		}
		d.Kind = dutyRevoke
		if err := v.putDuty(d); err != nil {
			return err
		}
		return v.doDuties(true)
	})
}
