package store

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/sottokit/sotto/fault"
)

// Tx is a transaction: reads see one state of the store and the transaction's own writes; writes are kept until the
// commit. It belongs to one goroutine and ends with the function that got it: reads after that are fault.Misuse, and
// writes do nothing.
type Tx struct {
	_ [0]func()
	redacted
	db   *DB
	ctx  context.Context
	base uint64 // generation at the start
	view bool
	live bool // not ended, nor the zero value

	writes map[string]*write // by storage key, or headerKey
	undo   []undo            // what each write replaced, oldest first
	after  []func()
	err    error // of the first write that could not be done
}

// write is what the commit does to one key. Its value is never changed in place. It stands behind pointers, because package
// fmt follows none but the first when a verb does not fit.
type write struct {
	value   []byte // plain
	deleted bool
}

type undo struct {
	key   string
	write *write // nil for none
}

// Get returns a value, and whether there is one. What does not open is fault.Damaged, and names the room.
func (t *Tx) Get(n Name) (value []byte, found bool, err error) {
	if err := t.check(n); err != nil {
		return nil, false, err
	}
	return t.get(n)
}

func (t *Tx) get(n Name) (value []byte, found bool, err error) {
	key, err := t.db.keys.storageKey(n)
	if err != nil {
		return nil, false, err
	}
	if w, own := t.writes[string(key)]; own {
		return bytes.Clone(w.value), !w.deleted, nil
	}
	sealed, found, err := t.db.backend.get(t.ctx, key)
	if err != nil || !found {
		return nil, false, err
	}
	value, err = t.db.keys.open(key, n.Room, sealed)
	return value, err == nil, err
}

// check refuses the use of a transaction that has ended, and of a room that is the DB's own.
func (t *Tx) check(n Name) error {
	if !t.live {
		return fmt.Errorf("store: the transaction has ended: %w", fault.Misuse)
	}
	if n.Room == "" {
		return fmt.Errorf("store: name without room: %w", fault.Misuse)
	}
	return nil
}

// Put keeps a copy of value under n. A value of more than MaxValue bytes, or a name of more than MaxName, makes the
// transaction, or the Nested that it is in, fail with fault.OverLimit.
func (t *Tx) Put(n Name, value []byte) {
	if len(value) > MaxValue {
		t.fail(fmt.Errorf("store: value of %d bytes in room %q: %w", len(value), n.Room, fault.OverLimit))
		return
	}
	t.write(n, &write{value: bytes.Clone(value)})
}

// Delete removes the value of n, if there is one.
func (t *Tx) Delete(n Name) { t.write(n, &write{deleted: true}) }

func (t *Tx) write(n Name, w *write) {
	if err := t.check(n); err != nil {
		t.fail(err)
		return
	}
	key, err := t.db.keys.storageKey(n)
	if err != nil {
		t.fail(err)
		return
	}
	t.set(key, w)
}

// SetHeader replaces the header (see Header). It keeps a copy; more than MaxHeader bytes are fault.OverLimit as in Put.
func (t *Tx) SetHeader(header []byte) {
	if len(header) > MaxHeader {
		t.fail(fmt.Errorf("store: header of %d bytes: %w", len(header), fault.OverLimit))
		return
	}
	t.set([]byte(headerKey), &write{value: bytes.Clone(header)})
}

// set is the only place that writes.
func (t *Tx) set(key []byte, w *write) {
	if !t.live {
		return
	}
	if t.view {
		t.fail(fmt.Errorf("store: write in a View: %w", fault.Misuse))
		return
	}
	t.undo = append(t.undo, undo{string(key), t.writes[string(key)]})
	t.writes[string(key)] = w
}

func (t *Tx) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// Nested runs f and returns its error, or that of the first write in it that could not be done. Then f's writes and its
// AfterCommit functions are dropped, and the transaction goes on as if f had not been called.
func (t *Tx) Nested(f func() error) error {
	writes, after, before := len(t.undo), len(t.after), t.err
	t.err = nil
	kept := false
	defer func() { // deferred, for an f that panics and a caller that recovers
		t.err = before
		if !kept {
			t.rollback(writes)
			t.after = t.after[:after]
		}
	}()
	if err := f(); err != nil {
		return err
	}
	if t.err != nil {
		return t.err
	}
	kept = true
	return nil
}

// rollback takes back all writes but the first n.
func (t *Tx) rollback(n int) {
	for i := len(t.undo) - 1; i >= n; i-- {
		u := t.undo[i]
		clear(t.writes[u.key].value)
		if u.write != nil {
			t.writes[u.key] = u.write
		} else {
			delete(t.writes, u.key)
		}
	}
	t.undo = t.undo[:n]
}

// AfterCommit has f called once after the transaction was committed, and never if it was not. This is the only place from
// which events may leave a transaction. The functions run in order, before the next Update of this DB begins, so that what
// they keep in memory is in step with the store; for the same reason they must not call Update.
func (t *Tx) AfterCommit(f func()) {
	if f == nil {
		t.fail(fmt.Errorf("store: no function: %w", fault.Misuse))
		return
	}
	t.after = append(t.after, f)
}

// commit seals everything anew, which an attempt to come does again: an IV never meets two values.
func (t *Tx) commit() error {
	if t.base == 0 {
		if err := t.putRecord(); err != nil {
			return err
		}
	}
	b := Batch{Base: t.base}
	for _, key := range slices.Sorted(maps.Keys(t.writes)) {
		w := t.writes[key]
		if w.deleted {
			b.Delete = append(b.Delete, []byte(key))
			continue
		}
		value := w.value
		if key != headerKey {
			var err error
			if value, err = t.db.keys.seal([]byte(key), w.value); err != nil {
				return err
			}
		}
		b.Put = append(b.Put, Entry{Key: []byte(key), Value: value})
	}
	return t.db.backend.commit(t.ctx, b)
}

// end wipes what the transaction has kept of values.
func (t *Tx) end() {
	t.live = false
	t.rollback(0)
}
