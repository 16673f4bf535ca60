package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/session"
)

// sottoSessionKinds are the kinds of cases about sessions. The map is written nowhere.
var sottoSessionKinds = sottoKinds{
	"session":          sottoForm[sottoSession],
	"stored_statement": sottoForm[sottoStored],
	"relay":            sottoForm[sottoRelay],
	"message":          sottoForm[sottoMessage],
	"session_request":  sottoForm[sottoSessionRequest],
	"padding":          sottoForm[sottoPadding],
	"padded_lengths":   sottoForm[sottoLengths],
	"sequence":         sottoForm[sottoSequence],
}

// sottoSession is a session: its statement, the envelope that brings it, and the devices that read it.
type sottoSession struct {
	Inputs struct {
		sessionScene
		Now    int64 `json:"now"`
		Behind int   `json:"behind"` // so many zero bytes stand behind the envelope

		Readers []json.RawMessage `json:"readers"` // of sessionReader

		Sender      sessionSender     `json:"sender"`
		Suite       uint64            `json:"suite"`
		Heads       []json.RawMessage `json:"heads"` // of headForm
		Created     int64             `json:"created"`
		MaxMessages uint64            `json:"max_messages"`
		MaxAge      int64             `json:"max_age"`
		Prev        octets            `json:"prev,omitempty"`
		Secret      octets            `json:"secret"`
		R           octets            `json:"r"`
		Recipients  []octets          `json:"recipients"` // device-keys

		Ephemeral      octets            `json:"ephemeral,omitempty"`      // in suite 1
		Encapsulations []json.RawMessage `json:"encapsulations,omitempty"` // in suite 2, of each recipient
	} `json:"inputs"`
	Outputs struct {
		Conversation octets   `json:"conversation"`
		Devices      []octets `json:"devices"`
		Roster       octets   `json:"roster"`
		ParamsHash   octets   `json:"params_hash"`
		SessionID    octets   `json:"session_id"`
		Statement    octets   `json:"statement"`
		CEK          octets   `json:"cek"`
		IV           octets   `json:"iv"`
		KeyIDs       []octets `json:"key_ids"`
		KEKs         []octets `json:"keks,omitempty"` // in suite 1
		Envelope     octets   `json:"envelope"`
		Stripped     []octets `json:"stripped"` // of each recipient
	} `json:"outputs"`
}

type sessionSender struct {
	Cert octets `json:"cert_id"`
	Seed octets `json:"seed"`
}

// read has each device open the envelope, and its own part of it that a relay may have handed on.
func (c *sottoSession) read() error {
	in, out := &c.Inputs, &c.Outputs
	whole, err := withZeros(out.Envelope, in.Behind, envelope.MaxSize)
	if err != nil {
		return err
	}
	for i, object := range in.Readers {
		r, err := readReader(object)
		if err != nil {
			return fmt.Errorf("reader %d: %w", i, err)
		}
		defer r.keys.Destroy()
		if err := c.readBy(r, whole); err != nil {
			return fmt.Errorf("reader %d: %w", i, err)
		}
		for j, id := range out.KeyIDs {
			if !slices.Contains(r.keys.KeyIDs(), keyID(id)) {
				continue
			}
			if j >= len(out.Stripped) {
				return errors.New("fewer stripped envelopes than recipients")
			}
			if err := c.readBy(r, out.Stripped[j]); err != nil {
				return fmt.Errorf("reader %d, stripped envelope: %w", i, err)
			}
		}
	}
	return c.routed(whole)
}

// readBy opens and verifies an envelope as one device.
func (c *sottoSession) readBy(r *sessionReader, b []byte) error {
	in := &c.Inputs
	conversation, logs, err := in.parts()
	if err != nil {
		return err
	}
	offer, err := session.OpenEnvelope(r.keys, b)
	if err != nil {
		return err
	}
	defer offer.Destroy()
	s, err := offer.Verify(r.keys.Record().Cert(), conversation, time.Unix(in.Now, 0), logs)
	if err != nil {
		return err
	}
	defer s.Destroy()
	heads, err := c.heads()
	if err != nil {
		return err
	}
	offered := offer.ID()
	id, epoch, state := offer.Conversation()
	return errors.Join(c.same(s),
		equal("ID before it is verified", offered[:], c.Outputs.SessionID),
		equal("conversation before it is verified", id[:], c.Outputs.Conversation),
		same("epoch before it is verified", epoch, conversation.Epoch),
		same("suite before it is verified", offer.Suite(), device.Suite(c.Inputs.Suite)),
		equal("state before it is verified", orNone(state), orNone(conversation.State)),
		same("whether the heads are the same before it is verified", slices.Equal(offer.Heads(), headsOf(heads)), true))
}

// same compares a session with what the file says of it.
func (c *sottoSession) same(s *session.Session) error {
	in, out := &c.Inputs, &c.Outputs
	conversation, _, err1 := in.parts()
	heads, err2 := c.heads()
	statement, err3 := s.ExportSecretStatement()
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	roster := s.Roster()
	hash, sender, id := roster.Hash(), s.Sender(), s.ID()
	of := s.Conversation()
	return errors.Join(
		equal("session ID", id[:], out.SessionID),
		equal("conversation", of[:], out.Conversation),
		same("epoch", s.Epoch(), conversation.Epoch),
		same("suite", s.Suite(), device.Suite(in.Suite)),
		equal("state", orNone(s.State()), orNone(conversation.State)),
		equal("sender", sender[:], in.Sender.Cert),
		same("time", s.Created().Unix(), in.Created),
		same("policy", s.Policy(), c.policy()),
		equal("session before", orNone(s.Prev()), in.Prev),
		equal("roster", hash[:], out.Roster),
		same("whether the devices are the same", slices.EqualFunc(roster.Certs(), out.Devices, isCert), true),
		same("whether the heads are the same", slices.Equal(roster.Heads(), headsOf(heads)), true),
		equal("statement", statement, out.Statement))
}

func isCert(have device.CertID, want octets) bool { return string(have[:]) == string(want) }

func (c *sottoSession) policy() session.Policy {
	return session.Policy{MaxMessages: c.Inputs.MaxMessages, MaxAge: time.Duration(c.Inputs.MaxAge) * time.Second}
}

// routed compares what a relay sees.
func (c *sottoSession) routed(whole []byte) error {
	out := &c.Outputs
	if len(out.Stripped) != len(out.KeyIDs) {
		return fmt.Errorf("%d stripped envelopes of %d recipients", len(out.Stripped), len(out.KeyIDs))
	}
	for i, id := range out.KeyIDs {
		relay := sottoRelay{relayInputs{whole, id}, relayOutputs{out.SessionID, out.KeyIDs, out.Stripped[i]}}
		if err := relay.read(); err != nil {
			return err
		}
	}
	return nil
}

func (c *sottoSession) heads() ([]headForm, error) {
	heads := make([]headForm, len(c.Inputs.Heads))
	for i, object := range c.Inputs.Heads {
		if err := decode(object, &heads[i]); err != nil {
			return nil, fmt.Errorf("head %d: %w", i, err)
		}
	}
	return heads, nil
}
