// Package queue keeps lists in a store: items in order of arrival, found again by an ID.
package queue

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// Queue is a list in the store, in order of arrival. It is a value that says where: any number may name the same list. At
// most Limit items and Size bytes of values are in it, 0 for any number: the oldest ones go when a new one does not fit.
type Queue struct {
	Room  string
	Limit uint64
	Size  uint64
}

// ID names an item: the SHA-256 of what it is about.
type ID = [sha256.Size]byte

func (q Queue) at(seq uint64) store.Name { return store.Name{Room: q.Room, Seq: seq} }

func (q Queue) index(id ID) store.Name {
	return store.Name{Room: q.Room + "/id", Parts: [][]byte{id[:]}}
}

// ends is where the queue keeps its next number, its count and its bytes.
func (q Queue) ends() store.Name { return store.Name{Room: q.Room + "/ends"} }

// Put adds an item, or replaces the one of that ID in its place. It returns those that went for it, oldest first.
func (q Queue) Put(tx *store.Tx, id ID, value []byte) (dropped []ID, err error) {
	e, err := q.read(tx)
	if err != nil {
		return nil, err
	}
	n, old, found, err := q.find(tx, id)
	if err != nil {
		return nil, err
	}
	if found {
		e.size -= uint64(len(old))
	} else {
		n, e.next, e.count = e.next, e.next+1, e.count+1
		tx.Put(q.index(id), binary.BigEndian.AppendUint64(nil, n))
	}
	e.size += uint64(len(value))
	tx.Put(q.at(n), append(id[:], value...))
	q.write(tx, e)
	return q.fit(tx, e, id)
}

// fit drops the oldest items until the others fit, but not the newest.
func (q Queue) fit(tx *store.Tx, e ends, newest ID) (old []ID, err error) {
	if q.fits(e) {
		return nil, nil
	}
	err = q.Each(tx, func(id ID, value []byte) error {
		if q.fits(e) || id == newest {
			return errEnough
		}
		e.count, e.size = e.count-1, e.size-uint64(len(value))
		old = append(old, id)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, id := range old {
		if err := q.Drop(tx, id); err != nil {
			return nil, err
		}
	}
	return old, nil
}

func (q Queue) fits(e ends) bool {
	return (q.Limit == 0 || e.count <= q.Limit) && (q.Size == 0 || e.size <= q.Size)
}

// Get returns an item.
func (q Queue) Get(tx *store.Tx, id ID) (value []byte, found bool, err error) {
	_, value, found, err = q.find(tx, id)
	return value, found, err
}

// Drop removes an item, if it is there.
func (q Queue) Drop(tx *store.Tx, id ID) error {
	n, value, found, err := q.find(tx, id)
	if err != nil || !found {
		return err
	}
	e, err := q.read(tx)
	if err != nil {
		return err
	}
	e.count, e.size = e.count-1, e.size-uint64(len(value))
	tx.Delete(q.at(n))
	tx.Delete(q.index(id))
	q.write(tx, e)
	return nil
}

// errEnough ends Each early.
var errEnough = errors.New("enough")

// Each visits the items, oldest first.
func (q Queue) Each(tx *store.Tx, f func(id ID, value []byte) error) error {
	err := tx.Range(q.at(0), func(_ uint64, b []byte) error {
		if len(b) < len(ID{}) {
			return fmt.Errorf("queue: %s: item of %d bytes: %w", q.Room, len(b), fault.Damaged)
		}
		return f(ID(b[:len(ID{})]), b[len(ID{}):])
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// find returns an item and its number.
func (q Queue) find(tx *store.Tx, id ID) (n uint64, value []byte, found bool, err error) {
	at, found, err := tx.Get(q.index(id))
	if err != nil || !found || len(at) != 8 {
		return 0, nil, false, err
	}
	n = binary.BigEndian.Uint64(at)
	b, found, err := tx.Get(q.at(n))
	if err != nil || !found || len(b) < len(id) {
		return 0, nil, false, err
	}
	return n, b[len(id):], true, nil
}

// All returns everything in the queue, oldest first.
func (q Queue) All(tx *store.Tx) ([][]byte, error) {
	var all [][]byte
	err := q.Each(tx, func(_ ID, value []byte) error {
		all = append(all, value)
		return nil
	})
	return all, err
}

// Count returns how many items there are.
func (q Queue) Count(tx *store.Tx) (uint64, error) {
	e, err := q.read(tx)
	return e.count, err
}

type ends struct{ next, count, size uint64 }

func (q Queue) read(tx *store.Tx) (e ends, err error) {
	b, _, err := tx.Get(q.ends())
	if err != nil || len(b) != 24 {
		return ends{}, err
	}
	return ends{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])}, nil
}

func (q Queue) write(tx *store.Tx, e ends) {
	b := binary.BigEndian.AppendUint64(nil, e.next)
	b = binary.BigEndian.AppendUint64(b, e.count)
	tx.Put(q.ends(), binary.BigEndian.AppendUint64(b, e.size))
}
