package sotto

import (
	"context"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// Record returns the signed record of this device, for Admit on another device of the same user.
func (a *Account) Record(ctx context.Context) ([]byte, error) {
	var b []byte
	err := a.view(ctx, func(v *view) error {
		keys, err := v.keys()
		if err != nil {
			return err
		}
		b = keys.Record().Bytes()
		return nil
	})
	return b, err
}

// Admit signs that a device belongs to this user: it reads everything that is sealed from then on. The log entry is
// among the Pending parcels until the own log that comes back has it, or another entry at its place (KindOvertaken).
// While one is pending no other one is signed: fault.Misuse. A device that is one already is no error.
func (a *Account) Admit(ctx context.Context, record []byte) error {
	r, err := device.ParseRecord(a.User(), record)
	if err != nil {
		return err
	}
	return a.sign(ctx, func(l *device.Log, k *device.Keys) error {
		if _, err := l.Find(r.Cert()); err == nil {
			return nil // it is one already
		}
		_, err := l.Add(k, r, a.now())
		return err
	})
}

// Upgrade signs that this device does suite 2 from now on (see Options.Hybrid), and never less again. The log entry
// goes the way of Admit's, and a new messaging key follows it. A device of suite 2 is no error.
func (a *Account) Upgrade(ctx context.Context) error {
	return a.sign(ctx, func(l *device.Log, k *device.Keys) error {
		if k.Record().Suite() == device.Hybrid {
			return nil
		}
		_, err := l.Update(k, device.Hybrid, a.now())
		return err
	})
}

var errPending = fmt.Errorf("sotto: a log entry of this device waits for the server, send it and receive the own log first: %w", fault.Misuse)

var errForked = fmt.Errorf("sotto: the own log has forked: %w", fault.LogFork)

// sign lets this device sign an entry of its own log.
func (a *Account) sign(ctx context.Context, f func(l *device.Log, k *device.Keys) error) error {
	return a.update(ctx, func(v *view) error {
		me, err := v.me()
		if err != nil {
			return err
		}
		keys, err := v.keys()
		if err != nil {
			return err
		}
		if keys.Pending() != nil {
			return errPending
		}
		if me.Forked {
			return errForked
		}
		return v.changeKeys(func(k *device.Keys) error { return f(me.Log, k) })
	})
}

// Register answers the question of a server for this device, see device.Challenge. A device that is not in its log yet
// cannot: fault.Misuse.
func (a *Account) Register(ctx context.Context, server string, nonce [32]byte) ([]byte, error) {
	var answer []byte
	err := a.view(ctx, func(v *view) error {
		me, err := v.me()
		if err != nil {
			return err
		}
		keys, err := v.keys()
		if err != nil {
			return err
		}
		answer, err = keys.Register(me.Log, server, nonce, v.now())
		return err
	})
	return answer, err
}
