package group

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/groupentry"
)

// Status says what may be done in a group.
type Status int32

// The statuses.
const (
	Active Status = iota // send and receive
	Frozen               // there is a fork: receive, never send, until the owner resolves it
	Ended                // its last manager left, or its owner signed on both sides of a fork: nothing can follow
)

// String returns the name of the status.
func (s Status) String() string {
	switch s {
	case Active:
		return "active"
	case Frozen:
		return "frozen"
	case Ended:
		return "ended"
	}
	return fmt.Sprintf("Status(%d)", int32(s))
}

// State is what a device holds of a group. It is immutable: what changes it returns a new one.
type State struct {
	_       [0]func()
	id      device.Hash
	trunk   []*node
	side    []*node // parents before their children, else in order of arrival
	tip     cursor  // at the newest entry of the trunk; never moved
	heard   []mark
	dead    map[signer]bool // revoked devices among those that signed on a side branch or beside one
	verdict map[*node]Verdict
	status  Status
}

// ID returns the ID of the group, the conversation of its sessions.
func (s *State) ID() device.Hash { return s.id }

// Status returns whether the group may be used.
func (s *State) Status() Status { return s.status }

// Epoch returns the number of the newest entry that counts, which is the epoch of sessions.
func (s *State) Epoch() uint64 { return uint64(len(s.trunk) - 1) }

// Tip returns the hash of the newest entry that counts.
func (s *State) Tip() device.Hash { return s.newest().hash }

func (s *State) newest() *node { return s.trunk[len(s.trunk)-1] }

// Entry returns the hash of the entry that counts at an epoch, false when there is none yet.
func (s *State) Entry(epoch uint64) (device.Hash, bool) {
	if epoch >= uint64(len(s.trunk)) {
		return device.Hash{}, false
	}
	return s.trunk[epoch].hash, true
}

// Members returns the members, ascending by user. There are none when the last manager has left.
func (s *State) Members() []Member { return slices.Clone(s.tip.members) }

// Find returns the member of that user ID.
func (s *State) Find(user string) (Member, bool) {
	if m := s.tip.find(user); m != nil {
		return *m, true
	}
	return Member{}, false
}

// MembersAt returns the epoch of an entry and the members after it, ascending by user, whether it counts or stands on a side
// branch. An entry that is not known is fault.TooFarAhead: fetch it. One on a branch that was refused for good is
// fault.Rollback.
func (s *State) MembersAt(entry device.Hash) (epoch uint64, members []Member, err error) {
	n := s.lookup(entry)
	if n == nil {
		return 0, nil, fmt.Errorf("group: entry is not known: %w", fault.TooFarAhead)
	}
	if s.verdict[n] == Refused {
		return 0, nil, fmt.Errorf("group: entry on a branch that was refused: %w", fault.Rollback)
	}
	return n.Epoch, slices.Clone(s.membersAt(n).members), nil
}

// membersAt is for reading only.
func (s *State) membersAt(n *node) *roll {
	if n == s.newest() {
		return &s.tip.roll
	}
	c := s.cursor()
	c.encoded = nil
	c.to(n)
	return &c.roll
}

// cursor returns a cursor at the tip that may be moved.
func (s *State) cursor() *cursor {
	return &cursor{at: s.tip.at, roll: s.tip.clone(), acted: maps.Clone(s.tip.acted)}
}

// lookup finds an entry by its hash. Most are near the tip.
func (s *State) lookup(h device.Hash) *node {
	for _, n := range slices.Backward(s.trunk) {
		if n.hash == h {
			return n
		}
	}
	for _, n := range s.side {
		if n.hash == h {
			return n
		}
	}
	return nil
}

// onTrunk reports whether an entry counts.
func (s *State) onTrunk(n *node) bool { return n.Epoch < uint64(len(s.trunk)) && s.trunk[n.Epoch] == n }

// Side returns the entries of the side branches, in an order in which each follows the one before it. They are kept beside
// the trunk, and served to others with it.
func (s *State) Side() [][]byte {
	entries := make([][]byte, len(s.side))
	for i, n := range s.side {
		entries[i] = slices.Clone(n.b)
	}
	return entries
}

// Verdict says what a side branch amounts to.
type Verdict int32

// The verdicts.
const (
	Idle    Verdict = iota // does not count, or nobody who is in signed on it: it does no harm
	Open                   // has as good a claim as the trunk: it freezes the group, or has ended it
	Refused                // a resolve decided against it
)

// AddedBy returns who brought a member in, or founded the group, as the trunk says; "" for nobody who ever was in it.
func (s *State) AddedBy(user string) string {
	for _, n := range slices.Backward(s.trunk) {
		if (n.Op == groupentry.Add || n.Op == groupentry.Create) && *n.User == user {
			return n.Actor
		}
	}
	return ""
}

// VerdictOf returns what the side branch of an entry amounts to, false for an entry of the trunk and one that is not known.
func (s *State) VerdictOf(entry device.Hash) (Verdict, bool) {
	n := s.lookup(entry)
	if n == nil || s.onTrunk(n) {
		return Idle, false
	}
	return s.verdict[n], true
}

// Branch is a side branch, for people to see.
type Branch struct {
	First   device.Hash // its first entry: what Resolve names
	Last    device.Hash
	Parts   uint64   // the epoch of the last entry that it has in common with the trunk
	Signers []string // the users who signed its entries, ascending
	Verdict Verdict  // of First: later entries may amount to less
}

// Branches returns the side branches, in order of arrival.
func (s *State) Branches() []Branch {
	var all []Branch
	parents := map[*node]bool{}
	for _, n := range s.side {
		parents[n.parent] = true
	}
	for _, n := range s.side {
		if parents[n] {
			continue
		}
		b := Branch{Last: n.hash}
		for ; !s.onTrunk(n); n = n.parent {
			b.First, b.Verdict = n.hash, s.verdict[n]
			b.Signers = append(b.Signers, n.Actor)
		}
		b.Parts = n.Epoch
		slices.Sort(b.Signers)
		b.Signers = slices.Compact(b.Signers)
		all = append(all, b)
	}
	return all
}
