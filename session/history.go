package session

import (
	"bytes"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/envelope"
)

// HeadsOf returns the logs that Shared needs for a statement, and how far. They are claims.
func HeadsOf(statement []byte) ([]device.Head, error) {
	s, err := envelope.ParseSigned(statement)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return headsOf(s), nil
}

// GroupOf tells which group, and which entry of it, the statement of a session names, and whose logs Shared needs. They are
// claims. A statement of no group is fault.Malformed.
func GroupOf(statement []byte) (members []Member, id, entry device.Hash, err error) {
	s, err := envelope.ParseSigned(statement)
	if err == nil && s.State == nil {
		err = fmt.Errorf("statement of no group: %w", fault.Malformed)
	}
	if err != nil {
		return nil, id, entry, fmt.Errorf("session: %w", err)
	}
	return membersOf(s), s.Conversation, *s.State, nil
}

// Shared verifies the statement of a session of a group that a member shares with somebody who came later, as
// ExportSecretStatement returned it. It is held against everything that Offer.Verify holds an envelope against, with the
// same errors, but that this device need not be in the roster: who shares is answerable for that. The session opens
// messages; Best never chooses it, because its roster is not the present one.
func Shared(statement []byte, c *Conversation, now time.Time, logs Logs) (*Session, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s, err := envelope.ParseSigned(statement)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	own := bytes.Clone(statement)
	signed, roster, err := verify(own, s.ID, c, now, logs)
	if err != nil {
		clear(own)
		return nil, err
	}
	return newSession(own, signed, roster)
}
