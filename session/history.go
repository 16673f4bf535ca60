package session

import (
	"bytes"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/envelope"
)

// Claim is what the statement of a session says of itself: where it belongs, and whose logs Shared needs, up to where.
// Nothing of it is verified.
type Claim struct {
	Conversation device.Hash
	Entry        *device.Hash // of a group; nil in a conversation of one or two
	Members      []Member
	Heads        []device.Head
}

// ClaimOf reads it.
func ClaimOf(statement []byte) (*Claim, error) {
	s, err := envelope.ParseSigned(statement)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return &Claim{s.Conversation, (*device.Hash)(s.State), membersOf(s), headsOf(s)}, nil
}

// Shared verifies the statement of a session that a member of a group shares with one who came later, or a device with
// a new one of the same user, as ExportSecretStatement returned it. It is held against everything that Offer.Verify
// holds an envelope against, with the same errors, but that this device need not be in the roster: who shares is
// answerable for that. The session opens messages; Best never chooses it, because its roster is not the present one.
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
