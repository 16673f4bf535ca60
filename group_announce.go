package sotto

import (
	"context"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/groups"
	"github.com/sottokit/sotto/session"
)

// announce begins a session in every group whose members this device has changed: newcomers need one by whoever added them.
// Where it cannot be done now it is done later, see Upkeep.
func (a *Account) announce(ctx context.Context) error {
	var due []device.Hash
	err := a.view(ctx, func(v *view) error {
		due = nil
		return groups.Each(v.tx, func(id device.Hash) error {
			g, err := v.group(id)
			if err == nil && g.Announce {
				due = append(due, id)
			}
			return err
		})
	})
	for _, id := range due {
		if err == nil {
			err = a.announceIn(ctx, id)
		}
		if !aborts(err) {
			err = nil
		}
	}
	return err
}

func (a *Account) announceIn(ctx context.Context, id device.Hash) error {
	where := place{group: id}
	return a.retry(func() error {
		b, err := a.prepareSession(ctx, where, true)
		if err != nil {
			return err
		}
		defer b.drop()
		return a.update(ctx, func(v *view) error {
			g, err := v.group(id)
			if err != nil || !g.Announce {
				return err
			}
			if err := v.sameCrew(where, b); err != nil {
				return err
			}
			if err := v.keepBegun(b); err != nil {
				return err
			}
			if g, err = v.group(id); err != nil {
				return err
			}
			g.Announce = false
			return v.groups.Save(v.tx, g)
		})
	})
}

// hearOwn notes that this device's own statement names the newest entry of a group.
func (v *view) hearOwn(c *session.Conversation) error {
	if c.State == nil {
		return nil
	}
	g, err := v.group(c.ID)
	if err != nil {
		return err
	}
	keys, err := v.keys()
	if err != nil {
		return err
	}
	var failed error
	next, err := g.State.Hear(v.Account.user, keys.Record().Cert(), *c.State, v.identities(&failed))
	if failed != nil {
		return failed
	}
	if err != nil || next == g.State {
		return err
	}
	return v.growGroup(g, next, nil)
}

// announceEverywhere lets a session begin in every group, for a device that this one has brought in: it learns of the group
// from that.
func (v *view) announceEverywhere() error {
	return groups.Each(v.tx, func(id device.Hash) error {
		g, err := v.group(id)
		if err != nil {
			return err
		}
		g.Announce, v.announce = true, true
		return v.groups.Save(v.tx, g)
	})
}
