package directory

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/trust"
)

// marks are what is stored of people's decisions about a user. A user without any is unverified.
type marks struct {
	Mark    uint64        `cbor:"1,keyasint"`
	Cause   uint64        `cbor:"2,keyasint"`
	Refused []device.Hash `cbor:"3,keyasint"` // the first entries of branches that were decided against, newest last
}

const (
	maxMarks   = 1024
	maxRefused = 16
)

func readMarks(tx *store.Tx, name string) (marks, error) {
	m := marks{Mark: uint64(trust.Unverified)}
	b, found, err := tx.Get(trustName(name))
	if err != nil || !found {
		return m, err
	}
	m = marks{}
	return m, wire.Unmarshal("directory: marks", b, maxMarks, &m)
}

// mark is the stored one; a number that is none stands for a mark that blocks.
func (m *marks) mark() trust.Mark { return trust.Mark(min(m.Mark, uint64(trust.WasVerified))) }

// putMarks stores the marks of a user.
func putMarks(tx *store.Tx, u *User) error {
	u.marks.Mark, u.marks.Cause = uint64(u.Trust.Mark), uint64(u.Trust.Cause)
	b, err := wire.Marshal(&u.marks)
	if err != nil {
		return fmt.Errorf("directory: marks: %w", err)
	}
	tx.Put(trustName(u.Name), b)
	changed(tx)
	return nil
}

// fork keeps the other branch's entry as evidence, unless people have decided against that branch.
func (d *Directory) fork(tx *store.Tx, u *User, other []byte) (*Change, error) {
	if slices.Contains(u.marks.Refused, sha256.Sum256(other)) {
		return nil, nil
	}
	if known := u.fields.Fork; known != nil && bytes.Equal(*known, other) && u.Trust.Cause == trust.Forked {
		return nil, nil
	}
	u.fields.Fork = clone(other)
	return d.see(tx, u, trust.Forked)
}

// See notes what happened to a user, apart from what Apply sees itself.
func (d *Directory) See(tx *store.Tx, name string, e trust.Event) (*Change, error) {
	u, err := d.User(tx, name)
	if err != nil || u == nil {
		return nil, err
	}
	return d.see(tx, u, e)
}

func (d *Directory) see(tx *store.Tx, u *User, e trust.Event) (*Change, error) {
	c := &Change{Event: e}
	u.Trust, c.Notice = u.Trust.See(e, u.Trust.Pin)
	return c, put(tx, u)
}

// Offer keeps another log of a user, until people decide which one it is: one with another root, or another branch.
func Offer(tx *store.Tx, name string, entries [][]byte) error {
	if err := dropOther(tx, name); err != nil {
		return err
	}
	for seq, entry := range entries {
		tx.Put(otherName(name, uint64(seq)), entry)
	}
	return nil
}

// Other returns the log that Offer kept, nil for none.
func Other(tx *store.Tx, name string) (*device.Log, error) {
	l, _, err := other(tx, name)
	return l, err
}

func other(tx *store.Tx, name string) (*device.Log, [][]byte, error) {
	entries, err := all(tx, otherName(name, 0))
	if err != nil || entries == nil {
		return nil, nil, err
	}
	l, err := resume(name, entries)
	return l, entries, err
}

// Decide notes what people decided about a user, trust.Matched or trust.Acknowledged, naming what they were shown: the
// pinned log, or the other one, which takes its place then. Anything else is fault.IdentityChanged. The change is that of
// the log, nil when it stayed.
func (d *Directory) Decide(tx *store.Tx, name string, e trust.Event, shown device.Pin) (*Change, error) {
	u, err := d.User(tx, name)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, fmt.Errorf("directory: nobody of that name is pinned: %w", fault.UntrustedSigner)
	}
	l, entries, err := other(tx, name)
	if err != nil {
		return nil, err
	}
	if l != nil && l.Pin() == shown && shown != u.Trust.Pin {
		return d.adopt(tx, u, l, entries, e)
	}
	decide := u.Trust.Acknowledge
	if e == trust.Matched {
		decide = u.Trust.Match
	}
	if u.Trust, err = decide(shown); err != nil {
		return nil, err
	}
	if l != nil {
		u.refuse(entries, u.Log)
	}
	if u.fields.Fork != nil {
		u.refuse([][]byte{*u.fields.Fork}, u.Log)
		u.fields.Fork = nil
	}
	if err := dropOther(tx, name); err != nil {
		return nil, err
	}
	return nil, put(tx, u)
}

// Refused reports whether people have decided against the log, or the branch, that begins with an entry.
func (u *User) Refused(entry []byte) bool {
	return slices.Contains(u.marks.Refused, sha256.Sum256(entry))
}

// refuse remembers that people decided against the branch that these entries part from a log with.
func (u *User) refuse(entries [][]byte, l *device.Log) {
	for _, entry := range entries {
		_, seq, err := device.EntryClaim(entry)
		h := device.Hash(sha256.Sum256(entry))
		if err != nil || l.Holds(device.Pin{Root: l.Pin().Root, Seq: seq, Head: h}) == nil {
			continue
		}
		u.marks.Refused = append(u.marks.Refused, h)
		u.marks.Refused = u.marks.Refused[max(0, len(u.marks.Refused)-maxRefused):]
		return
	}
}

// adopt puts the other log in the place of the pinned one. After a reset the identity before stays a former one, so that
// what it signed in groups can still be held against its log.
func (d *Directory) adopt(tx *store.Tx, u *User, l *device.Log, entries [][]byte, e trust.Event) (*Change, error) {
	before, err := Entries(tx, u.Name)
	if err != nil {
		return nil, err
	}
	if l.Pin().Root == u.fields.Root {
		u.refuse(before, l)
	} else {
		if err := d.putFormer(tx, u.Log, before); err != nil {
			return nil, err
		}
		if err := dropFormer(tx, u.Name, l.Pin().Root, 0); err != nil { // it may have been a former one before
			return nil, err
		}
	}
	if err := dropOther(tx, u.Name); err != nil {
		return nil, err
	}
	c := &Change{Event: e}
	g := &Growth{User: u.Name, Base: u.Log, Log: l, entries: entries}
	u.Trust, _ = trust.First(l).See(e, l.Pin())
	u.fields.Fork = nil
	return c, d.replace(tx, u, g, c)
}

// Former keeps the log of an identity that is not the pinned one: what it signed in a group is held against it, and nothing
// is ever sealed to it. It must extend what is kept of that identity. The pinned identity is fault.Misuse here.
func (d *Directory) Former(tx *store.Tx, name string, entries [][]byte) error {
	u, err := d.User(tx, name)
	if err != nil {
		return err
	}
	l, err := device.Verify(name, entries)
	if err != nil {
		return err
	}
	root := l.Pin().Root
	if u == nil || u.fields.Root == root {
		return fmt.Errorf("directory: the identity that is pinned, or of nobody who is: %w", fault.Misuse)
	}
	held, err := d.Identity(tx, name, root)
	if err != nil {
		return err
	}
	if held != nil {
		if err := l.Holds(held.Pin()); err != nil {
			return fmt.Errorf("directory: log does not extend the one that is kept: %w", fault.Rollback)
		}
	}
	return d.putFormer(tx, l, entries)
}

func (d *Directory) putFormer(tx *store.Tx, l *device.Log, entries [][]byte) error {
	for seq, entry := range entries {
		tx.Put(formerName(l.User(), l.Pin().Root, uint64(seq)), entry)
	}
	changed(tx)
	return dropFormer(tx, l.User(), l.Pin().Root, uint64(len(entries)))
}

// dropFormer deletes what is kept of a former identity, from an entry on.
func dropFormer(tx *store.Tx, name string, root device.Hash, from uint64) error {
	return tx.Range(formerName(name, root, from), func(seq uint64, _ []byte) error {
		tx.Delete(formerName(name, root, seq))
		return nil
	})
}

// Identity returns the log of an identity, pinned or former, nil when it is not at hand.
func (d *Directory) Identity(tx *store.Tx, name string, root device.Hash) (*device.Log, error) {
	u, err := d.User(tx, name)
	if err != nil || u == nil || u.fields.Root == root {
		if u == nil {
			return nil, err
		}
		return u.Log, err
	}
	entries, err := all(tx, formerName(name, root, 0))
	if err != nil || entries == nil {
		return nil, err
	}
	if l := d.formerLog(identity{name, root}); l != nil && l.Pin() == pinOf(entries) {
		return l, nil
	}
	l, err := resume(name, entries)
	if err == nil {
		d.rememberFormer(l)
	}
	return l, err
}

func (d *Directory) formerLog(i identity) *device.Log {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.former[i]
}

func (d *Directory) rememberFormer(l *device.Log) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.former == nil {
		d.former = map[identity]*device.Log{}
	}
	d.former[identity{l.User(), l.Pin().Root}] = l
}

// resume is a log that was verified before it was kept.
func resume(name string, entries [][]byte) (*device.Log, error) {
	l, err := device.Resume(name, entries, pinOf(entries))
	if err != nil {
		return nil, fmt.Errorf("directory: stored log: %w", err)
	}
	return l, nil
}

func pinOf(entries [][]byte) device.Pin {
	last := uint64(len(entries) - 1)
	return device.Pin{Root: sha256.Sum256(entries[0]), Seq: last, Head: sha256.Sum256(entries[last])}
}

// all returns the values of a numbered name.
func all(tx *store.Tx, from store.Name) ([][]byte, error) {
	var values [][]byte
	err := tx.Range(from, func(_ uint64, value []byte) error {
		values = append(values, value)
		return nil
	})
	return values, err
}

func dropOther(tx *store.Tx, name string) error {
	return tx.Range(otherName(name, 0), func(seq uint64, _ []byte) error {
		tx.Delete(otherName(name, seq))
		return nil
	})
}

func clone(b []byte) *[]byte {
	c := slices.Clone(b)
	return &c
}

func trustName(user string) store.Name {
	return store.Name{Room: roomTrust, Parts: [][]byte{[]byte(user)}}
}

func otherName(user string, seq uint64) store.Name {
	return store.Name{Room: roomOther, Parts: [][]byte{[]byte(user)}, Seq: seq}
}

func formerName(user string, root device.Hash, seq uint64) store.Name {
	return store.Name{Room: roomFormer, Parts: [][]byte{[]byte(user), root[:]}, Seq: seq}
}
