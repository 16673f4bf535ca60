package sotto

import (
	"context"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/groups"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

// Recover gets a user back in with the recovery key alone: in an empty store it makes a new device, and signs with the
// key that it is the user's only one from now on. Every other device is revoked by that, whatever a thief added or
// revoked; those that are to go on are linked anew. log is the user's own log, whole, as the server has it. The
// recovery key stays in force unless Options.Recovery is another one, which then takes its place: a key that somebody
// else may have seen is replaced so.
//
// The entry is among the Pending parcels, and the device is ready when Receive has brought the own log with it in. If
// another entry came first (KindOvertaken) Account.Recover signs again. Contacts see that the user has recovered: who
// had compared numbers is asked to do so again. Contacts and history are not in the log: trust contacts anew, restore
// from a backup.
//
// Anybody can found a log that names this recovery key, which is public in the real one: where the user's identity is
// known, because it was printed with the key (Contact.Root), give it as Options.Root.
//
// Another key than the one in force is fault.WrongSecret, a log without a recovery key fault.Misuse; the other errors
// are those of Create and of device.Verify.
func Recover(
	ctx context.Context, b store.Backend, user string, log [][]byte, present *recovery.Key, o *Options, secrets ...*lockbox.Secret,
) (*Account, error) {
	all, err := o.complete()
	if err != nil {
		return nil, err
	}
	g, err := directory.Grow(user, nil, 0, log)
	if err != nil {
		return nil, err
	}
	root := g.Log.Pin().Root
	if all.Root != nil && *all.Root != root {
		return nil, fmt.Errorf("sotto: log of another identity than the user's: %w", fault.IdentityChanged)
	}
	if err := g.Log.CheckRecovery(present); err != nil {
		return nil, err
	}
	suite := all.suite()
	for _, r := range g.Log.Active() {
		suite = max(suite, r.Suite()) // never less than there was
	}
	keys, err := device.Generate(user, suite, all.Now())
	if err != nil {
		return nil, err
	}
	defer keys.Destroy()
	return create(ctx, b, keys, all, secrets, accountFields{User: user, Root: &root}, func(v *view) error {
		if _, err := v.grow(g); err != nil {
			return err
		}
		return v.changeKeys(func(k *device.Keys) error {
			_, err := g.Log.Recover(k, present, all.Recovery, v.now())
			return err
		})
	})
}

// Recover is the function of that name for a device that has an account of the user's: one that a thief revoked, one
// among strange ones, or one whose recovery lost its place in the log. This device goes on as a new one, with another
// ID; contacts, marks, sessions and the inbox stay, and messages that wait are sealed again by Upkeep once the entry is
// in the log; changes of groups that wait are to be made again (KindOvertaken). next takes the place of the recovery
// key, nil keeps it.
//
// The own log should be up to date: a recovery that loses its place to another entry leaves this device what it was
// (KindOvertaken). What is on its way to the former device can be opened for two weeks. While a recovery is pending it is
// fault.Misuse; the other errors are those of the function.
func (a *Account) Recover(ctx context.Context, present, next *recovery.Key) error {
	return a.update(ctx, func(v *view) error {
		me, err := v.me()
		if err != nil {
			return err
		}
		keys, err := v.keys()
		if err != nil {
			return err
		}
		sign := func(k *device.Keys) error {
			_, err := me.Log.Recover(k, present, next, v.now())
			return err
		}
		if _, known := me.Log.Known(keys.Record().Cert()); !known {
			if keys.Pending() != nil {
				return errPending
			}
			return v.changeKeys(sign)
		}
		fresh, err := device.Generate(v.Account.user, keys.Record().Suite(), v.now())
		if err != nil {
			return err
		}
		v.known.retire(fresh)
		if err := sign(fresh); err != nil {
			return err
		}
		if err := v.keepFormer(keys); err != nil {
			return err
		}
		if err := v.putKeys(fresh); err != nil {
			return err
		}
		if err := v.withdraw(); err != nil {
			return err
		}
		return v.orphan()
	})
}

// withdraw drops the changes of groups that wait for the server, and says so: nobody takes what a device signed that is
// none any more.
func (v *view) withdraw() error {
	err := groups.Each(v.tx, func(id device.Hash) error {
		g, err := v.group(id)
		if err != nil || len(g.Pending) == 0 {
			return err
		}
		e := Event{Kind: KindOvertaken, Conversation: id, User: v.Account.user, Device: v.Account.Device(), Why: fault.StoreConflict}
		v.notices = append(v.notices, e.named(g.State.Tip()))
		g.Pending = nil
		return v.Account.groups.Save(v.tx, g)
	})
	if err != nil {
		return err
	}
	return v.keepNotices()
}

// orphan lets every message that waits be sealed again, for the same reason.
func (v *view) orphan() error {
	return v.sealAnew(func(*parcelFields) (bool, error) { return true, nil })
}

// sealAnew takes waiting messages off the sessions that they were sealed for, so that they do not go out before Upkeep
// has sealed them again.
func (v *view) sealAnew(which func(p *parcelFields) (bool, error)) error {
	var waiting []*parcelFields
	err := v.each(messages, func(p *parcelFields) error {
		is, err := which(p)
		if is {
			waiting = append(waiting, p)
		}
		return err
	})
	for _, p := range waiting {
		if err == nil {
			p.Session = &session.ID{} // there is no such session, so the one that it was sealed for is over
			err = v.putParcel(p)
		}
	}
	return err
}

// SetRecovery signs that next is the recovery key. present is the one in force, which it replaces; nil if there never
// was one. The log entry goes the way of Admit's. Another present key than the one in force is fault.WrongSecret.
//
// Print next, and let RecoveryCheck prove what was printed, before present is thrown away.
func (a *Account) SetRecovery(ctx context.Context, present, next *recovery.Key) error {
	return a.sign(ctx, func(l *device.Log, k *device.Keys) error {
		_, err := l.SetRecovery(k, present, next, a.now())
		return err
	})
}
