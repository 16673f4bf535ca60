package sotto

import (
	"bytes"
	"context"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store"
)

// ReplaceSecret lets next open the account in place of old, after a change of password for example. The errors are those of
// lockbox.Box.Replace; nothing has changed then.
func (a *Account) ReplaceSecret(ctx context.Context, old, next *lockbox.Secret) error {
	return a.editBox(ctx, func(box *lockbox.Box) (*lockbox.Box, error) { return box.Replace(ctx, old, next) })
}

// AddSecret lets one more secret open the account. present is one that does already.
func (a *Account) AddSecret(ctx context.Context, present, more *lockbox.Secret) error {
	return a.editBox(ctx, func(box *lockbox.Box) (*lockbox.Box, error) {
		root, err := box.Open(ctx, present)
		if err != nil {
			return nil, err
		}
		defer root.Destroy()
		return box.Add(ctx, root, more)
	})
}

// editBox replaces the lockbox in the store's header, unless somebody else did meanwhile.
func (a *Account) editBox(ctx context.Context, edit func(box *lockbox.Box) (*lockbox.Box, error)) error {
	return a.retry(func() error {
		header, err := readHeader(ctx, a.backend)
		if err != nil {
			return err
		}
		box, err := lockbox.Parse(header, owner)
		if err != nil {
			return err
		}
		if box, err = edit(box); err != nil {
			return err
		}
		return a.update(ctx, func(v *view) error {
			// A commit that comes in between makes this one start again, so the header is that of the transaction.
			present, err := readHeader(ctx, a.backend)
			if err != nil {
				return err
			}
			if !bytes.Equal(present, header) {
				return errStale
			}
			v.tx.SetHeader(box.Bytes())
			return nil
		})
	})
}

// readHeader returns the lockbox of an account.
func readHeader(ctx context.Context, b store.Backend) ([]byte, error) {
	header, found, err := store.Header(ctx, b)
	if err == nil && !found {
		err = fmt.Errorf("sotto: the store holds no account: %w", fault.Misuse)
	}
	return header, err
}
