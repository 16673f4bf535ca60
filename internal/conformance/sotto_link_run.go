package conformance

import (
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/link"
)

// sottoLink is an attempt from the offer to the end. Each side is given the messages of the file, so with one of them
// changed it is the reader who refuses it.
type sottoLink struct {
	Inputs struct {
		linkScene
		Later    int64    `json:"later"`    // seconds after now at which all calls but the first are made
		Told     []int    `json:"told"`     // the log that the old device knows, by numbers of entries
		Typed    string   `json:"typed"`    // into the old device
		Admitted []int    `json:"admitted"` // its log after the new device was added
		Entry    int      `json:"entry"`    // which did it
		Served   []int    `json:"served"`   // to the new device, first
		Joined   []int    `json:"joined"`   // then
		Harm     linkHarm `json:"harm"`
	} `json:"inputs"`
	Outputs struct {
		linkMessages
		linkValues
	} `json:"outputs"`
}

// linkHarm is what is done to a message on its way: zero bytes behind it, the lowest bit of a byte flipped (counted from
// 1), bytes cut off at the end.
type linkHarm struct {
	Message string `json:"message"`
	Behind  int    `json:"behind,omitempty"`
	Flip    int    `json:"flip,omitempty"`
	Cut     int    `json:"cut,omitempty"`
}

// apply harms one of the messages.
func (h *linkHarm) apply(m *linkMessages) error {
	if h.Message == "none" {
		return nil
	}
	at := m.named(h.Message)
	if at == nil || *at == nil {
		return fmt.Errorf("no message %q", h.Message)
	}
	b, err := withZeros(*at, h.Behind, link.MaxMessage)
	if err != nil {
		return err
	}
	if h.Cut < 0 || h.Cut > len(b) || h.Flip < 0 || h.Flip > len(b) {
		return fmt.Errorf("cut or flip that %s of %d bytes has not", h.Message, len(b))
	}
	if h.Flip > 0 {
		b[h.Flip-1] ^= 1 // withZeros made a copy
	}
	*at = b[:len(b)-h.Cut]
	return nil
}

func (c *sottoLink) read() error {
	_, err := c.run()
	return err
}

// run lets both sides go through the attempt, first the old one, and then compares what they made. A refusal comes with
// the state in which it leaves the side that refused.
func (c *sottoLink) run() (link.State, error) {
	if err := c.Inputs.check(); err != nil {
		return 0, err
	}
	messages := c.Outputs.linkMessages
	if err := c.Inputs.Harm.apply(&messages); err != nil {
		return 0, err
	}
	var made []error
	for _, role := range []string{"old", "new"} {
		side := &linkSide{role: role, scene: &c.Inputs.linkScene, messages: &messages}
		defer side.cancel()
		for _, call := range c.calls(role, &messages) {
			send, err := side.do(&call)
			if err != nil {
				return side.state(call.at), fmt.Errorf("%s: %w", call.do, err)
			}
			made = append(made, c.compare(&call, send), same("digits that show", side.new.Digits(), call.digits))
		}
		made = append(made, side.checkEnd(c))
	}
	return link.Done, errors.Join(made...)
}

func (c *sottoLink) calls(role string, m *linkMessages) []linkCall {
	if role == "old" {
		return c.oldCalls(m)
	}
	return c.newCalls(m)
}

// oldCalls are those of the old device, each with what it must send.
func (c *sottoLink) oldCalls(m *linkMessages) []linkCall {
	in, out := &c.Inputs, &c.Outputs
	show := out.QR
	if in.byCode() {
		show = out.C1
	}
	return []linkCall{
		{do: "offer", send: show},
		{do: "receive", at: in.Later, message: in.answer(m), send: out.M2},
		{do: "confirm", at: in.Later, typed: in.Typed, log: in.Told, send: out.M3},
		{do: "receive", at: in.Later, message: m.M4},
		{do: "admitted", at: in.Later, log: in.Admitted, entry: in.Entry, send: out.M5},
		{do: "receive", at: in.Later, message: m.M7, send: out.M8},
	}
}

// newCalls are those of the new device.
func (c *sottoLink) newCalls(m *linkMessages) []linkCall {
	in, out := &c.Inputs, &c.Outputs
	calls := []linkCall{{do: "scan", message: m.QR}}
	if in.byCode() {
		calls = []linkCall{{do: "enter", typed: m.Code}, {do: "receive", at: in.Later, message: m.C1}}
	}
	return append(calls,
		linkCall{do: "join", at: in.Later, send: in.answer(&out.linkMessages)},
		linkCall{do: "receive", at: in.Later, message: m.M2, digits: out.Digits},
		linkCall{do: "receive", at: in.Later, message: m.M3},
		linkCall{do: "served", at: in.Later, log: in.Served, m4: true},
		linkCall{do: "receive", at: in.Later, message: m.M5},
		linkCall{do: "served", at: in.Later, log: in.Joined},
		linkCall{do: "registered", at: in.Later, send: out.M7},
		linkCall{do: "receive", at: in.Later, message: m.M8},
	)
}

// compare holds what a call sent against the file.
func (c *sottoLink) compare(call *linkCall, send []byte) error {
	if call.m4 {
		return c.checkM4(send)
	}
	return equal("what "+call.do+" sends", send, call.send)
}

// checkM4 opens the M4 of a new device, which draws its messaging key itself.
func (c *sottoLink) checkM4(send []byte) error {
	channel, err := c.channel()
	if err != nil {
		return err
	}
	defer channel.Destroy()
	var m4 linking.M4
	if err := channel.Open(send, &m4); err != nil {
		return err
	}
	l, err := c.Inputs.log(c.Inputs.Told)
	if err != nil {
		return err
	}
	record, err := device.ParseRecord(c.Inputs.User, m4.Record)
	if err != nil {
		return err
	}
	_, err = record.VerifyKey(m4.DeviceKey, l.Pin())
	return errors.Join(err, same("size of M4", len(send), len(c.Outputs.M4)), c.checkRecord("record of M4", m4.Record))
}

// checkRecord compares a record with that of the new device.
func (c *sottoLink) checkRecord(what string, record []byte) error {
	keys, err := device.ParseKeys(c.Inputs.Keys)
	if err != nil {
		return err
	}
	defer keys.Destroy()
	return equal(what, record, keys.Record().Bytes())
}
