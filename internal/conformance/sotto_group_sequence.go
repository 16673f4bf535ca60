package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
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

// groupRun is a device that is told things.
type groupRun struct {
	id      device.Hash
	logs    []*device.Log // whole
	known   []*device.Log // as far as they are at hand, nil for none
	entries [][]byte
	state   *group.State // nil before the group is verified
}

func (c *sottoGroupSequence) start(logs []*device.Log) (*groupRun, error) {
	if len(c.Inputs.Known) != len(logs) {
		return nil, fmt.Errorf("%d known logs of %d", len(c.Inputs.Known), len(logs))
	}
	r := &groupRun{
		id: hashFrom(c.Inputs.Group), logs: logs, known: make([]*device.Log, len(logs)), entries: plain(c.Inputs.Entries),
	}
	for i, n := range c.Inputs.Known {
		if err := r.learn(i, n); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// learn has the first n entries of a log at hand.
func (r *groupRun) learn(log, n int) (err error) {
	if log < 0 || log >= len(r.logs) || n < 0 {
		return fmt.Errorf("no log %d of %d entries", log, n)
	}
	if n > 0 {
		r.known[log], err = r.logs[log].At(uint64(n - 1))
	}
	return err
}

// check does a step and compares what comes of it. A refusal leaves the state as it was.
func (r *groupRun) check(s *groupStep) error {
	err := r.step(s)
	if s.Fault != "" {
		_, err = refusedAs(s.Fault, err)
	}
	question := s.Do == "members_at" || s.Do == "propose"
	switch {
	case err != nil:
		return err
	case question || r.state == nil:
		return same("whether there is a state to compare with", s.After != nil, false)
	case s.After == nil:
		return errors.New("no state to compare with")
	}
	return errors.Join(r.same(r.state, s.After), r.resumes())
}

func (r *groupRun) step(s *groupStep) error {
	if r.state == nil && s.Do != "verify" {
		return errors.New("nothing is verified yet")
	}
	var next *group.State
	var err error
	switch s.Do {
	case "verify", "extend":
		next, err = r.read(s)
	case "hear":
		next, err = r.hear(s)
	case "log":
		if err := r.learn(s.Log, s.Known); err != nil {
			return fmt.Errorf("log: %v", err)
		}
		next, err = r.state.Extend(nil, logsFrom(r.known))
	case "members_at":
		return r.membersAt(s)
	case "propose":
		return r.propose(s)
	default:
		return errors.New("unknown step")
	}
	if err == nil {
		r.state = next
	}
	return err
}

func (r *groupRun) read(s *groupStep) (*group.State, error) {
	var entries [][]byte
	for _, i := range s.Entries {
		b, err := r.entry(&i)
		if err != nil {
			return nil, err
		}
		entries = append(entries, b)
	}
	if s.Do == "verify" {
		return group.Verify(r.id, entries, logsFrom(r.known))
	}
	return r.state.Extend(entries, logsFrom(r.known))
}

func (r *groupRun) hear(s *groupStep) (*group.State, error) {
	b, err := r.entry(s.Entry)
	if err != nil {
		return nil, err
	}
	return r.state.Hear(s.User, device.CertID(hashFrom(s.Cert)), hashOfEntry(b), logsFrom(r.known))
}

func (r *groupRun) membersAt(s *groupStep) error {
	b, err := r.entry(s.Entry)
	if err != nil {
		return err
	}
	epoch, members, err := r.state.MembersAt(hashOfEntry(b))
	if err != nil {
		return err
	}
	if s.Epoch == nil {
		return errors.New("no epoch to compare with")
	}
	return errors.Join(same("epoch", epoch, *s.Epoch), equal("digest of the members", membersDigest(members), s.Members))
}

// propose has a device sign a change, with its log as it is at hand.
func (r *groupRun) propose(s *groupStep) error {
	keys, err := device.ParseKeys(s.State)
	if err != nil {
		return fmt.Errorf("state: %v", err)
	}
	defer keys.Destroy()
	change, err := groupChange(s.Op, s.User, s.Root, s.Role)
	if err != nil {
		return err
	}
	if s.Log < 0 || s.Log >= len(r.known) || r.known[s.Log] == nil {
		return fmt.Errorf("no log %d", s.Log)
	}
	entries, err := r.state.Propose(keys, r.known[s.Log], time.Unix(s.Now, 0), change)
	if err != nil {
		return err
	}
	want, err := r.entry(s.Entry)
	if err != nil || len(entries) != 1 {
		return fmt.Errorf("%d entries: %w", len(entries), err)
	}
	return equal("what is proposed", entries[0], want)
}

func (r *groupRun) entry(i *int) ([]byte, error) {
	if i == nil || *i < 0 || *i >= len(r.entries) {
		return nil, errors.New("no such entry")
	}
	return r.entries[*i], nil
}
