package session

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/wire"
)

// Member is one user of a conversation: the user ID together with the first entry of the device log is the identity.
type Member struct {
	User string
	Root device.Hash
}

// Conversation is what two users, or the members of a group, have between them. Direct makes it for two; that of a group
// comes from whoever verified the group.
type Conversation struct {
	ID      device.Hash
	Epoch   uint64       // of a group: counts its entries. 0 in a conversation of one or two
	State   *device.Hash // of the group entry that made the epoch; nil in a conversation of one or two
	Members []Member     // ascending by User
}

// Direct returns the conversation of two users, or of one with himself. Any other number of members, or one user twice,
// is fault.Misuse.
func Direct(members ...Member) (*Conversation, error) {
	c := &Conversation{Members: slices.Clone(members)}
	slices.SortFunc(c.Members, func(a, b Member) int { return strings.Compare(a.User, b.User) })
	c.ID = c.directID()
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// directID is H(["sotto/v1.conversation", [[user, root] …]]), sorted by encoding: shorter user IDs come first.
func (c *Conversation) directID() device.Hash {
	pairs := make([][]byte, len(c.Members))
	for i, m := range c.Members {
		pairs[i] = wire.AppendBytes(wire.AppendText([]byte{wire.MajorArray | 2}, m.User), m.Root[:])
	}
	slices.SortFunc(pairs, bytes.Compare)
	b := wire.AppendText([]byte{wire.MajorArray | 2}, wire.LabelConversation)
	b = wire.AppendHead(b, wire.MajorArray, uint64(len(pairs)))
	for _, p := range pairs {
		b = append(b, p...)
	}
	return sha256.Sum256(b)
}

// check refuses what is no conversation.
func (c *Conversation) check() error {
	if c == nil || len(c.Members) == 0 || len(c.Members) > device.MaxHeads {
		return fmt.Errorf("session: conversation without members, or with too many: %w", fault.Misuse)
	}
	for i := range c.Members[1:] {
		if c.Members[i].User >= c.Members[i+1].User {
			return fmt.Errorf("session: members do not ascend by user: %w", fault.Misuse)
		}
	}
	if direct := c.State == nil; direct && (len(c.Members) > 2 || c.Epoch != 0 || c.ID != c.directID()) {
		return fmt.Errorf("session: neither a group nor a conversation of one or two: %w", fault.Misuse)
	}
	return nil
}

// SameState reports whether two are of the same epoch of the same conversation.
func (c *Conversation) SameState(other *Conversation) bool {
	same := c.State == nil && other.State == nil || c.State != nil && other.State != nil && *c.State == *other.State
	return same && c.ID == other.ID
}

// roster is that of the members' logs as they are. A log that is missing is the caller's mistake, one with another root than
// the member's is fault.IdentityChanged.
func (c *Conversation) roster(logs Logs) (*device.Roster, error) {
	of := make([]*device.Log, len(c.Members))
	for i, m := range c.Members {
		l := logs[m.User]
		if l == nil {
			return nil, fmt.Errorf("session: no log of a member: %w", fault.Misuse)
		}
		if l.Pin().Root != m.Root {
			return nil, fmt.Errorf("session: log of a member has another root: %w", fault.IdentityChanged)
		}
		of[i] = l
	}
	r, err := device.NewRoster(c.ID, c.Epoch, of...)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return r, nil
}

// admits holds a statement against the conversation that is expected. A member with another identity is told first: his
// conversations have other IDs, too.
func (c *Conversation) admits(s *envelope.Signed) error {
	for _, h := range s.Heads {
		i, member := slices.BinarySearchFunc(c.Members, h.User, func(m Member, user string) int { return cmp.Compare(m.User, user) })
		if member && c.Members[i].Root != h.Root {
			return fmt.Errorf("session: log of a member with another root: %w", fault.IdentityChanged)
		}
	}
	state := (*device.Hash)(s.State)
	sameState := state == nil && c.State == nil || state != nil && c.State != nil && *state == *c.State
	if device.Hash(s.Conversation) != c.ID || s.Epoch != c.Epoch || !sameState {
		return fmt.Errorf("session: of another conversation, epoch or group entry: %w", fault.Damaged)
	}
	same := slices.EqualFunc(s.Heads, c.Members, func(h envelope.Head, m Member) bool { return h.User == m.User })
	if !same {
		return fmt.Errorf("session: heads are not those of the members: %w", fault.Malformed)
	}
	return nil
}
