package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
)

// sottoGroupSequence is what one device is told about a group, step by step, and what it makes of it.
type sottoGroupSequence struct {
	Inputs struct {
		groupScene
		Known   []int             `json:"known"` // entries of each log that are at hand in the beginning
		Entries []octets          `json:"entries"`
		Steps   []json.RawMessage `json:"steps"`            // of groupStep
		Orders  []json.RawMessage `json:"orders,omitempty"` // of groupOrder
	} `json:"inputs"`
}

// groupStep is one call, and the state after it or the fault. Entries are named by their place in the list.
type groupStep struct {
	Do      string  `json:"do"`
	Entries []int   `json:"entries,omitempty"`
	Entry   *int    `json:"entry,omitempty"`
	Log     int     `json:"log,omitempty"`
	Known   int     `json:"known,omitempty"`
	User    string  `json:"user,omitempty"`
	Cert    octets  `json:"cert_id,omitempty"`
	State   octets  `json:"state,omitempty"` // of the device that proposes
	Op      uint64  `json:"op,omitempty"`
	Root    octets  `json:"root,omitempty"`
	Role    uint64  `json:"role,omitempty"`
	Now     int64   `json:"now,omitempty"`
	Epoch   *uint64 `json:"epoch,omitempty"`   // of the entry that is asked for
	Members octets  `json:"members,omitempty"` // their digest

	Fault string      `json:"fault,omitempty"`
	After *groupAfter `json:"after,omitempty"`
}

// groupAfter is a state.
type groupAfter struct {
	Tip      int               `json:"tip"`
	Epoch    uint64            `json:"epoch"`
	Members  octets            `json:"members"` // their digest
	Status   string            `json:"status"`
	Branches []json.RawMessage `json:"branches"` // of groupBranch
}

type groupBranch struct {
	First       int    `json:"first"`
	Last        int    `json:"last"`
	Parts       uint64 `json:"parts"`
	Verdict     string `json:"verdict"`      // of the first entry
	LastVerdict string `json:"last_verdict"` // which may be another one where the branch has forked
}

// groupOrder is another order of the steps, and the state at the end.
type groupOrder struct {
	Order []int      `json:"order"`
	After groupAfter `json:"after"`
}

// maxGroupEntries is more than any sequence needs.
const maxGroupEntries = 4096

func (c *sottoGroupSequence) read() error {
	in := &c.Inputs
	steps := make([]groupStep, len(in.Steps))
	for i, object := range in.Steps {
		if err := decode(object, &steps[i]); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	if len(steps) == 0 || len(steps) > maxSteps || len(in.Orders) > maxSteps || len(in.Entries) > maxGroupEntries {
		return fmt.Errorf("%d steps, %d orders, %d entries", len(steps), len(in.Orders), len(in.Entries))
	}
	logs, err := in.logs()
	if err != nil {
		return err
	}
	run, err := c.start(logs)
	if err != nil {
		return err
	}
	for i := range steps {
		if err := run.check(&steps[i]); err != nil {
			return fmt.Errorf("step %d, %s: %w", i, steps[i].Do, err)
		}
	}
	for i, object := range in.Orders {
		if err := c.reordered(logs, steps, object); err != nil {
			return fmt.Errorf("order %d: %w", i, err)
		}
	}
	return nil
}

// write has nothing to make: entries are made in the other cases.
func (c *sottoGroupSequence) write() error { return nil }

// reordered does the steps in another order, where none may fail, and compares the end.
func (c *sottoGroupSequence) reordered(logs []*device.Log, steps []groupStep, object []byte) error {
	var o groupOrder
	if err := decode(object, &o); err != nil {
		return err
	}
	sorted := slices.Sorted(slices.Values(o.Order))
	for i, at := range sorted {
		if i != at || len(sorted) != len(steps) {
			return errors.New("not every step once")
		}
	}
	if len(sorted) == 0 {
		return errors.New("no steps")
	}
	run, err := c.start(logs)
	if err != nil {
		return err
	}
	for _, i := range o.Order {
		if err := run.step(&steps[i]); err != nil {
			return fmt.Errorf("step %d, %s: %w", i, steps[i].Do, err)
		}
		if err := run.resumes(); err != nil {
			return fmt.Errorf("step %d, %s: %w", i, steps[i].Do, err)
		}
	}
	return run.same(run.state, &o.After)
}
