package conformance

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groupentry"
)

// sottoGroupEntry is an entry of a group's history, read on top of others.
type sottoGroupEntry struct {
	Inputs struct {
		groupScene
		Before []octets `json:"before"` // what is verified already
		Behind int      `json:"behind"` // so many zero bytes stand behind the entry
		Cut    int      `json:"cut"`    // so many bytes are missing at its end
		Flip   int      `json:"flip"`   // the lowest bit of that byte is flipped, counted from 1; 0 for none

		State   octets            `json:"state"` // of the device that signs
		Epoch   uint64            `json:"epoch"`
		Prev    octets            `json:"prev"`
		Op      uint64            `json:"op"`
		User    *string           `json:"user,omitempty"`
		Root    octets            `json:"root"` // of the target, or the hash of the rejected entry
		Role    *uint64           `json:"role,omitempty"`
		Members []json.RawMessage `json:"members"` // of groupMember, after the entry
		Actor   string            `json:"actor"`
		Seq     uint64            `json:"seq"`
		Head    octets            `json:"head"`
		Nonce   octets            `json:"nonce,omitempty"`
		Issued  uint64            `json:"issued"`
	} `json:"inputs"`
	Outputs struct {
		Entry  octets `json:"entry"`
		Hash   octets `json:"hash"`
		Digest octets `json:"members_digest"`
	} `json:"outputs"`
}

// read takes the entry on top of what stands before it.
func (c *sottoGroupEntry) read() error {
	b, err := c.damaged()
	if err != nil {
		return err
	}
	logs, err := c.Inputs.logs()
	if err != nil {
		return err
	}
	s, err := c.take(b, logsFrom(logs))
	if err != nil {
		return err
	}
	return errors.Join(c.same(s), c.again(s, logsFrom(logs)), c.inspect())
}

// damaged is the entry with what is to be done to it. Nobody does two things.
func (c *sottoGroupEntry) damaged() ([]byte, error) {
	in := &c.Inputs
	b, err := withZeros(c.Outputs.Entry, in.Behind, groupentry.MaxSize)
	if err != nil {
		return nil, err
	}
	if in.Cut < 0 || in.Cut > len(b) || in.Flip < 0 || in.Flip > len(b) {
		return nil, fmt.Errorf("cut or flip that the entry of %d bytes has not", len(b))
	}
	if in.Flip > 0 {
		b[in.Flip-1] ^= 1 // withZeros made a copy
	}
	return b[:len(b)-in.Cut], nil
}

// take verifies the first entry, or extends what stands before a later one.
func (c *sottoGroupEntry) take(b []byte, logs group.Logs) (*group.State, error) {
	id := hashFrom(c.Inputs.Group)
	if len(c.Inputs.Before) == 0 {
		return group.Verify(id, [][]byte{b}, logs)
	}
	before, err := group.Verify(id, plain(c.Inputs.Before), logs)
	if err != nil {
		return nil, fmt.Errorf("what stands before: %v", err) // no refusal of the entry
	}
	return before.Extend([][]byte{b}, logs)
}

// same compares the state after the entry.
func (c *sottoGroupEntry) same(s *group.State) error {
	in, out := &c.Inputs, &c.Outputs
	members, err := readGroupMembers(in.Members)
	if err != nil {
		return err
	}
	status := group.Active
	if len(members) == 0 {
		status = group.Ended
	}
	id, tip := s.ID(), s.Tip()
	at, ok := s.Entry(in.Epoch)
	return errors.Join(
		equal("group", id[:], in.Group),
		equal("newest entry", tip[:], out.Hash),
		same("epoch", s.Epoch(), in.Epoch),
		same("whether there is an entry at its epoch", ok, true),
		equal("entry at its epoch", at[:], out.Hash),
		same("status", s.Status(), status),
		equal("digest of the members", membersDigest(s.Members()), out.Digest),
		sameGroupMembers(s, members))
}

// again takes the entry a second time, and everything from the first entry on.
func (c *sottoGroupEntry) again(s *group.State, logs group.Logs) error {
	b := []byte(c.Outputs.Entry)
	twice, err1 := s.Extend([][]byte{b}, logs)
	whole, err2 := group.Verify(s.ID(), append(plain(c.Inputs.Before), b), logs)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	return errors.Join(c.same(twice), c.same(whole))
}

// inspect compares what the entry claims before it is verified.
func (c *sottoGroupEntry) inspect() error {
	in := &c.Inputs
	i, err := group.Inspect(c.Outputs.Entry)
	if err != nil {
		return err
	}
	keys, err := device.ParseKeys(in.State)
	if err != nil {
		return err
	}
	defer keys.Destroy()
	want := group.Info{
		Group: hashFrom(in.Group), Hash: hashFrom(c.Outputs.Hash), Prev: hashFrom(in.Prev),
		Epoch: in.Epoch, Op: group.Op(in.Op), Actor: in.Actor,
		Cert: keys.Record().Cert(), Root: hashFrom(in.Root), Issued: i.Issued,
	}
	if in.User != nil {
		want.User = *in.User
	}
	if in.Role != nil {
		want.Role = group.Role(*in.Role)
	}
	return errors.Join(
		same("what it claims", i, want),
		same("its time", uint64(i.Issued.Unix()), in.Issued))
}

// write makes the entry anew from what it says, and has it proposed.
func (c *sottoGroupEntry) write() error {
	in, out := &c.Inputs, &c.Outputs
	members, err := readGroupMembers(in.Members)
	if err != nil {
		return err
	}
	keys, err := device.ParseKeys(in.State)
	if err != nil {
		return err
	}
	defer keys.Destroy()
	b, err := c.sign(keys, in.Nonce, hashFrom(in.Group))
	return errors.Join(err,
		equal("digest of the members made anew", membersDigest(members), out.Digest),
		equal("entry made anew", b, out.Entry),
		equal("hash made anew", hashOf(b), out.Hash),
		c.propose(keys))
}

// sign signs the entry with that nonce, for that group.
func (c *sottoGroupEntry) sign(keys *device.Keys, nonce []byte, id device.Hash) ([]byte, error) {
	in := &c.Inputs
	root := [32]byte(hashFrom(in.Root))
	e := &groupentry.Entry{
		Group: id, Epoch: in.Epoch, Prev: hashFrom(in.Prev), Op: in.Op, User: in.User, Root: &root, Role: in.Role,
		Members: hashFrom(c.Outputs.Digest), Seq: in.Seq, Head: hashFrom(in.Head), Issued: in.Issued,
	}
	if nonce != nil {
		n := [16]byte(deviceID(nonce))
		e.Nonce = &n
	}
	return keys.SignGroupEntry(e)
}
