package sotto

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/session"
)

// prepareEnvelopes opens and verifies envelopes. What names a log entry that is not here waits for it.
func (b *batch) prepareEnvelopes(ctx context.Context) error {
	inputs := b.of(KindSession)
	offers := make([]*session.Offer, len(inputs))
	defer func() {
		for _, o := range offers {
			o.Destroy()
		}
	}()
	own := make([]device.CertID, len(inputs)) // to whom each is
	b.use.RLock()
	parallel(len(inputs), func(i int) {
		var err error
		own[i] = b.keys.Record().Cert()
		offers[i], err = session.OpenEnvelope(b.keys, inputs[i].data)
		if errors.Is(err, fault.NotForThisDevice) && b.former != nil {
			own[i] = b.former.Record().Cert()
			offers[i], err = session.OpenEnvelope(b.former, inputs[i].data)
		}
		if err != nil {
			inputs[i].refuse(err)
		}
	})
	b.use.RUnlock()
	if err := b.destroyed(inputs); err != nil {
		return err
	}
	places := make([]*session.Conversation, len(inputs))
	for i, o := range offers {
		if o == nil {
			continue
		}
		var err error
		if places[i], err = b.placeOf(ctx, inputs[i], o); err != nil {
			return err
		}
	}
	sessions := make([]*session.Session, len(inputs))
	parallel(len(inputs), func(i int) {
		if places[i] == nil {
			return
		}
		var err error
		if sessions[i], err = offers[i].Verify(own[i], places[i], b.now(), b.headLogs[offers[i].ID()]); err != nil {
			inputs[i].refuse(err)
		}
	})
	for range 2 { // the second time for those who were brought into a group by a session that came after theirs
		for i, s := range sessions {
			if s == nil || inputs[i].ready != nil {
				continue
			}
			if err := b.accept(ctx, inputs[i], s, places[i]); err != nil {
				return err
			}
		}
	}
	for i, s := range sessions {
		if s != nil && inputs[i].ready == nil {
			s.Destroy()
			inputs[i].wait(heldEnvelopes, fault.UnknownSession, nil)
		}
	}
	b.settleGroups()
	return nil
}

// placeOf finds the conversation of an offer. What names a log or group entry that is not here waits for it: nil.
func (b *batch) placeOf(ctx context.Context, in *input, o *session.Offer) (*session.Conversation, error) {
	if err := b.plausible(o); err != nil {
		in.refuse(err)
		return nil, nil
	}
	heads := o.Heads()
	id, _, state := o.Conversation()
	var c *session.Conversation
	var err error
	if state != nil { // before any log is looked for: it may be a group of strangers, with thousands of heads
		if c, err = b.groupOffer(ctx, in, o, id, *state); c == nil || err != nil {
			return nil, err
		}
		if !slices.EqualFunc(heads, c.Members, func(h device.Head, m session.Member) bool { return h.User == m.User }) {
			in.refuse(fmt.Errorf("sotto: heads are not those of the members: %w", fault.Malformed))
			return nil, nil
		}
	}
	logs, err := b.logsOf(ctx, heads, state != nil)
	if err != nil {
		return nil, err
	}
	b.headLogs[o.ID()] = logs
	if in.event.Needs = b.missing(in, heads, logs); in.event.Why != 0 || in.waits() {
		return nil, nil
	}
	if c != nil {
		return c, nil
	}
	var members []session.Member
	for _, h := range heads {
		members = append(members, session.Member{User: h.User, Root: logs[h.User].Pin().Root})
	}
	if c, err = session.Direct(members...); err != nil {
		in.refuse(err)
		return nil, nil
	}
	return c, nil
}

// load reads the log of a user, if there is one and this batch has not grown it.
func (b *batch) load(ctx context.Context, user string) error {
	if b.logs[user] != nil {
		return nil
	}
	u, err := b.pinned(ctx, user)
	if u != nil {
		b.logs[user] = u.Log
	}
	return err
}

// logsOf returns the logs that heads name, as they are once this batch is applied: in groups of former identities, too. In
// the place of an identity that is not at hand stands the pinned one of that user.
func (b *batch) logsOf(ctx context.Context, heads []device.Head, ofGroup bool) (session.Logs, error) {
	logs := session.Logs{}
	err := b.view(ctx, func(v *view) error {
		for _, h := range heads {
			l := b.logs[h.User]
			if l == nil {
				u, err := v.users.User(v.tx, h.User)
				if err != nil {
					return err
				}
				if u == nil {
					continue
				}
				l, b.logs[h.User] = u.Log, u.Log
			}
			if ofGroup && l.Pin().Root != h.Pin.Root {
				former, err := v.users.Identity(v.tx, h.User, h.Pin.Root)
				if err != nil {
					return err
				}
				if former != nil {
					l = former
				}
			}
			logs[h.User] = l
		}
		return nil
	})
	return logs, err
}

// missing holds what a statement says of logs against those that are here. Entries that are missing are asked for, and
// the envelope waits; another entry at the same place is a claim, which is refused and asked for: only entries make a fork.
func (b *batch) missing(in *input, heads []device.Head, logs session.Logs) (needs []Need) {
	ofGroup := in.event.Conversation != device.Hash{}
	for _, h := range heads {
		l := logs[h.User]
		if l == nil {
			needs = append(needs, Need{LogOf: h.User})
			continue
		}
		err := l.Holds(h.Pin)
		switch {
		case errors.Is(err, fault.TooFarAhead):
			needs = append(needs, Need{LogOf: h.User, FromSeq: l.Pin().Seq + 1})
		case errors.Is(err, fault.UntrustedSigner):
			in.refuse(err)
			return []Need{{LogOf: h.User, FromSeq: h.Pin.Seq}}
		case errors.Is(err, fault.IdentityChanged) && ofGroup:
			root := h.Pin.Root
			needs = append(needs, Need{LogOf: h.User, Root: &root})
		} // in a conversation of two another root is refused once it is known who signed
	}
	if needs == nil {
		return nil
	}
	in.wait(heldEnvelopes, fault.TooFarAhead, needs)
	return needs
}

// plausible refuses what can never become a session here, whatever logs come: anybody who knows a messaging key can seal to
// it, and nothing of that is to be waited for.
func (b *batch) plausible(o *session.Offer) error {
	heads := o.Heads()
	_, _, state := o.Conversation()
	switch own := slices.ContainsFunc(heads, func(h device.Head) bool { return h.User == b.user }); {
	case state == nil && len(heads) > 2:
		return fmt.Errorf("sotto: session of %d users: %w", len(heads), fault.Malformed)
	case !own:
		return fmt.Errorf("sotto: session of others: %w", fault.NotForThisDevice)
	}
	return nil
}

// accept takes a verified session, unless nobody who counts has brought this user into its group yet.
func (b *batch) accept(ctx context.Context, in *input, s *session.Session, c *session.Conversation) error {
	if c.State != nil {
		if joined, err := b.hear(ctx, s); err != nil || !joined {
			return err
		}
	}
	p := s.ID().Prefix()
	b.sessions[p] = append(b.sessions[p], s)
	b.accepted = append(b.accepted, s)
	b.also[s.ID()] = alsoRead(s, b.headLogs[s.ID()])
	in.event.Why, in.event.Needs = 0, nil
	in.ready = &receivedSession{s}
	return nil
}

// receivedSession is a session that was verified.
type receivedSession struct{ session *session.Session }

func (r *receivedSession) apply(v *view, in *input) error {
	s := r.session
	from, ok := s.Roster().Find(s.Sender())
	if !ok {
		return fmt.Errorf("sotto: %w", fault.DestroyedKey)
	}
	in.event.Conversation, in.event.User, in.event.Device = s.Conversation(), from.User(), from.ID()
	in.event.Sent, in.event.Suite = shown(s.Created()), s.Suite()
	fresh, err := session.Keep(v.tx, s, v.now())
	in.event.Again = err == nil && !fresh
	if err != nil || s.State() == nil {
		return err
	}
	return v.supersede(s)
}

// wake looks at messages again that waited for the sessions of this batch.
func (b *batch) wake(ctx context.Context) error {
	if len(b.sessions) == 0 {
		return nil
	}
	var held [][]byte
	err := b.view(ctx, func(v *view) error {
		held = nil
		return heldMessages.Each(v.tx, func(_ queue.ID, data []byte) error {
			if p, err := session.MessageSession(data); err == nil && b.sessions[p] != nil {
				held = append(held, data)
			}
			return nil
		})
	})
	for _, data := range held {
		b.add(data, &heldMessages)
	}
	return err
}
