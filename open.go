package sotto

import (
	"context"
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/secret"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store"
)

// schema is what this code keeps in a store.
var schema = store.Schema{Version: 1}

// owner is whom the lockbox of an account is for. It stands outside of the store, so it names nobody.
var owner = []byte("sotto account")

// Create makes the account of a new user, with this device as the first one, in an empty store. The secrets open it
// from then on. The user ID is opaque and never changes: 1 to 128 bytes of UTF-8 without control characters. A store
// that is not empty is fault.Misuse, secrets that cannot be used are what package lockbox says.
//
// The log and the first device-key wait in the outbox for the server.
func Create(ctx context.Context, b store.Backend, user string, o *Options, secrets ...*lockbox.Secret) (*Account, error) {
	all, err := o.complete()
	if err != nil {
		return nil, err
	}
	keys, err := device.Generate(user, all.suite(), all.Now())
	if err != nil {
		return nil, err
	}
	defer keys.Destroy()
	root, err := keys.Found(all.Recovery, all.Now())
	if err != nil {
		return nil, err
	}
	g, err := directory.Grow(user, nil, 0, [][]byte{root})
	if err != nil {
		return nil, err
	}
	return create(ctx, b, keys, all, secrets, accountFields{User: user}, func(v *view) error {
		if err := v.putParcel(&parcelFields{Kind: string(ParcelLog), Data: root}); err != nil {
			return err
		}
		_, err := v.grow(g)
		return err
	})
}

// Join makes a further device of a user in an empty store. root is the user's identity, as another device of the user
// showed it: Contact.Root of that device's own contact. Record then goes to that device, for Admit, and this one is
// ready when Receive has brought the own log with it in.
func Join(ctx context.Context, b store.Backend, user string, root device.Hash, o *Options, secrets ...*lockbox.Secret) (*Account, error) {
	all, err := o.complete()
	if err != nil {
		return nil, err
	}
	keys, err := device.Generate(user, all.suite(), all.Now())
	if err != nil {
		return nil, err
	}
	defer keys.Destroy()
	return create(ctx, b, keys, all, secrets, accountFields{User: user, Root: &root}, func(*view) error { return nil })
}

// create writes a new account: in one commit, so that there is all of it or nothing.
func create(
	ctx context.Context, b store.Backend, keys *device.Keys, o Options, secrets []*lockbox.Secret, f accountFields,
	first func(v *view) error,
) (*Account, error) {
	if b == nil || len(secrets) == 0 {
		return nil, fmt.Errorf("sotto: no store, or no secret that opens it: %w", fault.Misuse)
	}
	if _, found, err := store.Header(ctx, b); err != nil || found {
		if err == nil {
			err = fmt.Errorf("sotto: the store holds an account: %w", fault.Misuse)
		}
		return nil, err
	}
	box, root, err := lockbox.New(ctx, owner, secrets[0], secrets[1:]...)
	if err != nil {
		return nil, err
	}
	defer root.Destroy()
	a, err := newAccount(ctx, b, root, o)
	if err != nil {
		return nil, err
	}
	a.user, a.known.device = f.User, keys.Record().ID()
	err = a.update(ctx, func(v *view) error {
		if _, found, err := v.tx.Get(accountName); err != nil || found {
			if err == nil {
				err = fmt.Errorf("sotto: the store holds an account: %w", fault.Misuse)
			}
			return err
		}
		fields, err := wire.Marshal(f)
		if err != nil {
			return err
		}
		v.tx.SetHeader(box.Bytes())
		v.tx.Put(accountName, fields)
		state, err := keys.ExportSecretState()
		if err != nil {
			return err
		}
		defer clear(state)
		v.tx.Put(keysName, state)
		return first(v)
	})
	if err != nil {
		a.Lock()
		return nil, err
	}
	return a, nil
}

// Unlock opens the account in a store with one of its secrets. A wrong one is fault.WrongSecret, a store without an
// account fault.Misuse, one of a newer version fault.UnsupportedVersion.
func Unlock(ctx context.Context, b store.Backend, o *Options, s *lockbox.Secret) (*Account, error) {
	all, err := o.complete()
	if err != nil {
		return nil, err
	}
	header, err := readHeader(ctx, b)
	if err != nil {
		return nil, err
	}
	box, err := lockbox.Parse(header, owner)
	if err != nil {
		return nil, err
	}
	root, err := box.Open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer root.Destroy()
	a, err := newAccount(ctx, b, root, all)
	if err != nil {
		return nil, err
	}
	err = a.view(ctx, func(v *view) error {
		f, err := v.account()
		if err != nil {
			return err
		}
		a.user = f.User
		_, err = v.keys()
		return err
	})
	if err != nil {
		a.Lock()
		return nil, err
	}
	return a, nil
}

func newAccount(ctx context.Context, b store.Backend, root *cose.Key, o Options) (*Account, error) {
	db, err := store.Open(ctx, b, root, schema)
	if err != nil {
		return nil, err
	}
	return &Account{redacted: secret.Redact("sotto.Account", root.ID()), now: o.Now, policy: o.Policy, hybrid: o.RequireHybrid, backend: b, db: db}, nil
}
