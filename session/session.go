// Package session lets the devices of a conversation share a secret and send each other messages under it. A session is
// one random secret, made by one device in a signed statement, and sealed in an envelope to the messaging key of every
// device of every member. Its ID commits to the secret and to everything that the statement says.
//
// Most people need Begin and SealTo to make a session, OpenEnvelope and Offer.Verify to take one, Chains.Seal and
// Session.Open for messages. These are pure: they hold what they are given against the device logs that the caller passes.
// What a device remembers, which sessions are open, what it read and which session it sends on, lives in the caller's store
// transaction (Keep, Best, Take, Online). Time is an argument everywhere. The formats are in docs/spec/session.md.
package session

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/message"
	"github.com/sottokit/sotto/internal/secret"
)

// redacted keeps secrets out of everything that prints.
type redacted = secret.Redacted

// ID names a session: it follows from the secret and from everything that the statement says.
type ID [32]byte

// String returns the ID in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Prefix returns how messages name the session.
func (id ID) Prefix() Prefix { return Prefix(id[:len(Prefix{})]) }

// Prefix is the first half of an ID. Two sessions may share it: each is then tried.
type Prefix [16]byte

// String returns the prefix in hexadecimal.
func (p Prefix) String() string { return hex.EncodeToString(p[:]) }

// Logs are device logs by user ID: of each user the newest one that the caller has verified.
type Logs map[string]*device.Log

// Session is a secret that the devices of its roster share, and the statement that made it. It exists verified only: made
// by Begin, by Offer.Verify, or by Resume from the caller's own store. Apart from Destroy it is immutable, and it is safe
// for concurrent use. The zero value and nil are destroyed ones.
type Session struct {
	_ [0]func()
	redacted
	id        ID
	sender    device.CertID
	fields    envelope.Statement
	roster    *device.Roster
	statement *secret.Bytes // as it was signed: it holds the secret
	prk       *secret.Bytes // what the keys of the messages follow from
}

// fits holds a decoded statement against the roster that its heads make.
func fits(s *envelope.Signed, roster *device.Roster) error {
	switch _, ok := roster.Find(s.Sender); {
	case device.Hash(s.Roster) != roster.Hash():
		return fmt.Errorf("session: roster is not that of the logs at heads: %w", fault.Malformed)
	case s.Suite != uint64(roster.Suite()):
		return fmt.Errorf("session: suite %d, the roster has %d: %w", s.Suite, roster.Suite(), fault.Malformed)
	case !ok:
		return fmt.Errorf("session: sender is not in the roster: %w", fault.UntrustedSigner)
	}
	return nil
}

// newSession makes the session of a decoded statement that fits the roster. It owns statement, the bytes that were decoded.
func newSession(statement []byte, s *envelope.Signed, roster *device.Roster) (*Session, error) {
	prk, err := message.PRK(s.ID, s.Secret)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	fields := s.Statement
	fields.Heads = nil // the roster has them
	return &Session{
		redacted:  secret.Redact("session.Session", s.ID[:]),
		id:        s.ID,
		sender:    s.Sender,
		fields:    fields,
		roster:    roster,
		statement: secret.Own(statement),
		prk:       secret.Own(prk),
	}, nil
}

// Resume makes a session again from what ExportSecretStatement returned. It comes from the caller's own sealed store, so
// the signature is not checked again, but everything else is computed anew: what does not fit is fault.Damaged. A log that
// is missing or ends before it did when the session was made is fault.TooFarAhead.
func Resume(statement []byte, logs Logs) (*Session, error) {
	own := bytes.Clone(statement)
	s, err := resume(own, logs)
	if err != nil {
		clear(own)
	}
	if err != nil && !errors.Is(err, fault.TooFarAhead) {
		return nil, fmt.Errorf("session: statement is not the one that was kept: %w (%v)", fault.Damaged, err)
	}
	return s, err
}

// resume makes the session of a statement that this device made or verified. It owns statement.
func resume(statement []byte, logs Logs) (*Session, error) {
	s, err := envelope.ParseSigned(statement)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	roster, err := device.RosterAt(s.Conversation, s.Epoch, headsOf(s), logs)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	if err := fits(s, roster); err != nil {
		return nil, err
	}
	return newSession(statement, s, roster)
}

// headsOf are the heads that a statement claims.
func headsOf(s *envelope.Signed) []device.Head {
	heads := make([]device.Head, len(s.Heads))
	for i, h := range s.Heads {
		heads[i] = device.Head{User: h.User, Pin: device.Pin{Root: h.Root, Head: h.Head, Seq: h.Seq}}
	}
	return heads
}

// ExportSecretStatement returns the statement as it was signed, for Resume. It holds the session's secret: the caller keeps
// it sealed, erases it when the session closes, and wipes this copy.
func (s *Session) ExportSecretStatement() ([]byte, error) {
	if s == nil {
		return nil, fmt.Errorf("session: %w", fault.DestroyedKey)
	}
	b, err := s.statement.Export()
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return b, nil
}

// Destroy wipes the session's secret. It waits for running uses and is idempotent; later ones fail with fault.DestroyedKey.
func (s *Session) Destroy() {
	if s == nil {
		return
	}
	s.statement.Destroy()
	s.prk.Destroy()
}

// view is the session for those who only look: one that is none is the zero value.
func (s *Session) view() *Session {
	if s == nil {
		return &Session{}
	}
	return s
}

// ID returns the name of the session. What is public of a session is there even after Destroy.
func (s *Session) ID() ID { return s.view().id }

// Conversation returns the ID of the conversation.
func (s *Session) Conversation() device.Hash { return s.view().fields.Conversation }

// Epoch returns the epoch of the group, 0 in a conversation of one or two.
func (s *Session) Epoch() uint64 { return s.view().fields.Epoch }

// State returns the hash of the group entry that made the epoch, nil in a conversation of one or two.
func (s *Session) State() *device.Hash { return clonePointer((*device.Hash)(s.view().fields.State)) }

// Suite returns how the session gets to its devices: by the lowest suite of the roster. Only device.Hybrid keeps it from who
// records it now and has a quantum computer later. That of the zero value is 0.
func (s *Session) Suite() device.Suite { return device.Suite(s.view().fields.Suite) }

// Sender returns the record under which the session was made.
func (s *Session) Sender() device.CertID { return s.view().sender }

// Created returns when the session was made, by the sender's clock.
func (s *Session) Created() time.Time { return time.Unix(int64(s.view().fields.Created), 0) }

// Policy returns when to stop sending on the session.
func (s *Session) Policy() Policy {
	f := &s.view().fields
	return Policy{f.MaxMessages, time.Duration(f.MaxAge) * time.Second}
}

// Prev returns the session that the sender used before, nil for none. It is for people to see.
func (s *Session) Prev() *ID { return clonePointer((*ID)(s.view().fields.Prev)) }

// Roster returns the devices that may send and read. That of the zero value is empty.
func (s *Session) Roster() *device.Roster {
	if s == nil || s.roster == nil {
		return &device.Roster{}
	}
	return s.roster
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
