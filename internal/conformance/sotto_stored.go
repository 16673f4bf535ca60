package conformance

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
)

// sottoStored is a statement from a device's own store.
type sottoStored struct {
	Inputs struct {
		Logs []json.RawMessage `json:"logs"`
		Seed octets            `json:"seed"` // of the sender
	} `json:"inputs"`
	Outputs struct {
		SessionID    octets `json:"session_id"`
		Conversation octets `json:"conversation"`
		Roster       octets `json:"roster"`
		Sender       octets `json:"sender"`
		Statement    octets `json:"statement"`
	} `json:"outputs"`
}

func (c *sottoStored) read() error {
	out := &c.Outputs
	logs, err := readLogs(c.Inputs.Logs)
	if err != nil {
		return err
	}
	s, err := session.Resume(out.Statement, logs)
	if err != nil {
		return err
	}
	statement, err := s.ExportSecretStatement()
	id, of, roster, sender := s.ID(), s.Conversation(), s.Roster().Hash(), s.Sender()
	s.Destroy()
	if _, again := s.ExportSecretStatement(); fault.Of(again) != fault.DestroyedKey {
		return fmt.Errorf("after Destroy: %v, want %w", again, fault.DestroyedKey)
	}
	return errors.Join(err,
		equal("session ID", id[:], out.SessionID),
		equal("conversation", of[:], out.Conversation),
		equal("roster", roster[:], out.Roster),
		equal("sender", sender[:], out.Sender),
		equal("statement", statement, out.Statement))
}

// write makes the statement anew from what it says.
func (c *sottoStored) write() error {
	var f statementForm
	kid, err := readForm(c.Outputs.Statement, &f)
	if err != nil {
		return err
	}
	_, id, err1 := f.sessionID(kid)
	b, err2 := f.sign(c.Inputs.Seed, kid)
	return errors.Join(err1, err2,
		equal("session ID made anew", id, c.Outputs.SessionID),
		equal("statement made anew", b, c.Outputs.Statement))
}
