package sotto

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/session"
)

// prepareMessages opens messages. Those whose session is not here wait for it.
func (b *batch) prepareMessages(ctx context.Context) error {
	inputs := b.of(KindMessage)
	stored := map[session.Prefix][]*session.Session{}
	for _, in := range inputs {
		p, err := session.MessageSession(in.data)
		if err != nil {
			in.refuse(err)
			continue
		}
		if _, looked := stored[p]; !looked {
			if stored[p], err = b.open(ctx, p); err != nil {
				return err
			}
		}
		if len(stored[p])+len(b.sessions[p]) == 0 {
			if err := b.ask(in, p); err != nil {
				return err
			}
		}
	}
	inputs = b.of(KindMessage)
	b.use.RLock()
	parallel(len(inputs), func(i int) {
		in := inputs[i]
		p, err := session.MessageSession(in.data)
		for _, sessions := range [][]*session.Session{stored[p], b.sessions[p]} {
			for _, s := range sessions {
				var o *session.Opened
				if o, err = s.Open(in.data, b.headLogs[s.ID()]); err == nil {
					in.readied(s, o, b.also[s.ID()], b.shared)
					return
				}
			}
		}
		in.refuse(err)
	})
	b.use.RUnlock()
	if err := b.destroyed(inputs); err != nil {
		return err
	}
	for _, in := range inputs {
		if m, opened := in.ready.(*receivedMessage); opened && m.opened.Content.Type == sharedSession {
			if err := b.waitShared(ctx, in, m.opened); err != nil {
				return err
			}
		}
	}
	return nil
}

// readied fills in what a message says.
func (in *input) readied(s *session.Session, o *session.Opened, also []Reader, shared map[session.Prefix]bool) {
	e := &in.event
	e.Conversation, e.User, e.Device = s.Conversation(), o.From.User(), o.From.ID()
	e.Message, e.Sent, e.Type, e.Body = MessageID(o.Content.ID), shown(o.Content.Sent), o.Content.Type, o.Content.Body
	e.Counter, e.AlsoRead, e.Suite = o.Place.Counter, also, s.Suite()
	in.ready = &receivedMessage{o, s, shared}
}

// open returns the open sessions of a prefix, and makes sure that the logs of their members are at hand.
func (b *batch) open(ctx context.Context, p session.Prefix) (sessions []*session.Session, err error) {
	err = b.view(ctx, func(v *view) error {
		sessions = nil
		ids, err := session.Find(v.tx, p)
		if err != nil {
			return err
		}
		for _, id := range ids {
			s, err := v.session(id)
			if errors.Is(err, fault.UnknownSession) {
				continue
			}
			if err != nil {
				return err
			}
			sessions = append(sessions, s)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, s := range sessions {
		if known := b.known.readersOf(s.ID(), b.version); known != nil && len(b.grown) == 0 {
			b.headLogs[s.ID()], b.also[s.ID()] = known.logs, known.also
			continue
		}
		logs, err := b.logsOf(ctx, s.Roster().Heads(), s.State() != nil)
		if err != nil {
			return nil, err
		}
		b.headLogs[s.ID()], b.also[s.ID()] = logs, alsoRead(s, logs)
		if len(b.grown) == 0 {
			b.known.setReaders(s.ID(), &readers{b.version, logs, b.also[s.ID()]})
		}
	}
	return sessions, nil
}

// ask lets a message wait for its session.
func (b *batch) ask(in *input, p session.Prefix) error {
	request, err := b.request(p)
	if err != nil {
		return err
	}
	var needs []Need
	if request != nil {
		needs = []Need{{Request: request}}
	}
	in.wait(heldMessages, fault.UnknownSession, needs)
	return nil
}

// request asks for a session; one for all messages of it. A device without a messaging key has nothing to ask with yet: nil.
func (b *batch) request(p session.Prefix) ([]byte, error) {
	if r, asked := b.asked[p]; asked {
		return r, nil
	}
	b.use.RLock()
	defer b.use.RUnlock()
	r, err := session.Ask(b.keys, p, b.now())
	if err != nil && !errors.Is(err, fault.Misuse) {
		return nil, err
	}
	b.asked[p] = r
	return r, nil
}

// alsoRead returns the devices of a session that were revoked since, as many as an event names.
func alsoRead(s *session.Session, logs session.Logs) []Reader {
	const enough = 1000
	var also []Reader
	for _, cert := range s.Roster().Certs() {
		r, _ := s.Roster().Find(cert)
		if l := logs[r.User()]; len(also) < enough && l != nil && errors.Is(l.Standing(cert), fault.RevokedDevice) {
			also = append(also, Reader{r.User(), r.ID()})
		}
	}
	return also
}

// receivedMessage is a message that was opened.
type receivedMessage struct {
	opened  *session.Opened
	session *session.Session
	shared  map[session.Prefix]bool // sessions that were shared, of the batch
}

// apply takes a message into the inbox. What is there already is given out again.
func (r *receivedMessage) apply(v *view, in *input) error {
	o := r.opened
	u, err := v.users.User(v.tx, o.From.User())
	if err != nil {
		return err
	}
	if u == nil {
		return errStale
	}
	if err := u.Log.Standing(o.Place.Sender); err != nil {
		if r.ofAnother(u) {
			err = fault.IdentityChanged
		}
		return fmt.Errorf("sotto: message: %w", err)
	}
	if state := r.session.State(); state != nil {
		if err := v.isMember(r.session.Conversation(), *state, u.Name, u.Root()); err != nil {
			return fmt.Errorf("sotto: message: %w", err)
		}
	}
	taken, err := session.Take(v.tx, o)
	if errors.Is(err, fault.Replayed) {
		return r.again(v, in)
	}
	if err != nil {
		return err
	}
	in.event.Skipped = taken.Skipped
	newer, err := directory.NoteGen(v.tx, o.From.User(), o.From.ID(), o.Content.KeyGen)
	if err != nil {
		return err
	}
	if newer {
		in.event.Needs = []Need{{KeysOf: o.From.User()}}
	}
	if err := v.recognize(u.Log, o); err != nil {
		return err
	}
	if isReserved(o.Content.Type) {
		if err := r.applyReserved(v, in); err != nil {
			return err
		}
	}
	b, err := in.event.bytes()
	if err != nil {
		return err
	}
	_, err = inbox.Put(v.tx, in.event.ID, b)
	return err
}

// ofAnother reports whether a message of a group is of another identity than the one that is pinned for its user ID: it can
// be read when the user has chosen that one.
func (r *receivedMessage) ofAnother(u *directory.User) bool {
	return slices.ContainsFunc(r.session.Roster().Heads(), func(h device.Head) bool {
		return h.User == u.Name && h.Pin.Root != u.Root()
	})
}

// applyReserved does what another account asks for with a message that is not for people.
func (r *receivedMessage) applyReserved(v *view, in *input) error {
	switch r.opened.Content.Type {
	case sharedContact:
		return v.takeContact(in, r.opened)
	case sharedSession:
		p, err := v.takeShared(in, r.opened)
		if err == nil {
			r.shared[p] = true
		}
		return err
	}
	return fmt.Errorf("sotto: message of a kind that is not known here: %w", fault.UnsupportedVersion)
}

// again gives a message out once more that is in the inbox, with fault.Replayed when it is not.
func (r *receivedMessage) again(v *view, in *input) error {
	b, found, err := inbox.Get(v.tx, in.event.ID)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("sotto: message: %w", fault.Replayed)
	}
	in.event, err = readEvent(in.event.ID, b)
	return err
}

// recognize looks for a message that this device sealed itself and does not know: the store was put back, or copied. Once
// that was answered with a newer messaging key, other messages from before say nothing new.
func (v *view) recognize(l *device.Log, o *session.Opened) error {
	if !v.isOwn(o.From) {
		return nil
	}
	keys, err := v.keys()
	if err != nil || o.Content.KeyGen < keys.Generation() {
		return err
	}
	return v.renew(l, nil)
}
