package sotto

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
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
// the other user's mark blocks (trust.State.Why tells the code), while a device of that user knows more of its log than is
// known here (fault.TooFarAhead: fetch it), when this device was revoked (fault.RevokedDevice), and before it is in its
// user's log (fault.Misuse). In a group such a member alone is left out, and the rest goes on; nothing is sealed in a group
// that has forked (fault.LogFork), that has ended (fault.Expired), whose member this user is not (fault.UntrustedSigner), or
// while the log of a member is missing (fault.TooFarAhead). If all devices must do suite 2 and one cannot, it is
// fault.UnsupportedVersion.
func (c *Conversation) Seal(ctx context.Context, id MessageID, contentType string, body []byte) ([]Parcel, error) {
	if c == nil || c.account == nil {
		return nil, errNoConversation
	}
	if isReserved(contentType) {
		return nil, fmt.Errorf("sotto: content type that begins with %q: %w", reserved, fault.Misuse)
	}
	return c.seal(ctx, id, contentType, body)
}

func (c *Conversation) seal(ctx context.Context, id MessageID, contentType string, body []byte) ([]Parcel, error) {
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
		b, err := c.account.prepareSession(ctx, c.place, false)
		if err != nil {
			return err
		}
		defer b.drop()
		return c.account.update(ctx, func(v *view) error {
			if parcels, err = v.sealedParcels(c.place.id(), &m); err != nil || parcels != nil {
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
		parcels, err = v.sealedParcels(c.place.id(), m)
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
	crew    *crew
	session *session.Session // nil when one that is there serves
	seal    []byte           // its envelope, nil when no device has a key
	to      []device.ID
	left    []*device.Record // devices that have no key, or of members to whom nothing is sealed
}

func (b *begun) drop() {
	if b.session != nil {
		b.session.Destroy()
	}
}

// prepareSession begins a session if a new one is due, or a fresh one is wanted in any case, and seals it to every device:
// the costly part, before the transaction.
func (a *Account) prepareSession(ctx context.Context, where place, fresh bool) (*begun, error) {
	b := &begun{}
	var prev *session.ID
	var targets []*device.MessagingKey
	var keys *device.Keys
	due := false
	err := a.view(ctx, func(v *view) (err error) {
		*b, targets, prev = begun{}, nil, nil
		if b.crew, err = v.crew(where); err != nil {
			return err
		}
		if a.hybrid && b.crew.roster.Suite() != device.Hybrid {
			return fmt.Errorf("sotto: a device of the conversation cannot do suite 2: %w", fault.UnsupportedVersion)
		}
		_, why, err := v.best(b.crew)
		if due = fresh || why != session.None; err != nil || !due {
			return err
		}
		if keys, err = v.keys(); err != nil {
			return err
		}
		if open, err := session.List(v.tx, where.id()); err != nil {
			return err
		} else if len(open) > 0 {
			prev = &open[len(open)-1].ID
		}
		targets, err = b.choose(v)
		return err
	})
	if err != nil || !due {
		return b, err
	}
	a.use.RLock()
	defer a.use.RUnlock()
	if b.session, err = session.Begin(keys, b.crew.place, a.policy, prev, a.now(), b.crew.logs); err != nil {
		return nil, err
	}
	if len(targets) > 0 {
		b.seal, err = b.session.SealTo(targets...)
	}
	return b, err
}

// choose finds the messaging key of every device. Devices without one are left out, and those of members to whom nothing is
// sealed.
func (b *begun) choose(v *view) ([]*device.MessagingKey, error) {
	var targets []*device.MessagingKey
	for _, cert := range b.crew.roster.Certs() {
		record, _ := b.crew.roster.Find(cert)
		m, err := b.keyOf(v, record)
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

// keyOf is the key to seal to, nil for a device that is left out.
func (b *begun) keyOf(v *view, r *device.Record) (*device.MessagingKey, error) {
	if b.crew.without[r.User()] != 0 {
		return nil, nil
	}
	return directory.Key(v.tx, b.crew.logs[r.User()], r.ID())
}

// keepBegun stores a session that was prepared, and puts its envelope into the outbox.
func (v *view) keepBegun(b *begun) error {
	for _, r := range b.left {
		if m, err := b.keyOf(v, r); err != nil {
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
	if err := v.putWithout(id, b.crew.without); err != nil {
		return err
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
func (v *view) seal(where place, b *begun, m *session.Content, to []device.ID) ([]Parcel, error) {
	id, err := v.sessionFor(where, b)
	if err != nil {
		return nil, err
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
	return v.send(b.crew, opened, data, to)
}

// sameCrew is errStale when others read the next message by now than those whom a session was prepared for.
func (v *view) sameCrew(where place, b *begun) error {
	w, err := v.crew(where)
	if err != nil {
		return err
	}
	if !w.place.SameState(b.crew.place) || w.roster.Version() != b.crew.roster.Version() || !maps.Equal(w.without, b.crew.without) {
		return errStale
	}
	return nil
}

// sessionFor is the session to seal on now: one that is there, or the one that was prepared, which is kept then.
func (v *view) sessionFor(where place, b *begun) (session.ID, error) {
	if err := v.sameCrew(where, b); err != nil {
		return session.ID{}, err
	}
	id, why, err := v.best(b.crew)
	if err != nil || why == session.None {
		return id, err
	}
	if b.session == nil {
		return session.ID{}, errStale
	}
	return b.session.ID(), v.keepBegun(b)
}

// best is the session to send the next message on. While nothing is sealed to a member of a group it must be one that this
// device began without him; others may have it from somebody else.
func (v *view) best(w *crew) (session.ID, session.Reason, error) {
	if len(w.without) == 0 {
		return session.Best(v.tx, w.place, w.roster, v.now(), nil)
	}
	return session.Best(v.tx, w.place, w.roster, v.now(), func(id session.ID) (bool, error) {
		users, err := v.without(id)
		for user := range w.without {
			if !slices.Contains(users, user) {
				return false, err
			}
		}
		return true, err
	})
}

// putWithout notes the users whom this device left out of a session that it began.
func (v *view) putWithout(id session.ID, users map[string]fault.Code) error {
	if len(users) == 0 {
		return nil
	}
	b := wire.AppendHead(nil, wire.MajorArray, uint64(len(users)))
	for _, user := range slices.Sorted(maps.Keys(users)) {
		b = wire.AppendText(b, user)
	}
	v.tx.Put(withoutName(id), b)
	return nil
}

func (v *view) without(id session.ID) ([]string, error) {
	b, found, err := v.tx.Get(withoutName(id))
	if err != nil || !found {
		return nil, err
	}
	r := wire.NewReader(b)
	users := make([]string, 0, 8)
	for range r.Array("without", device.MaxHeads) {
		users = append(users, r.Text("without", device.MaxUser))
	}
	return users, r.End("without")
}

func withoutName(id session.ID) store.Name {
	return store.Name{Room: "without", Parts: [][]byte{id[:]}}
}

// send puts a sealed message into the outbox.
func (v *view) send(w *crew, o *session.Opened, data []byte, to []device.ID) ([]Parcel, error) {
	message := MessageID(o.Content.ID)
	p := &parcelFields{
		Kind: string(ParcelMessage), Data: data, Conversation: &w.place.ID, Session: &o.Session, Message: &message,
		Type: o.Content.Type, Body: bytes.Clone(o.Content.Body), Sent: uint64(max(0, o.Content.Sent.Unix())),
	}
	for _, cert := range w.roster.Certs() {
		record, _ := w.roster.Find(cert)
		if id := record.ID(); !v.isOwn(record) && (to == nil || slices.Contains(to, id)) {
			p.To = append(p.To, id[:]...)
		}
	}
	s := sealed{parcel: p.id(), digest: digest(message, p.Type, p.Body)}
	if p.To == nil { // notes of the only device: there is nobody to send them to
		s.parcel = queue.ID{}
	}
	if err := s.put(v.tx, w.place.ID, message); err != nil || p.To == nil {
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
	members, err := session.Members(statement)
	if err != nil {
		return nil, err
	}
	logs := session.Logs{}
	for _, m := range members {
		l, err := v.users.Identity(v.tx, m.User, m.Root)
		if err != nil {
			return nil, err
		}
		logs[m.User] = l
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
