package sotto

import (
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groups"
	"github.com/sottokit/sotto/internal/queue"
)

// cutQueue takes devices of a user that were revoked off what waits for them. Their IDs are the user's own choice, so this
// goes for conversations with that user, and not for a device of somebody else there that has such an ID.
func (v *view) cutQueue(user string, revoked []device.ID) error {
	if len(revoked) == 0 {
		return nil
	}
	me, err := v.users.User(v.tx, v.Account.user)
	if err != nil || me == nil { // without an own log there are no conversations yet
		return err
	}
	if user == me.Name {
		return v.cut(nil, revoked)
	}
	peer, err := v.users.User(v.tx, user)
	if err != nil {
		return err
	}
	place, err := direct(member(me), member(peer))
	if err != nil {
		return err
	}
	others := me.Log.Active()
	theirs := slices.DeleteFunc(slices.Clone(revoked), func(id device.ID) bool { return isAmong(others, id) })
	if err := v.cut(&place.ID, theirs); err != nil {
		return err
	}
	return groups.Each(v.tx, func(id device.Hash) error {
		g, err := v.group(id)
		if err != nil {
			return err
		}
		if _, in := g.State.Find(user); !in {
			return nil
		}
		return v.cutGroup(g.State, user, revoked)
	})
}

// cutGroup takes devices of a user off what waits in a group, but for those whose ID a device of another member has.
func (v *view) cutGroup(s *group.State, user string, gone []device.ID) error {
	for _, m := range s.Members() {
		if m.User == user {
			continue
		}
		l, err := v.users.Identity(v.tx, m.User, m.Root)
		if err != nil {
			return err
		}
		if l == nil {
			continue
		}
		others := l.Active()
		gone = slices.DeleteFunc(slices.Clone(gone), func(id device.ID) bool { return isAmong(others, id) })
	}
	id := s.ID()
	return v.cut(&id, gone)
}

func isAmong(records []*device.Record, id device.ID) bool {
	return slices.ContainsFunc(records, func(r *device.Record) bool { return r.ID() == id })
}

// cut takes devices off what waits in a conversation, nil for all.
func (v *view) cut(conversation *device.Hash, gone []device.ID) error {
	if len(gone) == 0 {
		return nil
	}
	for _, q := range []queue.Queue{outbox, messages} {
		err := v.each(q, func(p *parcelFields) error {
			if conversation != nil && (p.Conversation == nil || *p.Conversation != *conversation) {
				return nil
			}
			to := p.to()
			left := slices.DeleteFunc(slices.Clone(to), func(id device.ID) bool { return slices.Contains(gone, id) })
			if len(left) == len(to) {
				return nil
			}
			return v.leave(p, left)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
