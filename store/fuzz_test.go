package store_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/store"
)

// noContext is for what has no test around it.
var noContext = context.Background()

// hostile is a storage that answers as the bytes of a tape say; when the tape ends it is honest.
type hostile struct {
	honest store.Backend
	tape   []byte
}

func (h *hostile) next() byte {
	if len(h.tape) == 0 {
		return 0
	}
	b := h.tape[0]
	h.tape = h.tape[1:]
	return b
}

func (h *hostile) bytes() []byte {
	n := min(int(h.next()), len(h.tape))
	b := bytes.Clone(h.tape[:n])
	h.tape = h.tape[n:]
	return b
}

// twist changes b, or puts something else in its place.
func (h *hostile) twist(b []byte) []byte {
	switch h.next() % 8 {
	case 1:
		return nil
	case 2:
		return h.bytes()
	case 3:
		return append(b, h.bytes()...)
	case 4:
		return b[:min(len(b), int(h.next()))]
	case 5:
		if len(b) > 0 {
			b[int(h.next())%len(b)] ^= 1 << (h.next() % 8)
		}
	}
	return b
}

func (h *hostile) err() error {
	switch h.next() {
	case 1:
		return errors.New("no code")
	case 2:
		return fault.StoreConflict
	case 3:
		return fault.Damaged
	}
	return nil
}

func (h *hostile) Generation(ctx context.Context) (uint64, error) {
	n, _ := h.honest.Generation(ctx)
	return n + uint64(h.next()), h.err()
}

func (h *hostile) Get(ctx context.Context, key []byte) ([]byte, bool, error) {
	value, found, _ := h.honest.Get(ctx, h.twist(bytes.Clone(key)))
	return h.twist(value), found != (h.next() == 1), h.err()
}

func (h *hostile) Scan(ctx context.Context, prefix, after []byte, limit int) ([]store.Entry, error) {
	found, _ := h.honest.Scan(ctx, h.twist(bytes.Clone(prefix)), h.twist(bytes.Clone(after)), limit+int(h.next()))
	for i := range found {
		found[i].Key, found[i].Value = h.twist(found[i].Key), h.twist(found[i].Value)
	}
	return found, h.err()
}

func (h *hostile) Commit(ctx context.Context, b store.Batch) error {
	if h.next() == 1 {
		b.Put = b.Put[:len(b.Put)/2]
	}
	if err := h.honest.Commit(ctx, b); err != nil {
		return err
	}
	return h.err()
}

// FuzzTx runs transactions over a hostile storage: they end, and every error has a code that does not blame the caller.
func FuzzTx(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 0, 0, 5, 9, 1})
	f.Add(bytes.Repeat([]byte{0, 0, 2, 40}, 50))
	f.Add(bytes.Repeat([]byte{5, 0, 0}, 60))
	f.Add(bytes.Repeat([]byte{3}, 100))
	f.Fuzz(func(t *testing.T, tape []byte) {
		b := store.Memory()
		put(t, open(t, b), note(1, "there before"), "value")
		h := &hostile{honest: b, tape: tape}
		d, err := store.Open(noContext, h, rootKey(t, 1), schema)
		faulttest.FromInput(t, err)
		if err != nil {
			return
		}
		for i := range uint64(3) {
			faulttest.FromInput(t, d.Update(noContext, func(tx *store.Tx) error {
				for j := range uint64(40) {
					tx.Put(note(100*i+j), []byte("value"))
				}
				tx.Delete(note(100 * i))
				if err := tx.Nested(func() error { return tx.Range(note(i), visit(t)) }); err != nil {
					return err
				}
				_, _, err := tx.Get(note(1, "there before"))
				return err
			}))
			faulttest.FromInput(t, d.View(noContext, func(tx *store.Tx) error { return tx.Range(note(0), visit(t)) }))
		}
		_, _, err = store.Header(noContext, h)
		faulttest.FromInput(t, err)
	})
}

// visit takes the values that FuzzTx wrote; no other ever comes out.
func visit(t *testing.T) func(uint64, []byte) error {
	return func(_ uint64, value []byte) error {
		if string(value) != "value" {
			t.Errorf("a value that nobody wrote: %q", value)
		}
		return nil
	}
}
