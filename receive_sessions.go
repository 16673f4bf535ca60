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
	b.use.RLock()
	parallel(len(inputs), func(i int) {
		var err error
		if offers[i], err = session.OpenEnvelope(b.keys, inputs[i].data); err != nil {
			inputs[i].refuse(err)
		}
	})
	b.use.RUnlock()
	if err := b.destroyed(inputs); err != nil {
		return err
	}
	for i, o := range offers {
		if o == nil {
			continue
		}
		if err := b.plausible(o); err != nil {
			inputs[i].refuse(err)
			offers[i] = nil
			o.Destroy()
			continue
		}
		for _, h := range o.Heads() {
			if err := b.load(ctx, h.User); err != nil {
				return err
			}
		}
		if err := b.checkHeads(inputs[i], o.Heads()); err != nil {
			offers[i] = nil
			o.Destroy()
			if !inputs[i].waits() {
				inputs[i].refuse(err)
			}
		}
	}
	sessions := make([]*session.Session, len(inputs))
	parallel(len(inputs), func(i int) {
		if offers[i] == nil {
			return
		}
		var err error
		if sessions[i], err = b.verify(offers[i]); err != nil {
			inputs[i].refuse(err)
		}
	})
	for i, s := range sessions {
		if s != nil {
			p := s.ID().Prefix()
			b.sessions[p] = append(b.sessions[p], s)
			b.accepted = append(b.accepted, s)
			inputs[i].ready = &receivedSession{s}
		}
	}
	return nil
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

// checkHeads holds what a statement says of logs against those that are here. Entries that are missing are asked for, and
// the envelope waits; another entry at the same place is a claim, which is refused and asked for: only entries make a fork.
func (b *batch) checkHeads(in *input, heads []device.Head) error {
	var needs []Need
	for _, h := range heads {
		l := b.logs[h.User]
		if l == nil {
			needs = append(needs, Need{LogOf: h.User})
			continue
		}
		err := l.Holds(h.Pin)
		switch {
		case errors.Is(err, fault.TooFarAhead):
			needs = append(needs, Need{LogOf: h.User, FromSeq: l.Pin().Seq + 1})
		case errors.Is(err, fault.UntrustedSigner):
			in.event.Needs = []Need{{LogOf: h.User, FromSeq: h.Pin.Seq}}
			return err
		} // another root is refused once it is known who signed

	}
	if needs == nil {
		return nil
	}
	in.wait(heldEnvelopes, fault.TooFarAhead, needs)
	return fmt.Errorf("sotto: session that names log entries which are not here: %w", fault.TooFarAhead)
}

// plausible refuses what can never become a session here, whatever logs come: anybody who knows a messaging key can seal to
// it, and nothing of that is to be waited for.
func (b *batch) plausible(o *session.Offer) error {
	heads := o.Heads()
	_, _, state := o.Conversation()
	switch own := slices.ContainsFunc(heads, func(h device.Head) bool { return h.User == b.user }); {
	case state != nil:
		return fmt.Errorf("sotto: session of a group: %w", fault.UnsupportedVersion)
	case len(heads) > 2:
		return fmt.Errorf("sotto: session of %d users: %w", len(heads), fault.Malformed)
	case !own:
		return fmt.Errorf("sotto: session of others: %w", fault.NotForThisDevice)
	}
	return nil
}

// verify holds an offer against the conversation that its members have.
func (b *batch) verify(o *session.Offer) (*session.Session, error) {
	var members []session.Member
	for _, h := range o.Heads() {
		members = append(members, session.Member{User: h.User, Root: b.logs[h.User].Pin().Root})
	}
	place, err := session.Direct(members...)
	if err != nil {
		return nil, err
	}
	return o.Verify(b.keys.Record().Cert(), place, b.now(), b.logs)
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
	in.event.Sent = shown(s.Created())
	fresh, err := session.Keep(v.tx, s, v.now())
	in.event.Again = err == nil && !fresh
	return err
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
