package sotto

import (
	"context"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
)

// Have is what a user has in hand for a drill: typed off the paper, out of the head, fetched from the server. What is
// nil is not tried.
type Have struct {
	Key    *recovery.Key   // the recovery key
	Secret *lockbox.Secret // a password, tried on this device's store and on Box
	Box    []byte          // the recovery box that the server keeps
}

// Tried is what became of one way in.
type Tried struct {
	Done bool       // it was tried
	Why  fault.Code // why it does not work; 0 when it does
}

// Works reports whether the way was tried and leads in.
func (t Tried) Works() bool { return t.Done && t.Why == 0 }

// RecoveryReport tells whether a user would get back in today, and with what.
type RecoveryReport struct {
	Active  bool           // this device is active in the own log; else Store leads in nowhere (fault.RevokedDevice)
	Forked  bool           // the own log has forked: a recovery decides that
	Devices []device.ID    // other devices of the user that are active: each can link a new one
	HasKey  bool           // the own log has a recovery key
	Pending bool           // an entry of this device waits for the server: a new recovery key may not be in force yet
	Slots   []lockbox.Slot // what opens this device's store

	Key   Tried // the recovery key is the one in force: Recover works with it alone
	Box   Tried // the password opens the recovery box, with the recovery key in force in it: OpenRecovery, then Recover
	Store Tried // the password opens this device's store: with the phone, or a backup of it, in hand
}

// WithNothingLeft reports whether the user would get back in without any device and any store.
func (r *RecoveryReport) WithNothingLeft() bool { return r != nil && (r.Key.Works() || r.Box.Works()) }

// RecoveryCheck is a drill. It tells, without changing anything, whether what the user has in hand leads back into the
// account as it is today. A way that does not work is no error, its Tried says why: fault.WrongSecret for another
// recovery key than the one in force or a wrong password, fault.Rollback for a box with a former recovery key,
// fault.Damaged for one that is damaged, fault.Misuse for a log without a recovery key, fault.RevokedDevice for the
// store of a device that is no longer one.
func (a *Account) RecoveryCheck(ctx context.Context, have Have) (*RecoveryReport, error) {
	r := &RecoveryReport{}
	var l *device.Log
	err := a.view(ctx, func(v *view) error {
		me, err := v.me()
		if err != nil {
			return err
		}
		keys, err := v.keys()
		if err != nil {
			return err
		}
		l, r.HasKey, r.Pending, r.Devices = me.Log, me.Log.HasRecovery(), keys.Pending() != nil, nil
		r.Active, r.Forked = l.Standing(keys.Record().Cert()) == nil, me.Forked
		for _, record := range l.Active() {
			if !v.isOwn(record) {
				r.Devices = append(r.Devices, record.ID())
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	header, err := readHeader(ctx, a.backend)
	if err != nil {
		return nil, err
	}
	box, err := lockbox.Parse(header, owner)
	if err != nil {
		return nil, err
	}
	r.Slots = box.Slots()
	for _, way := range []struct {
		has   bool
		tried *Tried
		try   func() error
	}{
		{have.Key != nil, &r.Key, func() error { return l.CheckRecovery(have.Key) }},
		{have.Secret != nil, &r.Store, func() error { return tryStore(ctx, box, have.Secret) }},
		{have.Secret != nil && have.Box != nil, &r.Box, func() error { return a.tryBox(ctx, l, have) }},
	} {
		if !way.has {
			continue
		}
		err := way.try()
		if errors.Is(err, fault.Canceled) || errors.Is(err, fault.DestroyedKey) { // nothing was learned
			return nil, err
		}
		*way.tried = Tried{Done: true, Why: fault.Of(err)}
		if err == nil && way.tried == &r.Store && !r.Active {
			way.tried.Why = fault.RevokedDevice
		}
	}
	return r, nil
}

// tryStore opens the lockbox of a store.
func tryStore(ctx context.Context, box *lockbox.Box, s *lockbox.Secret) error {
	root, err := box.Open(ctx, s)
	root.Destroy()
	return err
}

// tryBox opens a recovery box and looks whether the key in it is the one in force.
func (a *Account) tryBox(ctx context.Context, l *device.Log, have Have) error {
	key, err := OpenRecovery(ctx, a.user, have.Box, have.Secret)
	if err != nil {
		return err
	}
	defer key.Destroy()
	err = l.CheckRecovery(key)
	if errors.Is(err, fault.WrongSecret) {
		err = fmt.Errorf("sotto: the recovery box has a former recovery key: %w", fault.Rollback)
	}
	return err
}
