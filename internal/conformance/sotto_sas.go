package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/sas"
	"github.com/sottokit/sotto/safetynumber"
)

// sottoSAS is an attempt of two devices at a short authentication string, step by step. What either of them receives need
// not be what the other one sent.
type sottoSAS struct {
	Inputs struct {
		Initiator   sasSide `json:"initiator"`
		Responder   sasSide `json:"responder"`
		Transaction octets  `json:"transaction"`
	} `json:"inputs"`
	Outputs struct {
		Steps []json.RawMessage `json:"steps"` // of sasStep
	} `json:"outputs"`
}

// sasSide is what one of the devices holds of both users, and its key.
type sasSide struct {
	Me     partyForm `json:"me"`
	Peer   partyForm `json:"peer"`
	X25519 octets    `json:"x25519"`
}

// sasStep is what one device does, and what comes of it.
type sasStep struct {
	At      string `json:"at"` // initiator, responder
	Do      string `json:"do"` // start, accept, receive, confirm, deny, cancel
	Message octets `json:"message,omitempty"`

	Reply    octets   `json:"reply,omitempty"`
	Fault    string   `json:"fault,omitempty"`
	State    string   `json:"state,omitempty"`    // none before the attempt has begun
	Emoji    []string `json:"emoji,omitempty"`    // where they show first
	Decimals []int    `json:"decimals,omitempty"` // the same
}

// sasDevice is a device in the course of an attempt.
type sasDevice struct {
	seed     sas.Seed
	me, peer safetynumber.Party
	sas      *safetynumber.SAS
	shown    bool
}

func (c *sottoSAS) device(side *sasSide) (*sasDevice, error) {
	me, peer, err := parties(&side.Me, &side.Peer)
	if err != nil {
		return nil, err
	}
	key, err := ecdh.NewPrivateKey(side.X25519)
	if err != nil {
		return nil, err
	}
	if len(c.Inputs.Transaction) != len(sas.Transaction{}) {
		return nil, errors.New("transaction of another length")
	}
	return &sasDevice{me: me, peer: peer, seed: sas.Seed{Transaction: sas.Transaction(c.Inputs.Transaction), Key: key}}, nil
}

func (c *sottoSAS) read() error {
	initiator, err1 := c.device(&c.Inputs.Initiator)
	responder, err2 := c.device(&c.Inputs.Responder)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	devices := map[string]*sasDevice{"initiator": initiator, "responder": responder}
	if len(c.Outputs.Steps) == 0 {
		return errors.New("no steps")
	}
	for i, object := range c.Outputs.Steps {
		var step sasStep
		if err := decode(object, &step); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
		d := devices[step.At]
		if d == nil {
			return fmt.Errorf("step %d: no device %q", i, step.At)
		}
		if err := d.check(step); err != nil {
			return fmt.Errorf("step %d, %s: %w", i, step.Do, err)
		}
	}
	return nil
}

// check does a step and compares what comes of it.
func (d *sasDevice) check(step sasStep) error {
	reply, err := d.do(step)
	name := ""
	if code := fault.Of(err); code != 0 {
		name = code.Name()
	} else if err != nil {
		return err
	}
	state := ""
	if d.sas != nil {
		state = d.sas.State().String()
	}
	if name != step.Fault {
		return fmt.Errorf("fault is %q, want %q", name, step.Fault)
	}
	return errors.Join(same("state", state, step.State), equal("reply", reply, step.Reply), d.checkStrings(step))
}

func (d *sasDevice) do(step sasStep) (reply []byte, err error) {
	var begun *safetynumber.SAS
	switch {
	case step.Do == "start" && d.sas == nil:
		begun, reply, err = safetynumber.StartSASFrom(d.seed, d.me, d.peer)
	case step.Do == "accept" && d.sas == nil:
		begun, reply, err = safetynumber.AcceptSASFrom(d.seed, d.me, d.peer, step.Message)
	case d.sas == nil:
		return nil, errors.New("before the attempt has begun")
	case step.Do == "receive":
		return d.sas.Receive(step.Message)
	case step.Do == "confirm":
		return d.sas.Confirm()
	case step.Do == "deny":
		return d.sas.Deny()
	case step.Do == "cancel":
		return d.sas.Cancel()
	default:
		return nil, fmt.Errorf("nothing that a device does")
	}
	if err == nil {
		d.sas = begun
	}
	return reply, err
}

// checkStrings compares what the two people see, in the step that shows it first.
func (d *sasDevice) checkStrings(step sasStep) error {
	if d.sas == nil || d.sas.State() != safetynumber.SASShown || d.shown {
		return same("number of emoji", 0, len(step.Emoji)+len(step.Decimals))
	}
	d.shown = true
	shown, err := d.sas.Strings()
	var names []string
	for _, e := range shown.Emoji {
		names = append(names, e.Name)
	}
	return errors.Join(err,
		same("emoji", strings.Join(names, " "), strings.Join(step.Emoji, " ")),
		same("decimals", fmt.Sprint(shown.Decimals), fmt.Sprint(step.Decimals)))
}

// write lets two devices with keys of their own go through an attempt in which nothing comes between: they agree when they
// hold the same, and else they show different strings.
func (c *sottoSAS) write() error {
	mine, peer, err1 := parties(&c.Inputs.Initiator.Me, &c.Inputs.Initiator.Peer)
	theirs, me, err2 := parties(&c.Inputs.Responder.Me, &c.Inputs.Responder.Peer)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	i, start, err := safetynumber.StartSAS(mine, peer)
	if err != nil {
		return err
	}
	r, accept, err := safetynumber.AcceptSAS(theirs, me, start)
	if err != nil {
		return err
	}
	key, err1 := i.Receive(accept)
	key, err2 = r.Receive(key)
	_, err3 := i.Receive(key)
	a, err4 := i.Strings()
	b, err5 := r.Strings()
	confirmed, err6 := i.Confirm()
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return err
	}
	agreed, err := c.hold()
	if err != nil {
		return err
	}
	_, err = r.Receive(confirmed)
	return errors.Join(
		same("whether the emoji are the same", a.Emoji == b.Emoji, agreed),
		same("whether the decimals are the same", a.Decimals == b.Decimals, agreed),
		same("whether the confirmation is good", err == nil, agreed))
}

// hold reports whether both devices hold the same of both users.
func (c *sottoSAS) hold() (bool, error) {
	var digests [4][32]byte
	for i, p := range []*partyForm{
		&c.Inputs.Initiator.Me, &c.Inputs.Responder.Peer, &c.Inputs.Initiator.Peer, &c.Inputs.Responder.Me,
	} {
		var err error
		if digests[i], err = p.digest(); err != nil {
			return false, err
		}
	}
	return bytes.Equal(digests[0][:], digests[1][:]) && bytes.Equal(digests[2][:], digests[3][:]), nil
}
