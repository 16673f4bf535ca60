package store_test

import (
	"bytes"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/store"
)

var wantFault = faulttest.Want

var schema = store.Schema{Version: 1}

// rootKey is the root of the tests: 32 times b.
func rootKey(t testing.TB, b byte) *cose.Key {
	t.Helper()
	k, err := cose.NewKey(cose.A256GCM, bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func open(t testing.TB, b store.Backend) *store.DB {
	t.Helper()
	d, err := store.Open(t.Context(), b, rootKey(t, 1), schema)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// note names a value of the room that the tests use.
func note(seq uint64, parts ...string) store.Name {
	n := store.Name{Room: "test/note", Seq: seq}
	for _, p := range parts {
		n.Parts = append(n.Parts, []byte(p))
	}
	return n
}

func update(t testing.TB, d *store.DB, f func(*store.Tx) error) {
	t.Helper()
	if err := d.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, d *store.DB, n store.Name, value string) {
	t.Helper()
	update(t, d, func(tx *store.Tx) error {
		tx.Put(n, []byte(value))
		return nil
	})
}

// get returns the value of n, "-" when there is none.
func get(t testing.TB, tx *store.Tx, n store.Name) string {
	t.Helper()
	value, found, err := tx.Get(n)
	if err != nil {
		t.Error(err)
	}
	if !found {
		return "-"
	}
	return string(value)
}

func want(t testing.TB, d *store.DB, n store.Name, value string) {
	t.Helper()
	err := d.View(t.Context(), func(tx *store.Tx) error {
		if have := get(t, tx, n); have != value {
			t.Errorf("value %d is %q, want %q", n.Seq, have, value)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func generation(t testing.TB, b store.Backend) uint64 {
	t.Helper()
	n, err := b.Generation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// raw returns everything that the backend holds.
func raw(t testing.TB, b store.Backend) []store.Entry {
	t.Helper()
	all, err := b.Scan(t.Context(), nil, nil, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// write changes the storage behind the back of every DB.
func write(t testing.TB, b store.Backend, key, value []byte) {
	t.Helper()
	batch := store.Batch{Base: generation(t, b), Put: []store.Entry{{Key: key, Value: value}}}
	if err := b.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}
