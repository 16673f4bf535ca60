package conformance

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/message"
	"github.com/sottokit/sotto/internal/pad"
	"github.com/sottokit/sotto/session"
)

// sottoMessage is a message in a session.
type sottoMessage struct {
	Inputs struct {
		Logs      []json.RawMessage `json:"logs"`
		Statement octets            `json:"statement"`
		Behind    int               `json:"behind"`
		Sender    sessionSender     `json:"sender"`
		State     octets            `json:"state"` // of the sender
		Chain     octets            `json:"chain_id"`
		Counter   uint64            `json:"counter"`
		ID        octets            `json:"message_id"`
		Sent      int64             `json:"sent"`
		Type      string            `json:"type"`
		Body      octets            `json:"body"`
		KeyGen    uint64            `json:"key_gen"`
		R         octets            `json:"r"`
	} `json:"inputs"`
	Outputs struct {
		SessionID  octets `json:"session_id"`
		PRK        octets `json:"prk"`
		MessageKey octets `json:"message_key"`
		IVKey      octets `json:"iv_key"`
		IV         octets `json:"iv"`
		Content    octets `json:"content"`
		Hash       octets `json:"hash"`
		Message    octets `json:"message"`
	} `json:"outputs"`
}

func (c *sottoMessage) read() error {
	in, out := &c.Inputs, &c.Outputs
	b, err := withZeros(out.Message, in.Behind, message.MaxSize)
	if err != nil {
		return err
	}
	logs, err := readLogs(in.Logs)
	if err != nil {
		return err
	}
	s, err := session.Resume(in.Statement, logs)
	if err != nil {
		return fmt.Errorf("statement: %v", err) // no refusal of the message
	}
	defer s.Destroy()
	o, err := s.Open(b, logs)
	if err != nil {
		return err
	}
	prefix, err := session.MessageSession(b)
	of, from := o.Session, o.From.Cert()
	return errors.Join(err,
		equal("session", of[:], out.SessionID),
		equal("how the message names the session", prefix[:], out.SessionID[:min(16, len(out.SessionID))]),
		equal("sender", o.Place.Sender[:], in.Sender.Cert),
		equal("record of the sender", from[:], in.Sender.Cert),
		equal("chain", o.Place.Chain[:], in.Chain),
		same("counter", o.Place.Counter, in.Counter),
		equal("message ID", o.Content.ID[:], in.ID),
		same("time", o.Content.Sent.Unix(), in.Sent),
		same("type", o.Content.Type, in.Type),
		equal("body", o.Content.Body, in.Body),
		same("generation of the device-key", o.Content.KeyGen, in.KeyGen),
		equal("hash of the content", o.Hash[:], out.Hash))
}

func (c *sottoMessage) write() error {
	in, out := &c.Inputs, &c.Outputs
	at, err := placeOf(out.SessionID, in.Chain, in.Counter)
	if err != nil {
		return err
	}
	var statement statementForm
	_, err1 := readForm(in.Statement, &statement)
	prk, err2 := message.PRK(at.Session, statement.Secret)
	keys, err3 := messageKeys(prk, at)
	content, err4 := c.sign(at)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	b, err := message.Seal(nil, &at, prk, in.R, content)
	return errors.Join(err,
		equal("PRK", prk, out.PRK),
		equal("message key", keys[:32], out.MessageKey),
		equal("key of the IV", keys[32:], out.IVKey),
		equal("IV", hedgedIV(keys[32:], in.R, content), out.IV),
		equal("content made anew", content, out.Content),
		equal("hash of the content made anew", hashOf(content), out.Hash),
		equal("message made anew", b, out.Message),
		c.send())
}

// sign makes the content for a place.
func (c *sottoMessage) sign(at message.Place) ([]byte, error) {
	in := &c.Inputs
	return signForm(in.Sender.Seed, in.Sender.Cert, contentForm{
		ID: in.ID, Sent: uint64(in.Sent), Type: in.Type, Body: in.Body, KeyGen: in.KeyGen, at: at, sender: in.Sender.Cert,
	})
}

// send has the sender seal the same in a chain of its own: at that place the same construction signs the same content.
func (c *sottoMessage) send() error {
	in := &c.Inputs
	logs, err := readLogs(in.Logs)
	if err != nil {
		return err
	}
	s, err := session.Resume(in.Statement, logs)
	if err != nil {
		return err
	}
	defer s.Destroy()
	keys, err := device.ParseKeys(in.State)
	if err != nil {
		return err
	}
	defer keys.Destroy()
	var chains session.Chains
	b, sent, err := chains.Seal(nil, s, keys, session.Content{
		ID: session.MessageID(deviceID(in.ID)), Sent: time.Unix(in.Sent, 0), Type: in.Type, Body: in.Body,
	})
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	read, err := s.Open(b, logs)
	if err != nil {
		return fmt.Errorf("message that sotto seals: %w", err)
	}
	content, err := c.sign(message.Place{Session: read.Session, Chain: read.Place.Chain, Counter: read.Place.Counter})
	return errors.Join(err,
		equal("hash of the content that sotto signs", read.Hash[:], hashOf(content)),
		same("whether sealing and opening say the same", sent.Hash == read.Hash && sent.Place == read.Place, true))
}

// hedgedIV is the IV of a message, in which r and the content have a part.
func hedgedIV(key, r, content []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(r)
	mac.Write(hashOf(pad.Append(nil, content)))
	return mac.Sum(nil)[:12]
}
