package store

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// rangePage bounds how many values one Scan of a Range brings into memory.
const rangePage = 32

// Range calls f for the values of n.Room and n.Parts whose Seq is n.Seq or more, in ascending order, the transaction's own
// writes included. It stops at the first error and returns it. What f writes does not change what this Range goes through.
// Up to 32 values are in memory at a time: values of many megabytes belong under names of their own.
func (t *Tx) Range(n Name, f func(seq uint64, value []byte) error) error {
	if err := t.check(n); err != nil {
		return err
	}
	first, err := t.db.keys.storageKey(n)
	if err != nil {
		return err
	}
	prefix := first[:prefixSize:prefixSize]
	var after []byte
	if n.Seq > 0 {
		after = binary.BigEndian.AppendUint64(prefix, n.Seq-1)
	}
	w := walk{t, n.Room, t.ownFrom(string(prefix), string(first)), f}
	for {
		page, err := t.db.backend.scan(t.ctx, prefix, after, rangePage)
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := w.stored(e); err != nil {
				return err
			}
		}
		if len(page) < rangePage {
			return w.rest()
		}
		after = page[len(page)-1].Key
	}
}

// ownFrom returns the storage keys, from first on, that the transaction wrote in the collection of prefix, ascending, with
// what it wrote.
func (t *Tx) ownFrom(prefix, first string) []own {
	var all []own
	for key, w := range t.writes {
		if strings.HasPrefix(key, prefix) && key >= first {
			all = append(all, own{key, w})
		}
	}
	slices.SortFunc(all, func(a, b own) int { return strings.Compare(a.key, b.key) })
	return all
}

type own struct {
	key string
	*write
}

// walk merges what is stored with the transaction's own writes, which win.
type walk struct {
	tx   *Tx
	room string
	own  []own // not visited yet, ascending
	f    func(seq uint64, value []byte) error
}

// stored visits a stored entry, and the own writes up to it.
func (w *walk) stored(e Entry) error {
	key, replaced := string(e.Key), false
	for len(w.own) > 0 && w.own[0].key <= key {
		replaced = w.own[0].key == key
		if err := w.next(); err != nil {
			return err
		}
	}
	if replaced {
		return nil
	}
	value, err := w.tx.db.keys.open(e.Key, w.room, e.Value)
	if err != nil {
		return err
	}
	return w.f(seq(key), value)
}

// rest visits the own writes that are left.
func (w *walk) rest() error {
	for len(w.own) > 0 {
		if err := w.next(); err != nil {
			return err
		}
	}
	return nil
}

// next visits the first own write.
func (w *walk) next() error {
	o := w.own[0]
	w.own = w.own[1:]
	if o.deleted {
		return nil
	}
	return w.f(seq(o.key), bytes.Clone(o.value))
}

func seq(storageKey string) uint64 { return binary.BigEndian.Uint64([]byte(storageKey[prefixSize:])) }
