package sotto

import (
	"context"

	"github.com/sottokit/sotto/group"
)

// KeepGroups stores n groups at once, as Receive stores one that the account is brought into.
func (a *Account) KeepGroups(ctx context.Context, n int, next func() (*group.State, []byte)) error {
	return a.update(ctx, func(v *view) error {
		for range n {
			s, entry := next()
			if _, err := a.groups.Put(v.tx, nil, s, [][]byte{entry}, v.now()); err != nil {
				return err
			}
		}
		return nil
	})
}
