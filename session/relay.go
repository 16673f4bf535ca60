package session

import (
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/message"
)

// What a relay, which opens nothing, reads off envelopes and messages. None of it is verified.

// EnvelopeID returns the session that an envelope claims to bring.
func EnvelopeID(b []byte) (ID, error) {
	e, err := envelope.Parse(b)
	if err != nil {
		return ID{}, fmt.Errorf("session: %w", err)
	}
	return e.ID, nil
}

// Recipients returns the messaging keys that an envelope is sealed to.
func Recipients(b []byte) ([]device.KeyID, error) {
	e, err := envelope.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	ids := e.KeyIDs()
	to := make([]device.KeyID, len(ids))
	for i, id := range ids {
		to[i] = id
	}
	return to, nil
}

// Strip returns an envelope for one of its recipients alone: it spares the others' parts, 108 bytes each in suite 1, 1,202 in
// suite 2. It opens like the whole one. A messaging key that is no recipient is fault.NotForThisDevice.
func Strip(b []byte, to device.KeyID) ([]byte, error) {
	e, err := envelope.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	stripped, err := e.Strip(to)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return stripped, nil
}

// MessageSession returns how a message names its session.
func MessageSession(b []byte) (Prefix, error) {
	m, err := message.Parse(b)
	if err != nil {
		return Prefix{}, fmt.Errorf("session: %w", err)
	}
	return m.Prefix, nil
}
