// Package group knows who is in a group. A group is a chain of entries that its members' devices sign: each names the one
// before, what it changes, and the digest of all members after it, so that no server can add anybody.
//
// A State is what a device holds of a group: the trunk, which is the entries that count here, and side branches, which part
// from it and do not count, or not yet. Most people need Create for a new group, Verify for one that they join, State.Extend
// for what a server serves, and State.Propose to change who is in it. Package group keeps nothing and has no clock: a State
// is immutable, logs of devices and times are arguments. The format and every rule are in docs/spec/group.md.
package group

import (
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/groupentry"
)

// Limits.
const (
	MaxMembers     = 4096
	MaxEntries     = 1 << 20 // of a chain
	MaxEntry       = groupentry.MaxSize
	MaxBranches    = 16   // side branches that are kept
	MaxSideEntries = 1024 // entries of all of them
	MaxHeard       = 768  // statements that are remembered
)

// Role is what a member may do.
type Role int32

// The roles. A group has exactly one owner.
const (
	RoleMember Role = groupentry.Plain
	RoleAdmin  Role = groupentry.Admin // adds members, and removes those without a role
	RoleOwner  Role = groupentry.Owner // may do everything
)

// String returns the name of the role.
func (r Role) String() string {
	switch r {
	case RoleMember:
		return "member"
	case RoleAdmin:
		return "admin"
	case RoleOwner:
		return "owner"
	}
	return fmt.Sprintf("Role(%d)", int32(r))
}

// Member is one user of a group. The user ID together with the first entry of the device log is the identity.
type Member struct {
	User string
	Root device.Hash
	Role Role
}

// identity is who a user is, whatever his role.
type identity struct {
	user string
	root device.Hash
}

func (m *Member) identity() identity { return identity{m.User, m.Root} }

// Logs returns the newest verified device log of that identity, nil when it is not at hand.
type Logs func(user string, root device.Hash) *device.Log

// find is nil when there is nothing to ask.
func (l Logs) find(id identity) *device.Log {
	if l == nil {
		return nil
	}
	return l(id.user, id.root)
}

// LogError says that the device log of an identity is not at hand, or ends before an entry that is needed. It is
// fault.TooFarAhead: fetch the log and try again.
type LogError struct {
	User string
	Root device.Hash
	Seq  uint64 // of the log entry that is needed
}

// Error names the log entry, and not the user.
func (e *LogError) Error() string {
	return fmt.Sprintf("group: device log is needed up to entry %d: %v", e.Seq, fault.TooFarAhead)
}

// Unwrap returns fault.TooFarAhead.
func (e *LogError) Unwrap() error { return fault.TooFarAhead }

// Op is what an entry does.
type Op int32

// The operations.
const (
	OpCreate   Op = groupentry.Create
	OpAdd      Op = groupentry.Add
	OpRemove   Op = groupentry.Remove
	OpRole     Op = groupentry.Role
	OpTransfer Op = groupentry.Transfer
	OpResolve  Op = groupentry.Resolve
)

// String returns the name of the operation.
func (o Op) String() string {
	switch o {
	case OpCreate:
		return "create"
	case OpAdd:
		return "add"
	case OpRemove:
		return "remove"
	case OpRole:
		return "role"
	case OpTransfer:
		return "transfer"
	case OpResolve:
		return "resolve"
	}
	return fmt.Sprintf("Op(%d)", int32(o))
}

// Info is what an entry claims. Nothing in it was verified: it is for sorting, and for people to see.
type Info struct {
	Group  device.Hash
	Hash   device.Hash // of the entry itself
	Prev   device.Hash // of the entry before; zeros in the first one
	Epoch  uint64
	Op     Op
	Actor  string
	Cert   device.CertID // of the actor's device
	User   string        // the target; empty in OpResolve
	Root   device.Hash   // the target's; in OpResolve the rejected entry
	Role   Role          // that the target gets, in OpCreate, OpAdd and OpRole
	Issued time.Time
}

// Inspect tells what an entry claims, without verifying it.
func Inspect(entry []byte) (Info, error) {
	s, err := groupentry.Parse(entry)
	if err != nil {
		return Info{}, fmt.Errorf("group: %w", err)
	}
	i := Info{
		Group: s.Group, Hash: hashOf(entry), Prev: s.Prev, Epoch: s.Epoch, Op: Op(s.Op), Actor: s.Actor, Cert: s.Cert,
		Root: *s.Root, Issued: time.Unix(int64(s.Issued), 0),
	}
	if s.User != nil {
		i.User = *s.User
	}
	if s.Role != nil {
		i.Role = Role(*s.Role)
	}
	return i, nil
}
