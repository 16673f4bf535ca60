package sotto

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
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
	return c.seal(ctx, id, contentType, body, nil)
}

// seal seals a message for the devices of to, nil for all.
func (c *Conversation) seal(ctx context.Context, id MessageID, contentType string, body []byte, to []device.ID) ([]Parcel, error) {
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
			parcels, err = v.seal(c.place, b, &m, to)
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
	chains := &v.chains
	if to != nil {
		chains = &v.aside
	}
	data, opened, err := chains.Seal(nil, s, keys, *m)
	if err != nil {
		return nil, err
	}
	if _, err := session.Take(v.tx, opened); err != nil {
		return nil, err
	}
	return v.send(b.crew, opened, data, to)
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
