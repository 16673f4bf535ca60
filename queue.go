package sotto

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// queue is a list in the store, in order of arrival, whose items are found again by an ID of 32 bytes. At most limit items
// and size bytes are in it, 0 for any number: the oldest one goes when a new one does not fit.
type queue struct {
	room  string
	limit uint64
	size  uint64
}

var (
	outbox        = queue{room: "outbox"}
	inbox         = queue{room: "inbox"}
	sent          = queue{room: "sent", limit: 10000} // what became of the IDs of sealed messages
	heldEnvelopes = queue{room: "held/envelope", limit: 256, size: 64 << 20}
	heldMessages  = queue{room: "held/message", limit: 1000, size: 64 << 20}
)

// itemID names an item: the SHA-256 of what it is about.
type itemID = [32]byte

func (q queue) at(seq uint64) store.Name { return store.Name{Room: q.room, Seq: seq} }

func (q queue) index(id itemID) store.Name {
	return store.Name{Room: q.room + "/id", Parts: [][]byte{id[:]}}
}

// ends is where the queue keeps its next number, its count and its bytes.
func (q queue) ends() store.Name { return store.Name{Room: q.room + "/ends"} }

// put adds an item, or replaces the one of that ID in its place.
func (q queue) put(tx *store.Tx, id itemID, value []byte) error {
	e, err := q.read(tx)
	if err != nil {
		return err
	}
	n, old, found, err := q.find(tx, id)
	if err != nil {
		return err
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
func (q queue) fit(tx *store.Tx, e ends, newest itemID) error {
	if q.fits(e) {
		return nil
	}
	var old []itemID
	err := q.each(tx, func(id itemID, value []byte) error {
		if q.fits(e) || id == newest {
			return errEnough
		}
		e.count, e.size = e.count-1, e.size-uint64(len(value))
		old = append(old, id)
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range old {
		if err := q.drop(tx, id); err != nil {
			return err
		}
	}
	return nil
}

func (q queue) fits(e ends) bool {
	return (q.limit == 0 || e.count <= q.limit) && (q.size == 0 || e.size <= q.size)
}

// get returns an item.
func (q queue) get(tx *store.Tx, id itemID) (value []byte, found bool, err error) {
	_, value, found, err = q.find(tx, id)
	return value, found, err
}

// drop removes an item, if it is there.
func (q queue) drop(tx *store.Tx, id itemID) error {
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

// errEnough ends each early.
var errEnough = errors.New("enough")

// each visits the items, oldest first.
func (q queue) each(tx *store.Tx, f func(id itemID, value []byte) error) error {
	err := tx.Range(q.at(0), func(_ uint64, b []byte) error {
		if len(b) < len(itemID{}) {
			return fmt.Errorf("sotto: %s: item of %d bytes: %w", q.room, len(b), fault.Damaged)
		}
		return f(itemID(b[:len(itemID{})]), b[len(itemID{}):])
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// find returns an item and its number.
func (q queue) find(tx *store.Tx, id itemID) (n uint64, value []byte, found bool, err error) {
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

type ends struct{ next, count, size uint64 }

func (q queue) read(tx *store.Tx) (e ends, err error) {
	b, _, err := tx.Get(q.ends())
	if err != nil || len(b) != 24 {
		return ends{}, err
	}
	return ends{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])}, nil
}

func (q queue) write(tx *store.Tx, e ends) {
	b := binary.BigEndian.AppendUint64(nil, e.next)
	b = binary.BigEndian.AppendUint64(b, e.count)
	tx.Put(q.ends(), binary.BigEndian.AppendUint64(b, e.size))
}
