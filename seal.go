package sotto

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/session"
)

// MaxBody bounds the body of a message, in bytes.
const MaxBody = 1<<20 - 64<<10

// errStale says that the store changed since something was prepared for it: it is prepared anew.
var errStale = errors.New("prepared for another state of the store")

// maxTries bounds how often something is prepared anew.
const maxTries = 100

// Seal seals a message for all devices of the conversation and returns what is to be delivered: the message, and before it
// the session's envelope as long as that is on its way. A new session begins by itself when it is due: after a number of
// messages or some time, and at every change of a device.
//
// The same id again returns the same bytes until they are delivered, and nothing after that: an app that does not know
// whether it sealed a message does it again. Nothing is returned, too, when there is nobody to deliver to: for notes of the
// only device, and when no device of the other user is active; Devices tells. contentType says what body is, in up to 64 bytes.
//
// Another message under a used id is fault.Misuse, a body of more than MaxBody bytes fault.OverLimit. Nothing is sealed while
// a member's log has forked (fault.LogFork), while a device of a member knows more of its log than is known here
// (fault.TooFarAhead: fetch it), when this device was revoked (fault.RevokedDevice), and before it is in its user's log
// (fault.Misuse).
func (c *Conversation) Seal(ctx context.Context, id MessageID, contentType string, body []byte) ([]Parcel, error) {
	if c == nil || c.account == nil {
		return nil, errNoConversation
	}
	if len(body) > MaxBody {
		return nil, fmt.Errorf("sotto: body of %d bytes: %w", len(body), fault.OverLimit)
	}
	if id == (MessageID{}) {
		return nil, fmt.Errorf("sotto: no message ID, see NewMessageID: %w", fault.Misuse)
	}
	m := session.Content{ID: session.MessageID(id), Sent: c.account.now(), Type: contentType, Body: body}
	var parcels []Parcel
	err := c.account.retry(func() error {
		found, err := c.sealedBefore(ctx, &m)
		if err != nil || found != nil {
			parcels = found
			return err
		}
		b, err := c.account.prepareSession(ctx, c.place)
		if err != nil {
			return err
		}
		defer b.drop()
		return c.account.update(ctx, func(v *view) error {
			if parcels, err = v.sealedParcels(c.place.ID, &m); err != nil || parcels != nil {
				return err
			}
			parcels, err = v.seal(c.place, b, &m, nil)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return parcels, nil
}

var errNoConversation = fmt.Errorf("sotto: no conversation: %w", fault.Misuse)

// retry runs f until the store stood still meanwhile.
func (a *Account) retry(f func() error) error {
	var err error
	for range maxTries {
		if a == nil || a.db == nil || a.locked.Load() {
			return errLocked
		}
		if err = f(); !errors.Is(err, errStale) && !errors.Is(err, fault.DestroyedKey) { // a key that was replaced meanwhile
			return err
		}
	}
	if errors.Is(err, errStale) {
		return fmt.Errorf("sotto: others changed the store %d times: %w", maxTries, fault.StoreConflict)
	}
	return err
}

// sealedBefore returns the parcels of a message that was sealed before, not nil but empty when all are delivered.
func (c *Conversation) sealedBefore(ctx context.Context, m *session.Content) (parcels []Parcel, err error) {
	err = c.account.view(ctx, func(v *view) (err error) {
		parcels, err = v.sealedParcels(c.place.ID, m)
		return err
	})
	return parcels, err
}

func (v *view) sealedParcels(conversation device.Hash, m *session.Content) ([]Parcel, error) {
	s, err := findSealed(v.tx, conversation, MessageID(m.ID))
	if err != nil || s == nil {
		return nil, err
	}
	if s.digest != digest(MessageID(m.ID), m.Type, m.Body) {
		return nil, fmt.Errorf("sotto: another message has this ID: %w", fault.Misuse)
	}
	b, found, err := messages.Get(v.tx, s.parcel)
	if err != nil || !found {
		return []Parcel{}, err
	}
	p, err := readParcel(b)
	if err != nil {
		return nil, err
	}
	return v.withEnvelopes(p)
}

// withEnvelopes is a message parcel behind the envelopes of its session that are on their way.
func (v *view) withEnvelopes(message *parcelFields) ([]Parcel, error) {
	parcels := []Parcel{}
	err := v.each(outbox, func(p *parcelFields) error {
		if p.Kind == string(ParcelEnvelope) && *p.Session == *message.Session {
			parcels = append(parcels, p.parcel())
		}
		return nil
	})
	return append(parcels, message.parcel()), err
}

// begun is a session that was prepared, and the state of the store that it was prepared for.
type begun struct {
	roster  device.Hash      // Roster.Version
	session *session.Session // nil when one that is there serves
	seal    []byte           // its envelope, nil when no device has a key
	to      []device.ID
	left    []*device.Record // devices that have no key
}

func (b *begun) drop() {
	if b.session != nil {
		b.session.Destroy()
	}
}

// prepareSession begins a session if a new one is due, and seals it to every device: the costly part, before the
// transaction.
func (a *Account) prepareSession(ctx context.Context, place *session.Conversation) (*begun, error) {
	b := &begun{}
	var logs session.Logs
	var prev *session.ID
	var targets []*device.MessagingKey
	var keys *device.Keys
	due := false
	err := a.view(ctx, func(v *view) (err error) {
		*b, targets, prev = begun{}, nil, nil
		if logs, err = v.writable(place); err != nil {
			return err
		}
		r, err := roster(place, logs)
		if err != nil {
			return err
		}
		b.roster = r.Version()
		_, why, err := session.Best(v.tx, place, r, v.now())
		if due = why != session.None; err != nil || !due {
			return err
		}
		if keys, err = v.keys(); err != nil {
			return err
		}
		if open, err := session.List(v.tx, place.ID); err != nil {
			return err
		} else if len(open) > 0 {
			prev = &open[len(open)-1].ID
		}
		targets, err = b.choose(v, r, logs)
		return err
	})
	if err != nil || !due {
		return b, err
	}
	a.use.RLock()
	defer a.use.RUnlock()
	if b.session, err = session.Begin(keys, place, a.policy, prev, a.now(), logs); err != nil {
		return nil, err
	}
	if len(targets) > 0 {
		b.seal, err = b.session.SealTo(targets...)
	}
	return b, err
}

// choose finds the messaging key of every device of a roster. Devices without one are left out.
func (b *begun) choose(v *view, r *device.Roster, logs session.Logs) ([]*device.MessagingKey, error) {
	var targets []*device.MessagingKey
	for _, cert := range r.Certs() {
		record, _ := r.Find(cert)
		m, err := directory.Key(v.tx, logs[record.User()], record.ID())
		if err != nil {
			return nil, err
		}
		if m == nil {
			b.left = append(b.left, record)
			continue
		}
		targets = append(targets, m)
		if !v.isOwn(record) {
			b.to = append(b.to, record.ID())
		}
	}
	return targets, nil
}

// keepBegun stores a session that was prepared, and puts its envelope into the outbox.
func (v *view) keepBegun(b *begun, logs session.Logs) error {
	for _, r := range b.left {
		if m, err := directory.Key(v.tx, logs[r.User()], r.ID()); err != nil {
			return err
		} else if m != nil { // it came meanwhile
			return errStale
		}
	}
	if _, err := session.Keep(v.tx, b.session, v.now()); err != nil {
		return err
	}
	id := b.session.ID()
	for _, r := range b.left {
		if err := v.leaveOut(r.Cert(), id); err != nil {
			return err
		}
	}
	if len(b.to) == 0 {
		return nil
	}
	conversation := b.session.Conversation()
	p := &parcelFields{Kind: string(ParcelEnvelope), Data: b.seal, Conversation: &conversation, Session: &id}
	p.setTo(b.to)
	return v.putParcel(p)
}

// seal seals a message on the best session, which may be the one that was prepared, to the devices of to, nil for all.
func (v *view) seal(place *session.Conversation, b *begun, m *session.Content, to []device.ID) ([]Parcel, error) {
	logs, err := v.writable(place)
	if err != nil {
		return nil, err
	}
	r, err := roster(place, logs)
	if err != nil {
		return nil, err
	}
	if r.Version() != b.roster {
		return nil, errStale
	}
	id, why, err := session.Best(v.tx, place, r, v.now())
	if err != nil {
		return nil, err
	}
	if why != session.None {
		if b.session == nil {
			return nil, errStale
		}
		if err := v.keepBegun(b, logs); err != nil {
			return nil, err
		}
		id = b.session.ID()
	}
	s, err := v.session(id)
	if err != nil {
		return nil, err
	}
	keys, err := v.keys()
	if err != nil {
		return nil, err
	}
	data, opened, err := v.chains.Seal(nil, s, keys, *m)
	if err != nil {
		return nil, err
	}
	if _, err := session.Take(v.tx, opened); err != nil {
		return nil, err
	}
	return v.send(place, r, opened, data, to)
}

// send puts a sealed message into the outbox.
func (v *view) send(place *session.Conversation, r *device.Roster, o *session.Opened, data []byte, to []device.ID) ([]Parcel, error) {
	message := MessageID(o.Content.ID)
	p := &parcelFields{
		Kind: string(ParcelMessage), Data: data, Conversation: &place.ID, Session: &o.Session, Message: &message,
		Type: o.Content.Type, Body: bytes.Clone(o.Content.Body), Sent: uint64(max(0, o.Content.Sent.Unix())),
	}
	for _, cert := range r.Certs() {
		record, _ := r.Find(cert)
		if id := record.ID(); !v.isOwn(record) && (to == nil || slices.Contains(to, id)) {
			p.To = append(p.To, id[:]...)
		}
	}
	s := sealed{parcel: p.id(), digest: digest(message, p.Type, p.Body)}
	if p.To == nil { // notes of the only device: there is nobody to send them to
		s.parcel = queue.ID{}
	}
	if err := s.put(v.tx, place.ID, message); err != nil || p.To == nil {
		return []Parcel{}, err
	}
	if err := v.putParcel(p); err != nil {
		return nil, err
	}
	return v.withEnvelopes(p)
}

// session returns an open session, fault.UnknownSession for one that is not.
func (v *view) session(id session.ID) (*session.Session, error) {
	if s := v.known.session(id); s != nil {
		if _, open, err := session.Statement(v.tx, id); err != nil || open {
			return s, err
		}
	}
	s, err := v.resume(id)
	if err != nil {
		return nil, err
	}
	return v.known.keep(s), nil
}

// resume makes an open session again from what is stored. A session whose logs have gone over to another branch cannot be
// made: fault.UnknownSession, too.
func (v *view) resume(id session.ID) (*session.Session, error) {
	statement, open, err := session.Statement(v.tx, id)
	if err != nil {
		return nil, err
	}
	defer clear(statement)
	if !open {
		return nil, fmt.Errorf("sotto: %w", fault.UnknownSession)
	}
	users, err := session.Users(statement)
	if err != nil {
		return nil, err
	}
	logs, err := v.users.Logs(v.tx, users...)
	if err != nil {
		return nil, err
	}
	s, err := session.Resume(statement, logs)
	if err != nil {
		return nil, fmt.Errorf("sotto: %w (%v)", fault.UnknownSession, err)
	}
	return s, nil
}

// sealTo seals a session once more, for one device, and puts that into the outbox.
func (v *view) sealTo(s *session.Session, m *device.MessagingKey) error {
	record, ok := s.Roster().Find(m.Cert())
	if !ok || v.isOwn(record) {
		return nil
	}
	if waits, err := v.sealedTo(s.ID(), record.ID(), m.ID()); err != nil || waits {
		return err
	}
	b, err := s.SealTo(m)
	if err != nil {
		return err
	}
	id, conversation := s.ID(), s.Conversation()
	p := &parcelFields{Kind: string(ParcelEnvelope), Data: b, Conversation: &conversation, Session: &id}
	p.setTo([]device.ID{record.ID()})
	return v.putParcel(p)
}

// sealedTo reports whether an envelope of the session for that messaging key waits in the outbox already: who asks again and
// again gets one answer.
func (v *view) sealedTo(id session.ID, to device.ID, key device.KeyID) (found bool, err error) {
	err = v.each(outbox, func(p *parcelFields) error {
		if found || p.Session == nil || *p.Session != id || !slices.Contains(p.to(), to) {
			return nil
		}
		keys, err := session.Recipients(p.Data)
		found = slices.Contains(keys, key)
		return err
	})
	return found, err
}

// isOwn reports whether a record is of this device. Its ID alone does not tell: another user may have taken the same one.
func (v *view) isOwn(r *device.Record) bool {
	return r.User() == v.Account.user && r.ID() == v.Account.device
}
