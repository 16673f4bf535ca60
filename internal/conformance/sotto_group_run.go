package conformance

import (
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
)

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
