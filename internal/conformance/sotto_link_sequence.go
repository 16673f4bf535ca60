package conformance

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/fault"
)

// sottoLinkSequence is what one side is called with, in the attempt of another case.
type sottoLinkSequence struct {
	Inputs struct {
		Of      string            `json:"of"`
		Side    string            `json:"side"`              // old, new
		Entries []octets          `json:"entries,omitempty"` // others than those of the case
		Steps   []json.RawMessage `json:"steps"`             // of linkStep
	} `json:"inputs"`
}

// linkStep is a call, and what comes of it. Messages are those of the case by name, or hexadecimal.
type linkStep struct {
	Do      string  `json:"do"`
	At      int64   `json:"at"`
	Message *string `json:"message,omitempty"`
	Typed   *string `json:"typed,omitempty"`
	Log     []int   `json:"log,omitempty"`
	Entry   *int    `json:"entry,omitempty"`

	Send    *string `json:"send,omitempty"`
	Answers bool    `json:"answers,omitempty"` // with an M4, which is different each time
	Fault   string  `json:"fault,omitempty"`
	State   string  `json:"state"`
	Digits  string  `json:"digits,omitempty"` // that show
}

func linkSequence(named map[string][]byte, object []byte) error {
	var q sottoLinkSequence
	if err := decode(object, &q); err != nil {
		return err
	}
	of, ok := named[q.Inputs.Of]
	if !ok {
		return errors.New("of no case that stands before")
	}
	c := &sottoLink{}
	if err := errors.Join(decode(of, c), c.Inputs.check()); err != nil {
		return err
	}
	if q.Inputs.Side != "old" && q.Inputs.Side != "new" {
		return fmt.Errorf("side %q", q.Inputs.Side)
	}
	if q.Inputs.Entries != nil {
		c.Inputs.Entries = q.Inputs.Entries
	}
	if n := len(q.Inputs.Steps); n == 0 || n > maxSteps {
		return fmt.Errorf("%d steps", n)
	}
	side := &linkSide{role: q.Inputs.Side, scene: &c.Inputs.linkScene, messages: &c.Outputs.linkMessages}
	defer side.cancel()
	for i, object := range q.Inputs.Steps {
		var step linkStep
		err := decode(object, &step)
		if err == nil {
			err = side.check(c, &step)
		}
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", i, step.Do, err)
		}
	}
	return nil
}

// check takes a step and compares what comes of it.
func (s *linkSide) check(c *sottoLink, step *linkStep) error {
	message, err1 := c.message(step.Message)
	send, err2 := c.message(step.Send)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	call := &linkCall{do: step.Do, at: step.At, message: message, typed: c.Outputs.Code, log: step.Log}
	if step.Do == "scan" && step.Message == nil {
		call.message = c.Outputs.QR
	}
	if step.Typed != nil {
		call.typed = *step.Typed
	}
	if step.Entry != nil {
		call.entry = *step.Entry
	}
	have, err := s.do(call)
	name := ""
	if code := fault.Of(err); code != 0 {
		name = code.Name()
	} else if err != nil {
		return err
	}
	if name != step.Fault {
		return fmt.Errorf("fault is %q, want %q: %w", name, step.Fault, err)
	}
	err = errors.Join(
		same("state", s.state(step.At).String(), step.State),
		same("digits that show", s.new.Digits(), step.Digits))
	if step.Answers {
		return errors.Join(err, same("size of M4", len(have), len(c.Outputs.M4)))
	}
	return errors.Join(err, equal("what is sent", have, send))
}

// message is one of the case by its name, or hexadecimal; nil for none.
func (c *sottoLink) message(text *string) ([]byte, error) {
	if text == nil {
		return nil, nil
	}
	if m := c.Outputs.named(*text); m != nil && *m != nil {
		return *m, nil
	}
	return hex.DecodeString(*text)
}
