package conformance

import (
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/session"
)

// write makes everything anew from what is random elsewhere, and has the sender, if it is among the readers, make a session
// of its own.
func (c *sottoSession) write() error {
	in, out := &c.Inputs, &c.Outputs
	f, err := c.form()
	if err != nil {
		return err
	}
	f.Secret = in.Secret
	params, id, err1 := f.sessionID(in.Sender.Cert)
	statement, err2 := f.sign(in.Sender.Seed, in.Sender.Cert)
	cek, iv, err3 := contentKeys(in.Secret, statement, in.R)
	roster, err4 := rosterOf(f.Conversation, f.Epoch, plain(out.Devices))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	err = errors.Join(
		equal("conversation made anew", f.Conversation, out.Conversation),
		equal("roster made anew", roster, out.Roster),
		equal("hash of the parameters", params, out.ParamsHash),
		equal("session ID made anew", id, out.SessionID),
		equal("statement made anew", statement, out.Statement),
		equal("content key", cek, out.CEK),
		equal("IV", iv, out.IV))
	if err != nil {
		return err
	}
	logs, err := c.logsThen(f.Heads)
	if err != nil {
		return err
	}
	writeEnvelope := c.writeEnvelope
	if in.Suite == uint64(device.Hybrid) {
		writeEnvelope = c.writeEnvelope2
	}
	return errors.Join(writeEnvelope(), c.begin(f, logs))
}

// logsThen are the logs as they were when the session was made.
func (c *sottoSession) logsThen(heads []headForm) (session.Logs, error) {
	logs, err := readLogs(c.Inputs.Logs)
	for _, h := range heads {
		l, ok := logs[h.User]
		if !ok {
			return nil, errors.New("no log of a member")
		}
		if logs[h.User], err = l.At(h.Seq); err != nil {
			return nil, err
		}
	}
	return logs, err
}

// form is what the statement says, without the secret.
func (c *sottoSession) form() (f statementForm, err error) {
	in := &c.Inputs
	conversation, err := in.form()
	if err != nil {
		return f, err
	}
	heads, err := c.heads()
	if err != nil {
		return f, err
	}
	return statementForm{paramsForm: paramsForm{
		Conversation: conversation.ID, Epoch: conversation.Epoch, State: (*[]byte)(conversation.State), Suite: in.Suite,
		Roster: c.Outputs.Roster, Heads: heads, Created: uint64(in.Created),
		MaxMessages: in.MaxMessages, MaxAge: uint64(in.MaxAge), Prev: orNil(in.Prev),
	}}, nil
}

func (c *sottoSession) writeEnvelope() error {
	in, out := &c.Inputs, &c.Outputs
	ephemeral, err := ecdh.NewPrivateKey(in.Ephemeral)
	if err != nil {
		return err
	}
	if len(in.Recipients) != len(out.KeyIDs) || len(in.Recipients) != len(out.KEKs) {
		return fmt.Errorf("%d recipients, %d key IDs, %d keys", len(in.Recipients), len(out.KeyIDs), len(out.KEKs))
	}
	var to []envelope.Recipient
	for i, b := range in.Recipients {
		r, err := recipientOf(b)
		if err != nil {
			return fmt.Errorf("recipient %d: %w", i, err)
		}
		to = append(to, r)
		kek, err := recipientKEK(ephemeral, out.SessionID, r)
		if err := errors.Join(err, equal("key ID", r.KeyID[:], out.KeyIDs[i]), equal("KEK", kek, out.KEKs[i])); err != nil {
			return fmt.Errorf("recipient %d: %w", i, err)
		}
	}
	b, err := sealStatement(out.Statement, in.R, ephemeral, to)
	return errors.Join(err, equal("envelope made anew", b, out.Envelope))
}

// writeEnvelope2 is the same in suite 2, from the encapsulations on.
func (c *sottoSession) writeEnvelope2() error {
	in, out := &c.Inputs, &c.Outputs
	if len(in.Recipients) != len(out.KeyIDs) || len(in.Recipients) != len(in.Encapsulations) {
		return fmt.Errorf("%d recipients, %d key IDs, %d encapsulations", len(in.Recipients), len(out.KeyIDs), len(in.Encapsulations))
	}
	var recipients []any
	for i, b := range in.Recipients {
		to, err1 := recipientOf(b)
		var e encapsulation
		err2 := decode(in.Encapsulations[i], &e)
		sealed, err3 := sealForm2(e.Shared, out.SessionID, to.KeyID[:], to.Cert[:], out.CEK)
		r, err4 := recipientForm2(to.KeyID[:], e.Key, sealed)
		if err := errors.Join(err1, err2, err3, err4, equal("key ID", to.KeyID[:], out.KeyIDs[i])); err != nil {
			return fmt.Errorf("recipient %d: %w", i, err)
		}
		recipients = append(recipients, r)
	}
	b, err := envelopeForm(out.SessionID, out.Statement, out.CEK, out.IV, recipients)
	return errors.Join(err, equal("envelope made anew", b, out.Envelope))
}

// begin has the sender begin a session as this one is, at the same time. Only its secret is another one: with that the same
// construction makes the same statement.
func (c *sottoSession) begin(f statementForm, logs session.Logs) error {
	in := &c.Inputs
	conversation, _, err := in.parts()
	if err != nil {
		return err
	}
	to, err := c.accept(logs)
	if err != nil {
		return err
	}
	for i, object := range in.Readers {
		r, err := readReader(object)
		if err != nil {
			return fmt.Errorf("reader %d: %w", i, err)
		}
		defer r.keys.Destroy()
		if cert := r.keys.Record().Cert(); string(cert[:]) != string(in.Sender.Cert) {
			continue
		}
		s, err := session.Begin(r.keys, conversation, c.policy(), orNilID(in.Prev), time.Unix(in.Created, 0), logs)
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		defer s.Destroy()
		statement, err := s.ExportSecretStatement()
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		var own statementForm
		if _, err := readForm(statement, &own); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		f.Secret = own.Secret
		again, err := f.sign(in.Sender.Seed, in.Sender.Cert)
		if err := errors.Join(err, equal("statement that sotto makes", statement, again)); err != nil {
			return err
		}
		return c.sealed(s, conversation, logs, to)
	}
	return nil
}

// accept has the logs accept the device-keys of the recipients.
func (c *sottoSession) accept(logs session.Logs) ([]*device.MessagingKey, error) {
	var to []*device.MessagingKey
	for i, b := range c.Inputs.Recipients {
		m, err := acceptAny(b, logs)
		if err != nil {
			return nil, fmt.Errorf("recipient %d: %w", i, err)
		}
		to = append(to, m)
	}
	return to, nil
}

// sealed has a session that was just begun sealed to the recipients and read by the readers.
func (c *sottoSession) sealed(
	s *session.Session, conversation *session.Conversation, logs session.Logs, to []*device.MessagingKey,
) error {
	b, err := s.SealTo(to...)
	err = errors.Join(err, same("size of the envelope that sotto makes", len(b), len(c.Outputs.Envelope)))
	if err != nil {
		return err
	}
	for i, object := range c.Inputs.Readers {
		r, err := readReader(object)
		if err != nil {
			return fmt.Errorf("reader %d: %w", i, err)
		}
		defer r.keys.Destroy()
		offer, err := session.OpenEnvelope(r.keys, b)
		if err != nil {
			return fmt.Errorf("envelope that sotto makes: %w", err)
		}
		defer offer.Destroy()
		read, err := offer.Verify(r.keys.Record().Cert(), conversation, s.Created(), logs)
		if err != nil {
			return fmt.Errorf("envelope that sotto makes: %w", err)
		}
		defer read.Destroy()
		if err := same("session that sotto makes", read.ID(), s.ID()); err != nil {
			return err
		}
	}
	return nil
}
