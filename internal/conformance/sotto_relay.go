package conformance

import (
	"errors"
	"fmt"

	"github.com/sottokit/sotto/session"
)

// sottoRelay is what a relay does with an envelope: it hands a device the part that is for it.
type sottoRelay struct {
	Inputs  relayInputs  `json:"inputs"`
	Outputs relayOutputs `json:"outputs"`
}

type relayInputs struct {
	Envelope octets `json:"envelope"`
	To       octets `json:"to"`
}

type relayOutputs struct {
	SessionID octets   `json:"session_id"`
	KeyIDs    []octets `json:"key_ids"`
	Stripped  octets   `json:"stripped"`
}

func (c *sottoRelay) read() error {
	in, out := &c.Inputs, &c.Outputs
	stripped, err := session.Strip(in.Envelope, keyID(in.To))
	if err != nil {
		return err
	}
	return errors.Join(
		equal("stripped envelope", stripped, out.Stripped),
		routes("envelope", in.Envelope, out.SessionID, out.KeyIDs),
		routes("stripped envelope", stripped, out.SessionID, []octets{in.To}))
}

// write strips what is stripped already: nothing changes.
func (c *sottoRelay) write() error {
	again, err := session.Strip(c.Outputs.Stripped, keyID(c.Inputs.To))
	return errors.Join(err, equal("envelope stripped twice", again, c.Outputs.Stripped))
}

// routes compares whom an envelope is for, and of which session it is.
func routes(what string, envelope, of []byte, to []octets) error {
	id, err := session.EnvelopeID(envelope)
	if err != nil {
		return err
	}
	keys, err := session.Recipients(envelope)
	if err != nil {
		return err
	}
	if len(keys) != len(to) {
		return fmt.Errorf("%s for %d keys, want %d", what, len(keys), len(to))
	}
	for i, k := range keys {
		err = errors.Join(err, equal(fmt.Sprintf("%s: key ID %d", what, i), k[:], to[i]))
	}
	return errors.Join(err, equal(what+": session", id[:], of))
}
