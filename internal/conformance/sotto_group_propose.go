package conformance

import (
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groupentry"
)

// propose has the device sign the same change, with its log as the entry saw it. A creation draws its own nonce.
func (c *sottoGroupEntry) propose(keys *device.Keys) error {
	in := &c.Inputs
	all, err := in.logs()
	if err != nil {
		return err
	}
	logs, now := logsFrom(all), time.Unix(int64(in.Issued), 0)
	own, err := c.own(all)
	if err != nil {
		return err
	}
	if in.Op == groupentry.Create {
		_, have, err := group.Create(keys, own, now)
		if err != nil {
			return err
		}
		return remade("creation", have, c.Outputs.Entry, in.Nonce, func(nonce []byte) ([]byte, error) {
			return c.sign(keys, nonce, groupentry.ID(in.Actor, hashFrom(in.Root), [16]byte(deviceID(nonce))))
		})
	}
	s, err := group.Verify(hashFrom(in.Group), plain(in.Before), logs)
	if err != nil {
		return err
	}
	user, role := "", uint64(0)
	if in.User != nil {
		user = *in.User
	}
	if in.Role != nil {
		role = *in.Role
	}
	change, err := groupChange(in.Op, user, in.Root, role)
	if err != nil {
		return err
	}
	entries, err := s.Propose(keys, own, now, change)
	if err != nil || len(entries) != 1 {
		return fmt.Errorf("%d entries proposed: %w", len(entries), err)
	}
	return equal("what sotto proposes", entries[0], c.Outputs.Entry)
}

// own is the log of the actor that ends with the entry that this one names.
func (c *sottoGroupEntry) own(logs []*device.Log) (*device.Log, error) {
	for _, l := range logs {
		at, err := l.At(c.Inputs.Seq)
		if err == nil && l.User() == c.Inputs.Actor && at.Pin().Head == hashFrom(c.Inputs.Head) {
			return at, nil
		}
	}
	return nil, errors.New("no log has the entry that the actor saw")
}

// groupChange is a change as an app asks for it.
func groupChange(op uint64, user string, root []byte, role uint64) (change group.Change, err error) {
	switch op {
	case groupentry.Add:
		return group.Add(user, hashFrom(root)), nil
	case groupentry.Remove:
		return group.Remove(user), nil
	case groupentry.Role:
		return group.SetRole(user, group.Role(role)), nil
	case groupentry.Transfer:
		return group.Transfer(user), nil
	case groupentry.Resolve:
		return group.Resolve(hashFrom(root)), nil
	}
	return change, fmt.Errorf("operation %d is no change", op)
}
