package conformance

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groupentry"
)

// sottoGroupKinds are the kinds of cases about groups. The map is written nowhere.
var sottoGroupKinds = sottoKinds{
	"group_entry":    sottoForm[sottoGroupEntry],
	"group_sequence": sottoForm[sottoGroupSequence],
}

// groupScene is a group, and the device logs that a reader holds.
type groupScene struct {
	Group octets            `json:"group"`
	Logs  []json.RawMessage `json:"logs"` // of sottoUserLog
}

// logs are verified. A user who was reset has two.
func (c *groupScene) logs() ([]*device.Log, error) {
	logs := make([]*device.Log, len(c.Logs))
	for i, object := range c.Logs {
		var u sottoUserLog
		if err := decode(object, &u); err != nil {
			return nil, fmt.Errorf("log %d: %w", i, err)
		}
		var err error
		if logs[i], err = device.Verify(u.User, plain(u.Entries)); err != nil {
			return nil, fmt.Errorf("log %d: %v", i, err) // no refusal of an entry
		}
	}
	return logs, nil
}

// logsFrom finds a log by the identity of its user. A log that is nil is not at hand.
func logsFrom(logs []*device.Log) group.Logs {
	return func(user string, root device.Hash) *device.Log {
		for _, l := range logs {
			if l != nil && l.User() == user && l.Pin().Root == root {
				return l
			}
		}
		return nil
	}
}

// groupMember is a member of a group.
type groupMember struct {
	User string `json:"user"`
	Root octets `json:"root"`
	Role uint64 `json:"role"`
}

func readGroupMembers(objects []json.RawMessage) ([]group.Member, error) {
	members := make([]group.Member, len(objects))
	for i, object := range objects {
		var m groupMember
		if err := decode(object, &m); err != nil {
			return nil, fmt.Errorf("member %d: %w", i, err)
		}
		members[i] = group.Member{User: m.User, Root: hashFrom(m.Root), Role: group.Role(m.Role)}
	}
	return members, nil
}

// membersDigest stands for all members, which ascend.
func membersDigest(members []group.Member) []byte {
	var encoded []byte
	for _, m := range members {
		encoded = groupentry.AppendMember(encoded, m.User, (*[32]byte)(&m.Root), uint64(m.Role))
	}
	digest := groupentry.Digest(len(members), encoded)
	return digest[:]
}

// sameGroupMembers compares the members at the tip of a state, by each call that returns them.
func sameGroupMembers(s *group.State, want []group.Member) error {
	for _, m := range want {
		if found, ok := s.Find(m.User); !ok || found != m {
			return fmt.Errorf("member %q is not found", m.User)
		}
	}
	epoch, at, err := s.MembersAt(s.Tip())
	return errors.Join(err,
		same("whether the members are the same", slices.Equal(s.Members(), want), true),
		same("epoch of the newest entry", epoch, s.Epoch()),
		same("whether the members at the newest entry are the same", slices.Equal(at, want), true))
}

// hashOfEntry is H of an entry, as a hash.
func hashOfEntry(b []byte) device.Hash { return sha256.Sum256(b) }
