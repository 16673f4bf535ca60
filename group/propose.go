package group

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/groupentry"
)

// Change is what a member wants to be changed.
type Change struct {
	op   uint64
	user string
	root device.Hash
	role Role
}

// Add takes in a user, under the first entry of the device log that is known of him.
func Add(user string, root device.Hash) Change {
	return Change{op: groupentry.Add, user: user, root: root}
}

// Remove takes out a member. Who removes himself leaves; when the owner does and there is no admin, the group ends.
func Remove(user string) Change { return Change{op: groupentry.Remove, user: user} }

// SetRole makes a member an admin (RoleAdmin) or takes that back (RoleMember).
func SetRole(user string, role Role) Change {
	return Change{op: groupentry.Role, user: user, role: role}
}

// Transfer makes a member the owner. Who was it becomes an admin.
func Transfer(user string) Change { return Change{op: groupentry.Transfer, user: user} }

// Resolve ends a fork for good: the trunk counts, and no branch that parts below this entry, of which rejected is the first
// entry of one.
func Resolve(rejected device.Hash) Change { return Change{op: groupentry.Resolve, root: rejected} }

// Create makes a group, with this user as its owner and only member, and signs its first entry. own is his device log.
func Create(me *device.Keys, own *device.Log, now time.Time) (*State, []byte, error) {
	e, logs, err := begin(me, own, now)
	if err != nil {
		return nil, nil, err
	}
	user, root, role, nonce := own.User(), [32]byte(own.Pin().Root), uint64(groupentry.Owner), [16]byte{}
	rand.Read(nonce[:])
	e.Group = groupentry.ID(user, root, nonce)
	e.Op, e.User, e.Root, e.Role, e.Nonce = groupentry.Create, &user, &root, &role, &nonce
	d := (&State{id: e.Group}).draft(logs)
	b, err := d.sign(me, e)
	if err != nil {
		return nil, nil, err
	}
	s, err := d.finish()
	return s, b, err
}

// Propose signs changes, in order, as a chain of entries on the tip. The rights are checked as in Extend, and nothing is
// changed: the caller stores the entries, sends them, and extends the State by what the server then serves. When the server
// has another entry at that place, they are good for nothing, and are signed anew.
//
// In a frozen group only Resolve is possible, else it is fault.LogFork; so is a resolve that would end the group, because its
// owner spoke for both branches. In a group that has ended it is fault.Expired. A target who is no member is fault.Misuse.
func (s *State) Propose(me *device.Keys, own *device.Log, now time.Time, changes ...Change) ([][]byte, error) {
	e, logs, err := begin(me, own, now)
	if err != nil {
		return nil, err
	}
	if s.status == Ended {
		return nil, fmt.Errorf("group: it has ended: %w", fault.Expired)
	}
	if m, in := s.Find(own.User()); in && m.Root != own.Pin().Root {
		return nil, fmt.Errorf("group: the member is another identity of this user: %w", fault.UntrustedSigner)
	}
	d := s.draft(logs)
	entries := make([][]byte, len(changes))
	for i, c := range changes {
		if s.status == Frozen && c.op != groupentry.Resolve {
			return nil, fmt.Errorf("group: frozen until a fork is resolved: %w", fault.LogFork)
		}
		e.Group, e.Epoch, e.Prev = s.id, d.newest().Epoch+1, d.newest().hash
		if err := c.fill(e, &d.cur.roll); err != nil {
			return nil, err
		}
		if entries[i], err = d.sign(me, e); err != nil {
			return nil, err
		}
	}
	after, err := d.finish()
	if err != nil {
		return nil, err
	}
	if after.status == Ended && !after.newest().ends() {
		return nil, fmt.Errorf("group: would end, because its owner spoke for both branches: %w", fault.LogFork)
	}
	return entries, nil
}

// begin is what every entry of this device has.
func begin(me *device.Keys, own *device.Log, now time.Time) (*groupentry.Entry, Logs, error) {
	record := me.Record()
	if record == nil {
		return nil, nil, fmt.Errorf("group: %w", fault.DestroyedKey)
	}
	if own == nil || own.User() != record.User() {
		return nil, nil, fmt.Errorf("group: log of another user: %w", fault.Misuse)
	}
	if now.Unix() < 0 {
		return nil, nil, fmt.Errorf("group: a time before 1970: %w", fault.Misuse)
	}
	pin := own.Pin()
	e := &groupentry.Entry{Actor: own.User(), Seq: pin.Seq, Head: pin.Head, Issued: uint64(now.Unix())}
	mine := func(user string, root device.Hash) *device.Log {
		if user != own.User() || root != pin.Root {
			return nil
		}
		return own
	}
	return e, mine, nil
}

// fill writes a change into an entry for these members.
func (c Change) fill(e *groupentry.Entry, r *roll) error {
	user, root := c.user, [32]byte(c.root)
	e.Op, e.User, e.Root, e.Role = c.op, &user, &root, nil
	switch c.op {
	case groupentry.Add, groupentry.Role:
		role := uint64(c.role)
		if c.role != RoleMember && c.role != RoleAdmin {
			return fmt.Errorf("group: %v is not given to members: %w", c.role, fault.Misuse)
		}
		e.Role = &role
	case groupentry.Resolve:
		e.User = nil
	}
	if c.op == groupentry.Add || c.op == groupentry.Resolve {
		return nil
	}
	m := r.find(c.user)
	if m == nil {
		return fmt.Errorf("group: target is no member: %w", fault.Misuse)
	}
	root = m.Root
	return nil
}

// sign signs an entry with the digest of what it changes, and puts it on the tip as everybody else will.
func (d *draft) sign(me *device.Keys, e *groupentry.Entry) ([]byte, error) {
	changes, err := d.cur.decide(e)
	if err != nil {
		return nil, fmt.Errorf("group: %w", err)
	}
	for _, x := range changes {
		d.cur.apply(x)
	}
	e.Members = d.cur.digest()
	for _, x := range changes {
		d.cur.apply(x.reversed())
	}
	b, err := me.SignGroupEntry(e)
	if err != nil {
		return nil, err
	}
	d.checks = &checks{}
	if err := d.place(b); err != nil {
		return nil, fmt.Errorf("group: %w", err)
	}
	return b, nil
}
