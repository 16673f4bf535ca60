// Package groups keeps what a device knows of groups: the chain of each, entries of other branches, and what this device has
// signed and the server has not ordered yet. Everything is read and written inside the caller's transaction.
package groups

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/store"
)

// The rooms.
const (
	roomGroups = "groups"       // number: a group's ID, in the order in which they came
	roomCount  = "groups/count" // the next number, and how many they are
	roomGroup  = "group"        // [group]: fields
	roomEntry  = "group/entry"  // [group, hash]: entry
	roomTrunk  = "group/trunk"  // [group], epoch: hash of the entry that counts, and when it came to
)

// Groups reads groups. It remembers states, so that they need not be put together again: what it knows is compared with what
// is stored. The zero value is ready; it is safe for concurrent use.
type Groups struct {
	mu     sync.Mutex
	states map[device.Hash]known
}

type known struct {
	sum   [sha256.Size]byte // of the stored fields, which name every entry that the state is made of
	state *group.State
}

// Group is a group as it is stored.
type Group struct {
	State    *group.State
	Pending  [][]byte // what this device signed on the tip, in order, until the server has it or another entry at its place
	Announce bool     // this user changed who is in it: a session for those is due
	fields   fields
	sum      [sha256.Size]byte
}

// fields are what is stored of a group beside its entries.
type fields struct {
	Length   uint64        `cbor:"1,keyasint"` // entries that count
	Tip      device.Hash   `cbor:"2,keyasint"` // the newest one of them
	Side     []device.Hash `cbor:"3,keyasint"` // entries of other branches
	Heard    []heard       `cbor:"4,keyasint"`
	Pending  []device.Hash `cbor:"5,keyasint"`
	Announce bool          `cbor:"6,keyasint"`
}

// heard is a group.Heard as an array.
type heard struct {
	_     struct{} `cbor:",toarray"`
	User  string
	Root  device.Hash
	Cert  device.CertID
	Entry device.Hash
}

const maxFields = 4 << 20

// ErrMoved says that the store has another state by now than the one that a change began from.
var ErrMoved = errors.New("the group has changed meanwhile")

// Group returns a group, nil for one that is not known. One that is put together again is judged with the logs.
func (g *Groups) Group(tx *store.Tx, id device.Hash, logs group.Logs) (*Group, error) {
	b, found, err := tx.Get(name(roomGroup, id))
	if err != nil || !found {
		return nil, err
	}
	s := &Group{sum: sha256.Sum256(b)}
	if err := wire.Unmarshal("groups: group", b, maxFields, &s.fields); err != nil {
		return nil, err
	}
	s.Announce = s.fields.Announce
	for _, h := range s.fields.Pending {
		b, err := Entry(tx, id, h)
		if err != nil {
			return nil, err
		}
		s.Pending = append(s.Pending, b)
	}
	if s.State = g.known(id, s.sum); s.State != nil {
		return s, nil
	}
	if s.State, err = resume(tx, id, &s.fields); err != nil {
		return nil, err
	}
	if s.State, err = s.State.Extend(nil, logs); err != nil {
		return nil, fmt.Errorf("groups: stored group: %w", err)
	}
	g.remember(id, s.sum, s.State)
	return s, nil
}

func resume(tx *store.Tx, id device.Hash, f *fields) (*group.State, error) {
	trunk, err := Trunk(tx, id)
	if err != nil {
		return nil, err
	}
	var side [][]byte
	for _, h := range f.Side {
		b, err := Entry(tx, id, h)
		if err != nil {
			return nil, err
		}
		side = append(side, b)
	}
	all := make([]group.Heard, len(f.Heard))
	for i, h := range f.Heard {
		all[i] = group.Heard{User: h.User, Root: h.Root, Cert: h.Cert, Entry: h.Entry}
	}
	state, err := group.Resume(id, trunk, side, all)
	if err != nil {
		return nil, fmt.Errorf("groups: stored group: %w", err)
	}
	return state, nil
}

// Trunk returns the entries that count, from the first one on.
func Trunk(tx *store.Tx, id device.Hash) ([][]byte, error) {
	var entries [][]byte
	err := tx.Range(trunkName(id, 0), func(_ uint64, row []byte) error {
		if len(row) < sha256.Size {
			return fmt.Errorf("groups: stored chain: %w", fault.Damaged)
		}
		b, err := Entry(tx, id, device.Hash(row[:sha256.Size]))
		entries = append(entries, b)
		return err
	})
	return entries, err
}

// Superseded returns when the entry after an epoch came to count here, false when there is none.
func Superseded(tx *store.Tx, id device.Hash, epoch uint64) (time.Time, bool, error) {
	row, found, err := tx.Get(trunkName(id, epoch+1))
	if err != nil || !found || len(row) != rowSize {
		return time.Time{}, false, err
	}
	return time.Unix(int64(binary.BigEndian.Uint64(row[sha256.Size:])), 0), true, nil
}

// Each visits every group's ID, in the order in which they came.
func Each(tx *store.Tx, f func(id device.Hash) error) error {
	return tx.Range(store.Name{Room: roomGroups}, func(_ uint64, id []byte) error {
		if len(id) != sha256.Size {
			return fmt.Errorf("groups: stored list: %w", fault.Damaged)
		}
		return f(device.Hash(id))
	})
}

// Put stores what became of a group: of before, nil for a new one, whose state has moved to next. Entries are those that next
// may have and before has not.
func (g *Groups) Put(tx *store.Tx, before *Group, next *group.State, entries [][]byte, now time.Time) (*Group, error) {
	id := next.ID()
	stored, found, err := tx.Get(name(roomGroup, id))
	if err != nil {
		return nil, err
	}
	if found != (before != nil) || found && sha256.Sum256(stored) != before.sum {
		return nil, ErrMoved
	}
	to := &Group{State: next}
	from := uint64(0)
	if before == nil {
		err = list(tx, id)
	} else {
		to.Pending, to.Announce, to.fields = before.Pending, before.Announce, before.fields
		from, err = parts(tx, to)
	}
	if err != nil {
		return nil, err
	}
	came := map[device.Hash][]byte{}
	for _, b := range entries {
		came[sha256.Sum256(b)] = b
	}
	for epoch := from; epoch <= next.Epoch(); epoch++ {
		h, _ := next.Entry(epoch)
		if b := came[h]; b != nil { // else it was on a side branch
			tx.Put(entryName(id, h), b)
		}
		tx.Put(trunkName(id, epoch), binary.BigEndian.AppendUint64(h[:], uint64(max(0, now.Unix()))))
	}
	for epoch := next.Epoch() + 1; epoch < to.fields.Length; epoch++ {
		tx.Delete(trunkName(id, epoch))
	}
	to.fields.Length, to.fields.Tip = next.Epoch()+1, next.Tip()
	beside := to.fields.Side
	to.fields.Side, to.fields.Heard = nil, nil
	for _, b := range next.Side() {
		h := device.Hash(sha256.Sum256(b))
		tx.Put(entryName(id, h), b)
		to.fields.Side = append(to.fields.Side, h)
	}
	for _, h := range next.Heard() {
		to.fields.Heard = append(to.fields.Heard, heard{User: h.User, Root: h.Root, Cert: h.Cert, Entry: h.Entry})
	}
	for _, h := range beside {
		to.forget(tx, h)
	}
	return to, g.Save(tx, to)
}

// forget deletes an entry that is neither of the trunk nor kept beside it.
func (s *Group) forget(tx *store.Tx, h device.Hash) {
	id := s.State.ID()
	b, err := Entry(tx, id, h)
	if err != nil || slices.Contains(s.fields.Side, h) {
		return
	}
	claim, err := group.Inspect(b)
	if on, counts := s.State.Entry(claim.Epoch); err == nil && counts && on == h {
		return
	}
	tx.Delete(entryName(id, h))
}

// Save stores what is beside the entries: Pending and Announce.
func (g *Groups) Save(tx *store.Tx, s *Group) error {
	id := s.State.ID()
	s.fields.Announce = s.Announce
	signed := s.fields.Pending
	s.fields.Pending = nil
	for _, b := range s.Pending {
		h := device.Hash(sha256.Sum256(b))
		tx.Put(entryName(id, h), b)
		s.fields.Pending = append(s.fields.Pending, h)
	}
	for _, h := range signed {
		if !slices.Contains(s.fields.Pending, h) {
			s.forget(tx, h)
		}
	}
	b, err := wire.Marshal(&s.fields)
	if err != nil {
		return fmt.Errorf("groups: group: %w", err)
	}
	tx.Put(name(roomGroup, id), b)
	s.sum = sha256.Sum256(b)
	g.remember(id, s.sum, s.State)
	return nil
}

// parts is the first epoch at which another entry is stored than the state has.
func parts(tx *store.Tx, s *Group) (uint64, error) {
	epoch := min(s.fields.Length, s.State.Epoch()+1)
	for ; epoch > 0; epoch-- {
		row, _, err := tx.Get(trunkName(s.State.ID(), epoch-1))
		if err != nil {
			return 0, err
		}
		if h, _ := s.State.Entry(epoch - 1); len(row) == rowSize && device.Hash(row[:sha256.Size]) == h {
			break
		}
	}
	return epoch, nil
}

// Parts is the first epoch at which two states have different entries.
func Parts(before, next *group.State) uint64 {
	epoch := min(before.Epoch(), next.Epoch()) + 1
	for ; epoch > 0; epoch-- {
		a, _ := before.Entry(epoch - 1)
		b, _ := next.Entry(epoch - 1)
		if a == b {
			break
		}
	}
	return epoch
}

// MaxGroups bounds the groups that are kept: anybody who is pinned can make one with this user in it.
const MaxGroups = 1024

// list notes a group that is new. One too many is fault.OverLimit.
func list(tx *store.Tx, id device.Hash) error {
	next, many, err := counts(tx)
	if err != nil {
		return err
	}
	if many >= MaxGroups { // Full says so before
		return fmt.Errorf("groups: %d are kept: %w", many, fault.OverLimit)
	}
	tx.Put(store.Name{Room: roomGroups, Seq: next}, id[:])
	putCounts(tx, next+1, many+1)
	return nil
}

// Full reports whether no more groups are kept.
func Full(tx *store.Tx) (bool, error) {
	_, many, err := counts(tx)
	return many >= MaxGroups, err
}

func counts(tx *store.Tx) (next, many uint64, err error) {
	b, found, err := tx.Get(store.Name{Room: roomCount})
	if err != nil || !found || len(b) != 16 {
		return 0, 0, err
	}
	return binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), nil
}

func putCounts(tx *store.Tx, next, many uint64) {
	tx.Put(store.Name{Room: roomCount}, binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, next), many))
}

// Drop forgets a group.
func (g *Groups) Drop(tx *store.Tx, s *Group) error {
	id := s.State.ID()
	trunk, err := Trunk(tx, id)
	if err != nil {
		return err
	}
	for epoch, b := range trunk {
		tx.Delete(trunkName(id, uint64(epoch)))
		tx.Delete(entryName(id, sha256.Sum256(b)))
	}
	for _, h := range slices.Concat(s.fields.Side, s.fields.Pending) {
		tx.Delete(entryName(id, h))
	}
	tx.Delete(name(roomGroup, id))
	next, many, err := counts(tx)
	if err != nil {
		return err
	}
	putCounts(tx, next, many-1)
	return tx.Range(store.Name{Room: roomGroups}, func(seq uint64, listed []byte) error {
		if device.Hash(listed) == id {
			tx.Delete(store.Name{Room: roomGroups, Seq: seq})
		}
		return nil
	})
}

func (g *Groups) known(id device.Hash, sum [sha256.Size]byte) *group.State {
	g.mu.Lock()
	defer g.mu.Unlock()
	if k := g.states[id]; k.state != nil && k.sum == sum {
		return k.state
	}
	return nil
}

func (g *Groups) remember(id device.Hash, sum [sha256.Size]byte, s *group.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.states == nil {
		g.states = map[device.Hash]known{}
	}
	g.states[id] = known{sum, s}
}

func Entry(tx *store.Tx, id, h device.Hash) ([]byte, error) {
	b, found, err := tx.Get(entryName(id, h))
	if err == nil && !found {
		err = fmt.Errorf("groups: stored entry is missing: %w", fault.Damaged)
	}
	return b, err
}

const rowSize = sha256.Size + 8

func name(room string, id device.Hash) store.Name {
	return store.Name{Room: room, Parts: [][]byte{id[:]}}
}

func entryName(id, h device.Hash) store.Name {
	return store.Name{Room: roomEntry, Parts: [][]byte{id[:], h[:]}}
}

func trunkName(id device.Hash, epoch uint64) store.Name {
	return store.Name{Room: roomTrunk, Parts: [][]byte{id[:]}, Seq: epoch}
}
