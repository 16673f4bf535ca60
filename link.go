package sotto

import (
	"context"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store"
)

// Link makes the account of a device that joins by link.New, in an empty store, once that is Registering: the device is
// in its user's log, and it is all there in one commit. log is the user's log as it was given to New.Served, whole. The
// secrets open the store from then on.
//
// What follows is Account.Register with New.Nonce; when the server has taken it, New.Registered and its message.
// Everything that the other device chose to hand over comes with Receive. Contacts and sessions are not here before
// that.
//
// An attempt that is not that far, and a log that is not the one of the attempt, are fault.Misuse; the other errors are
// those of Create.
func Link(
	ctx context.Context, b store.Backend, n *link.New, log [][]byte, o *Options, secrets ...*lockbox.Secret,
) (*Account, error) {
	all, err := o.complete()
	if err != nil {
		return nil, err
	}
	keys, l := n.Keys(), n.Log()
	if keys == nil || l == nil || n.State(all.Now()) == link.Aborted {
		return nil, fmt.Errorf("sotto: the attempt to link has not come to a device that is in the log: %w", fault.Misuse)
	}
	if all.RequireHybrid && keys.Record().Suite() != device.Hybrid {
		return nil, fmt.Errorf("sotto: this device cannot do suite 2, see New.Join: %w", fault.Misuse)
	}
	g, err := directory.Grow(l.User(), nil, 0, log)
	if err != nil {
		return nil, err
	}
	if g.Log.Holds(l.Pin()) != nil {
		return nil, fmt.Errorf("sotto: not the log of the attempt to link: %w", fault.Misuse)
	}
	root := l.Pin().Root
	a, err := create(ctx, b, keys, all, secrets, accountFields{User: l.User(), Root: &root}, func(v *view) error {
		if _, err := v.grow(g); err != nil {
			return err
		}
		return v.publish(g.Log, keys.DeviceKey())
	})
	if err != nil {
		return nil, err // the keys stay, for another try
	}
	keys.Destroy()
	return a, nil
}
