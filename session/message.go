package session

import (
	"crypto/sha256"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/message"
	"github.com/sottokit/sotto/internal/wire"
)

// MessageID names a message for the app, which draws it at random.
type MessageID [16]byte

// Content is what is sent: signed by the device, padded, and sealed.
type Content struct {
	ID     MessageID
	Sent   time.Time // by the sender's clock, in whole seconds
	Type   string    // what Body is, for the app: UTF-8 of at most 64 bytes
	Body   []byte
	KeyGen uint64 // the generation of the sender's newest messaging key, set by Seal: above the one at hand, fetch it
}

// Place is where a message stands: its sender, one of his chains in the session, and the counter there. No device uses one
// twice.
type Place struct {
	Sender  device.CertID
	Chain   [8]byte
	Counter uint64
}

// Opened is a verified message.
type Opened struct {
	Session ID
	Place   Place
	Content Content
	Hash    device.Hash // of the content as it was signed: the same message has the same one
	From    *device.Record
}

// MaxMessage bounds a message, in bytes.
const MaxMessage = message.MaxSize

// Open opens and verifies a message of this session. It changes nothing: whether the message was read before is for Take to
// say. logs are the newest ones.
//
// What does not open in this session is fault.Damaged, and so is a message that names another one. A counter that no
// honest device reaches is fault.OverLimit. A signer outside of the roster, and a signature that is not his for this
// place, is fault.UntrustedSigner, a device that was revoked since fault.RevokedDevice.
func (s *Session) Open(b []byte, logs Logs) (*Opened, error) {
	m, err := message.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	content, err := s.open(m)
	if err != nil {
		return nil, err
	}
	signed, err := message.ParseContent(content)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	from, ok := s.roster.Find(signed.Sender)
	if !ok {
		return nil, fmt.Errorf("session: message: sender is not in the roster: %w", fault.UntrustedSigner)
	}
	l := logs[from.User()]
	if l == nil {
		return nil, fmt.Errorf("session: message: no log of its sender: %w", fault.TooFarAhead)
	}
	if err := l.Standing(signed.Sender); err != nil {
		return nil, fmt.Errorf("session: message: %w", err)
	}
	at := message.Place{Session: s.id, Chain: m.Chain, Counter: m.Counter}
	place := cose.Context{Type: wire.LabelContent, AAD: at.ContentAAD(signed.Sender)}
	if _, err := from.Verifier().Verify1(content, place); err != nil {
		return nil, fmt.Errorf("session: message: %w", err)
	}
	return opened(&at, from, content, &signed.Content), nil
}

// open returns the signed content of a message.
func (s *Session) open(m *message.Message) (content []byte, err error) {
	switch v := s.view(); {
	case v.prk == nil:
		return nil, fmt.Errorf("session: %w", fault.DestroyedKey)
	case Prefix(m.Prefix) != v.id.Prefix():
		return nil, fmt.Errorf("session: message of another session: %w", fault.Damaged)
	case m.Counter >= v.fields.MaxMessages:
		return nil, fmt.Errorf("session: message: counter %d, the session has %d: %w", m.Counter, v.fields.MaxMessages, fault.OverLimit)
	}
	err = s.prk.Use(func(prk []byte) (err error) {
		content, err = m.Open(s.id, prk)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return content, nil
}

// opened is the message of verified content.
func opened(at *message.Place, from *device.Record, content []byte, c *message.Content) *Opened {
	return &Opened{
		Session: at.Session,
		Place:   Place{Sender: from.Cert(), Chain: at.Chain, Counter: at.Counter},
		Content: Content{ID: c.ID, Sent: time.Unix(int64(c.Sent), 0), Type: c.Type, Body: c.Body, KeyGen: c.KeyGen},
		Hash:    sha256.Sum256(content),
		From:    from,
	}
}

// fields are the content as it is signed.
func (c *Content) fields() (*message.Content, error) {
	sent, err := timestamp(c.Sent)
	if err != nil {
		return nil, err
	}
	if len(c.Type) > message.MaxType || !utf8.ValidString(c.Type) {
		return nil, fmt.Errorf("session: type of %d bytes is not UTF-8 of at most %d: %w", len(c.Type), message.MaxType, fault.Misuse)
	}
	if len(c.Body) > MaxMessage {
		return nil, fmt.Errorf("session: body of %d bytes: %w", len(c.Body), fault.OverLimit)
	}
	return &message.Content{ID: c.ID, Sent: sent, Type: c.Type, Body: c.Body}, nil
}
