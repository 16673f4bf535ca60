package session

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/envelope"
)

// Policy says when a device stops sending on a session and makes a new one. Devices cannot count alike, so each goes by
// what it sees itself.
type Policy struct {
	MaxMessages uint64        // sent and received: 1 to 10,000
	MaxAge      time.Duration // one hour to 30 days, in whole seconds
}

// DefaultPolicy is 100 messages and seven days.
func DefaultPolicy() Policy { return Policy{100, 7 * 24 * time.Hour} }

// Check refuses a policy out of range: fault.Misuse.
func (p Policy) Check() error {
	age := seconds(p.MaxAge)
	if p.MaxMessages < 1 || p.MaxMessages > envelope.MaxMessages || p.MaxAge < 0 || p.MaxAge%time.Second != 0 ||
		age < envelope.MinAge || age > envelope.MaxAge {
		return fmt.Errorf("session: policy out of range: %w", fault.Misuse)
	}
	return nil
}

// Begin makes a session with a fresh secret for every device of the members' logs as they are. prev is the session that
// the device used before in this conversation, nil for none.
//
// A device that is not in those logs, or whose record there is a newer one, is fault.Misuse, one that was revoked
// fault.RevokedDevice. A member's log that is missing is fault.Misuse, one with another root fault.IdentityChanged. The suite
// is the highest that every device can do (Session.Suite).
func Begin(me *device.Keys, c *Conversation, p Policy, prev *ID, now time.Time, logs Logs) (*Session, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	created, err := timestamp(now)
	if err != nil {
		return nil, err
	}
	roster, err := c.roster(logs)
	if err != nil {
		return nil, err
	}
	if err := mayBegin(me.Record(), roster, logs); err != nil {
		return nil, err
	}
	fields := envelope.Statement{
		Conversation: c.ID,
		Epoch:        c.Epoch,
		State:        (*[32]byte)(clonePointer(c.State)),
		Suite:        uint64(roster.Suite()),
		Roster:       roster.Hash(),
		Heads:        statementHeads(roster),
		Created:      created,
		MaxMessages:  p.MaxMessages,
		MaxAge:       seconds(p.MaxAge),
		Prev:         (*[32]byte)(clonePointer(prev)),
	}
	secret := make([]byte, envelope.SecretSize)
	rand.Read(secret)
	defer clear(secret)
	statement, err := me.SignSession(&fields, secret)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	s, err := resume(statement, logs)
	if err != nil { // the record was replaced since mayBegin looked
		clear(statement)
	}
	return s, err
}

// mayBegin refuses a device that is not in the roster.
func mayBegin(r *device.Record, roster *device.Roster, logs Logs) error {
	if r == nil {
		return fmt.Errorf("session: %w", fault.DestroyedKey)
	}
	if _, ok := roster.Find(r.Cert()); ok {
		return nil
	}
	if l := logs[r.User()]; l != nil && errors.Is(l.Standing(r.Cert()), fault.RevokedDevice) {
		return fmt.Errorf("session: this device was revoked: %w", fault.RevokedDevice)
	}
	return fmt.Errorf("session: this device is not in the logs of the members: %w", fault.Misuse)
}

func statementHeads(r *device.Roster) []envelope.Head {
	heads := r.Heads()
	out := make([]envelope.Head, len(heads))
	for i, h := range heads {
		out[i] = envelope.Head{User: h.User, Root: h.Pin.Root, Seq: h.Pin.Seq, Head: h.Pin.Head}
	}
	return out
}

// timestamp is a time as the formats have it: Unix seconds.
func timestamp(t time.Time) (uint64, error) {
	const limit = 1 << 53
	if s := t.Unix(); s >= 0 && s < limit {
		return uint64(s), nil
	}
	return 0, fmt.Errorf("session: a time before 1970: %w", fault.Misuse)
}

// SealTo seals the session to messaging keys: in the first envelope to that of every device, later again to that of one who
// missed it, whoever made the session. All cores work on it. No key at all, one twice, or one of a device
// that is not in the roster is fault.Misuse.
func (s *Session) SealTo(keys ...*device.MessagingKey) ([]byte, error) {
	statement, err := s.ExportSecretStatement()
	if err != nil {
		return nil, err
	}
	defer clear(statement)
	to, err := s.recipients(keys)
	if err != nil {
		return nil, err
	}
	signed, err := envelope.ParseSigned(statement)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	r := make([]byte, envelope.SecretSize)
	rand.Read(r)
	var ephemeral *ecdh.PrivateKey // suite 2 makes one for each recipient
	if s.Suite() == device.Classical {
		ephemeral = ecdh.Generate()
		defer ephemeral.Destroy()
	}
	b, err := envelope.Seal(signed, statement, r, ephemeral, to)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return b, nil
}

func (s *Session) recipients(keys []*device.MessagingKey) ([]envelope.Recipient, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("session: no key to seal to: %w", fault.Misuse)
	}
	to := make([]envelope.Recipient, len(keys))
	seen := make(map[device.KeyID]bool, len(keys))
	for i, k := range keys {
		if k == nil {
			return nil, fmt.Errorf("session: key %d is nil: %w", i, fault.Misuse)
		}
		if _, ok := s.roster.Find(k.Cert()); !ok {
			return nil, fmt.Errorf("session: key %d is of no device in the roster: %w", i, fault.Misuse)
		}
		if seen[k.ID()] {
			return nil, fmt.Errorf("session: key %d comes twice: %w", i, fault.Misuse)
		}
		seen[k.ID()] = true
		to[i] = envelope.Recipient{KeyID: k.ID(), Cert: k.Cert(), Key: k.X25519(), Hybrid: k.Hybrid()}
	}
	return to, nil
}
