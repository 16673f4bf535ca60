package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/storetest"
)

// script is a life of a store in steps, each of one commit. Doing a step again, when it became durable although it failed,
// changes nothing more.
var script = []func(d *store.DB) error{
	step(func(tx *store.Tx) error {
		tx.SetHeader([]byte("lockbox"))
		tx.Put(note(0, "account"), []byte("alice"))
		return nil
	}),
	step(func(tx *store.Tx) error { return count(tx, "first", 40) }),
	step(func(tx *store.Tx) error { return count(tx, "second", 3) }),
	step(func(tx *store.Tx) error {
		_ = tx.Nested(func() error {
			tx.Put(note(0, "account"), []byte("mallory"))
			return fault.Malformed
		})
		return tx.Range(note(10), func(seq uint64, _ []byte) error {
			tx.Delete(note(seq))
			return nil
		})
	}),
	step(func(tx *store.Tx) error {
		tx.SetHeader([]byte("new lockbox"))
		tx.Delete(note(0, "account"))
		return nil
	}),
}

// count adds n notes and remembers under id that it did.
func count(tx *store.Tx, id string, n int) error {
	_, done, err := tx.Get(note(0, "done", id))
	if err != nil || done {
		return err
	}
	next := uint64(0)
	if err := tx.Range(note(0), func(seq uint64, _ []byte) error { next = seq + 1; return nil }); err != nil {
		return err
	}
	for i := range n {
		tx.Put(note(next+uint64(i)), fmt.Append(nil, id, i))
	}
	tx.Put(note(0, "done", id), nil)
	return nil
}

func step(f func(*store.Tx) error) func(*store.DB) error {
	return func(d *store.DB) error { return d.Update(noContext, f) }
}

// state is all that the script can have written, as text.
func state(t *testing.T, b store.Backend) (lines []string) {
	t.Helper()
	header, _, err := store.Header(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	lines = append(lines, string(header))
	err = open(t, b).View(t.Context(), func(tx *store.Tx) error {
		for _, n := range []store.Name{note(0, "account"), note(0, "done", "first"), note(0, "done", "second")} {
			lines = append(lines, get(t, tx, n))
		}
		return tx.Range(note(0), func(seq uint64, value []byte) error {
			lines = append(lines, fmt.Sprint(seq, string(value)))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// run opens the store and does the steps of the script from the given one on; it returns how many are done.
func run(t *testing.T, b store.Backend, from int) (done int, err error) {
	t.Helper()
	d, err := store.Open(noContext, b, rootKey(t, 1), schema)
	if err != nil {
		return from, err
	}
	for i, step := range script[from:] {
		if err := step(d); err != nil {
			return from + i, err
		}
	}
	return len(script), nil
}

func TestAPowerCutAtAnyCallLeavesTheStateBeforeOrAfter(t *testing.T) {
	states := make([][]string, len(script)+1) // before each step, and at the end
	for i := range states {
		b := store.Memory()
		d := open(t, b)
		for _, step := range script[:i] {
			if err := step(d); err != nil {
				t.Fatal(err)
			}
		}
		states[i] = state(t, b)
		if i > 0 && slices.Equal(states[i], states[i-1]) {
			t.Fatalf("step %d does nothing", i)
		}
	}
	for _, durable := range []bool{false, true} {
		before, after := 0, 0
		for at := 1; ; at++ {
			inner := store.Memory()
			cut := storetest.Break(inner, at, durable)
			done, err := run(t, cut, 0)
			if !cut.Down() {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			wantFault(t, err, fault.StoreFailed)
			now := state(t, inner)
			switch {
			case slices.Equal(now, states[done]):
				before++
			case durable && slices.Equal(now, states[done+1]):
				after++
			default:
				t.Fatalf("call %d, durable %v: in step %d the state is %q", at, durable, done, now)
			}
			if _, err := run(t, inner, done); err != nil {
				t.Fatal(err)
			}
			if end := state(t, inner); !slices.Equal(end, states[len(script)]) {
				t.Fatalf("call %d, durable %v: ended with %q", at, durable, end)
			}
		}
		if before == 0 || durable && after != len(script) {
			t.Errorf("durable %v: %d times the state before, %d times the one after", durable, before, after)
		}
	}
}
