// Package groupentry holds the form of an entry of a group's history: what package device signs and package group
// verifies. Nothing here decides whether an entry may do what it says.
package groupentry

import (
	"crypto/sha256"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// The operations of a group.
const (
	Create   = 0 // the first entry: its actor is the owner
	Add      = 1 // a member more
	Remove   = 2 // a member less
	Role     = 3 // a member becomes an admin or a plain member
	Transfer = 4 // a member becomes the owner, the owner an admin
	Resolve  = 5 // a fork ends: this branch counts, and no other one that parts below
)

// The roles of members.
const (
	Plain = 0
	Admin = 1
	Owner = 2
)

// Limits.
const (
	MaxSize = 2048 // bytes of an entry

	maxUser = 128
	maxInt  = 1<<53 - 1
)

// Entry is the payload of an entry.
type Entry struct {
	Group   [32]byte  `cbor:"1,keyasint"`
	Epoch   uint64    `cbor:"2,keyasint"`
	Prev    [32]byte  `cbor:"3,keyasint"` // of the entry before; zeros in the first one
	Op      uint64    `cbor:"4,keyasint"`
	User    *string   `cbor:"5,keyasint"` // the target; null in Resolve
	Root    *[32]byte `cbor:"6,keyasint"` // of the target's log; in Resolve the hash of the rejected entry
	Role    *uint64   `cbor:"7,keyasint"` // in Create, Add and Role
	Members [32]byte  `cbor:"8,keyasint"` // the digest of all members after this entry
	Actor   string    `cbor:"9,keyasint"`
	Seq     uint64    `cbor:"10,keyasint"` // of the actor's own log as he saw it
	Head    [32]byte  `cbor:"11,keyasint"`
	Nonce   *[16]byte `cbor:"12,keyasint"` // in Create
	Issued  uint64    `cbor:"13,keyasint"` // shown to people, never judged
}

// Signed is an entry that was decoded and not yet verified.
type Signed struct {
	Entry
	Cert [32]byte // who claims to have signed: the ID of a record
}

// Parse decodes a signed entry. Its signature is not checked.
func Parse(b []byte) (*Signed, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("group entry of %d bytes: %w", len(b), fault.OverLimit)
	}
	m, err := coseimpl.ParseSign1(b, true)
	if err != nil {
		return nil, fmt.Errorf("group entry: %w", err)
	}
	kid, err := m.Bytes(coseimpl.HeaderKID)
	if err != nil {
		return nil, fmt.Errorf("group entry: %w", err)
	}
	if err := m.CheckType(wire.LabelGroupState); err != nil {
		return nil, fmt.Errorf("group entry: %w", err)
	}
	if len(kid) != 32 {
		return nil, fmt.Errorf("group entry: key ID of %d bytes: %w", len(kid), fault.UntrustedSigner)
	}
	s := &Signed{Cert: [32]byte(kid)}
	if err := s.read(m.Unverified()); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

// check holds the fields against what every entry of its operation has.
func (e *Entry) check() error {
	if e.Op > Resolve {
		return fmt.Errorf("group entry: operation %d: %w", e.Op, fault.UnsupportedVersion)
	}
	wrong := ""
	switch {
	case !wire.ValidName(e.Actor, maxUser):
		wrong = "actor is no user ID"
	case (e.User == nil) != (e.Op == Resolve):
		wrong = "target where none belongs, or none"
	case e.User != nil && !wire.ValidName(*e.User, maxUser):
		wrong = "target is no user ID"
	case e.Root == nil:
		wrong = "no root or rejected entry"
	case (e.Role == nil) != (e.Op == Remove || e.Op == Transfer || e.Op == Resolve):
		wrong = "role where none belongs, or none"
	case e.Role != nil && !e.roleFits():
		wrong = "role that the operation does not give"
	case (e.Nonce == nil) != (e.Op != Create):
		wrong = "nonce where none belongs, or none"
	case (e.Epoch == 0) != (e.Op == Create):
		wrong = "creation elsewhere than at the beginning"
	case e.Op == Create && (e.Prev != [32]byte{} || *e.User != e.Actor):
		wrong = "creation of somebody else, or after another entry"
	}
	if wrong != "" {
		return fmt.Errorf("group entry: %s: %w", wrong, fault.Malformed)
	}
	return nil
}

func (e *Entry) roleFits() bool {
	switch e.Op {
	case Create:
		return *e.Role == Owner
	case Add:
		return *e.Role == Plain
	default:
		return *e.Role <= Admin
	}
}

// AAD is the external_aad of an entry: ["sotto/v1.group-state", group].
func AAD(group [32]byte) []byte { return wire.AppendBound(nil, wire.LabelGroupState, group[:]) }

// ID names a group: H(["sotto/v1.group-id", user, root, nonce]) of who creates it.
func ID(user string, root [32]byte, nonce [16]byte) [32]byte {
	b := wire.AppendText([]byte{wire.MajorArray | 4}, wire.LabelGroupID)
	b = wire.AppendBytes(wire.AppendText(b, user), root[:])
	return sha256.Sum256(wire.AppendBytes(b, nonce[:]))
}

// AppendMember appends a member as the digest has it: [user, root, role].
func AppendMember(dst []byte, user string, root *[32]byte, role uint64) []byte {
	dst = wire.AppendText(append(dst, wire.MajorArray|3), user)
	return wire.AppendHead(wire.AppendBytes(dst, root[:]), wire.MajorUint, role)
}

// MemberSize is the length of what AppendMember appends.
func MemberSize(user string) int {
	return 1 + wire.HeadSize(uint64(len(user))) + len(user) + 2 + 32 + 1
}

// Digest stands for all members: H(["sotto/v1.members", [[user, root, role] …]]). encoded are the n members one after the
// other, ascending by user.
func Digest(n int, encoded []byte) (digest [32]byte) {
	h := sha256.New()
	h.Write(wire.AppendHead(wire.AppendText([]byte{wire.MajorArray | 2}, wire.LabelMembers), wire.MajorArray, uint64(n)))
	h.Write(encoded)
	h.Sum(digest[:0])
	return digest
}
