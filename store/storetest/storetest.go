// Package storetest proves that a store.Backend keeps its contract, and breaks Backends down at a chosen call to prove that
// what is built on them survives it.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// Test runs the whole contract against a Backend. create makes a new, empty storage and returns a function that opens it:
// each call returns a Backend over that same storage, as another process would, or the app after a restart. For a storage
// that lives in one Backend only, the function returns that one every time.
func Test(t *testing.T, create func(t *testing.T) (open func() store.Backend)) {
	for _, property := range []struct {
		name string
		f    func(t *testing.T, open func() store.Backend)
	}{
		{"a new storage is empty", testEmpty},
		{"what is put is got", testPut},
		{"empty and large values", testSizes},
		{"what is deleted is gone", testDelete},
		{"scan order, prefix, after, limit", testScan},
		{"every byte may stand in a key", testBinaryKeys},
		{"a conflict changes nothing", testConflict},
		{"nobody shares bytes with the backend", testCopies},
		{"a done context begins nothing", testCanceled},
		{"concurrent writers lose nothing", testWriters},
		{"a reader never sees half a commit", testAtomic},
		{"commits outlive the Backend", testDurable},
	} {
		t.Run(property.name, func(t *testing.T) { property.f(t, create(t)) })
	}
}

func testEmpty(t *testing.T, open func() store.Backend) {
	b := open()
	wantGeneration(t, b, 0)
	wantNone(t, b, "a")
	wantKeys(t, scan(t, b, "", nil, 10))
}

func testPut(t *testing.T, open func() store.Backend) {
	b := open()
	put(t, b, 0, "a", "1", "b", "2")
	wantGeneration(t, b, 1)
	put(t, b, 1, "a", "3")
	wantGeneration(t, b, 2)
	want(t, b, "a", "3")
	want(t, b, "b", "2")
	wantNone(t, b, "c")
	wantNone(t, b, "ab")
	if err := b.Commit(t.Context(), store.Batch{Base: 2}); err != nil {
		t.Fatalf("a commit of nothing: %v", err)
	}
	wantGeneration(t, b, 3)
}

func testSizes(t *testing.T, open func() store.Backend) {
	b := open()
	long, large := string(bytes.Repeat([]byte{'k'}, store.MaxKey)), string(bytes.Repeat([]byte("large"), store.MaxSealed/5))
	put(t, b, 0, "empty", "", long, "key", "large", large)
	if err := b.Commit(t.Context(), store.Batch{Base: 1, Put: []store.Entry{{Key: []byte("nil")}}}); err != nil {
		t.Fatal(err)
	}
	for _, b := range []store.Backend{b, open()} {
		want(t, b, "empty", "")
		want(t, b, "nil", "")
		want(t, b, long, "key")
		want(t, b, "large", large)
		if entries := scan(t, b, "l", nil, 2); len(entries) != 1 || string(entries[0].Value) != large {
			t.Errorf("scan of a large value returned %d entries", len(entries))
		}
	}
	put(t, b, 2, "large", "small")
	want(t, b, "large", "small")
}

func testDelete(t *testing.T, open func() store.Backend) {
	b := open()
	put(t, b, 0, "a", "1", "b", "2", "c", "3")
	batch := store.Batch{Base: 1, Put: entries("d", "4"), Delete: [][]byte{[]byte("a"), []byte("c"), []byte("never there")}}
	if err := b.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	wantNone(t, b, "a")
	want(t, b, "b", "2")
	wantKeys(t, scan(t, b, "", nil, 10), "b", "d")
	put(t, b, 2, "a", "again")
	want(t, b, "a", "again")
}

func testScan(t *testing.T, open func() store.Backend) {
	b := open()
	put(t, b, 0, "ab3", "3", "ab1", "1", "b", "", "ab2", "2", "a", "", "ab", "0", "ac", "")
	found := scan(t, b, "ab", nil, 10)
	wantKeys(t, found, "ab", "ab1", "ab2", "ab3")
	for i, e := range found {
		if string(e.Value) != fmt.Sprint(i) {
			t.Errorf("value of %q is %q", e.Key, e.Value)
		}
	}
	wantKeys(t, scan(t, b, "ab", nil, 2), "ab", "ab1")
	wantKeys(t, scan(t, b, "ab", []byte("ab"), 10), "ab1", "ab2", "ab3")
	wantKeys(t, scan(t, b, "ab", []byte("ab1"), 1), "ab2")
	wantKeys(t, scan(t, b, "ab", []byte("ab11"), 10), "ab2", "ab3") // after a key that is not there
	wantKeys(t, scan(t, b, "ab", []byte("a"), 10), "ab", "ab1", "ab2", "ab3")
	wantKeys(t, scan(t, b, "ab", []byte("ab3"), 10))
	wantKeys(t, scan(t, b, "ab", []byte("z"), 10))
	wantKeys(t, scan(t, b, "zz", nil, 10))
	wantKeys(t, scan(t, b, "", nil, 10), "a", "ab", "ab1", "ab2", "ab3", "ac", "b")

	// Many, so that a backend with pages has several, and in no order.
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprintf("many/%03d", i*7%1000), fmt.Sprint(i*7%1000))
	}
	put(t, b, 1, many...)
	var after []byte
	n := 0
	for {
		page := scan(t, b, "many/", after, 7)
		for _, e := range page {
			if string(e.Key) != fmt.Sprintf("many/%03d", n) || string(e.Value) != fmt.Sprint(n) {
				t.Fatalf("entry %d is %q: %q", n, e.Key, e.Value)
			}
			n++
		}
		if len(page) < 7 {
			break
		}
		after = page[6].Key
	}
	if n != 1000 {
		t.Errorf("%d of 1000 entries", n)
	}
}

func testBinaryKeys(t *testing.T, open func() store.Backend) {
	b := open()
	var all []string
	for i := range 256 {
		all = append(all, string([]byte{0xff, byte(i)}), string([]byte{byte(i)}))
	}
	all = append(all, "\xff\xff\xff", "a", "\xff\x00\x00", "b")
	put(t, b, 0, all...)
	found := scan(t, b, "\xff", nil, 1000)
	if len(found) != 258 || string(found[1].Key) != "\xff\x00\x00" || string(found[257].Key) != "\xff\xff\xff" {
		t.Fatalf("%d entries under ff, or not in order", len(found))
	}
	for _, e := range found[2:257] {
		want(t, b, string(e.Key), string(e.Key[1:]))
	}
	wantKeys(t, scan(t, b, "\xff\xff", []byte("\xff\xff"), 10), "\xff\xff\xff")
}

func testConflict(t *testing.T, open func() store.Backend) {
	b := open()
	put(t, b, 0, "a", "1")
	put(t, b, 1, "b", "2")
	for _, base := range []uint64{0, 1, 3, 1 << 63} {
		err := b.Commit(t.Context(), store.Batch{Base: base, Put: entries("a", "x", "c", "x"), Delete: [][]byte{[]byte("b")}})
		if !errors.Is(err, fault.StoreConflict) {
			t.Errorf("commit on generation %d: %v", base, err)
		}
	}
	wantGeneration(t, b, 2)
	wantKeys(t, scan(t, b, "", nil, 10), "a", "b")
	want(t, b, "a", "1")
}

func testCopies(t *testing.T, open func() store.Backend) {
	b := open()
	key, value := []byte("key"), []byte("value")
	if err := b.Commit(t.Context(), store.Batch{Put: []store.Entry{{Key: key, Value: value}}}); err != nil {
		t.Fatal(err)
	}
	spoil(key, value)
	for range 2 {
		got, found, err := b.Get(t.Context(), []byte("key"))
		if err != nil || !found || string(got) != "value" {
			t.Fatalf("got %q, %v, %v", got, found, err)
		}
		entries := scan(t, b, "k", nil, 1)
		wantKeys(t, entries, "key")
		if len(entries) == 1 {
			spoil(entries[0].Key, entries[0].Value)
		}
		spoil(got)
	}
}

func testCanceled(t *testing.T, open func() store.Backend) {
	b := open()
	put(t, b, 0, "a", "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Generation(ctx)
	wantCanceled(t, err)
	_, _, err = b.Get(ctx, []byte("a"))
	wantCanceled(t, err)
	_, err = b.Scan(ctx, nil, nil, 1)
	wantCanceled(t, err)
	wantCanceled(t, b.Commit(ctx, store.Batch{Base: 1, Put: entries("a", "2")}))
	wantGeneration(t, b, 1)
	want(t, b, "a", "1")
}

func testDurable(t *testing.T, open func() store.Backend) {
	first := open()
	put(t, first, 0, "a", "1", "b", "2")
	second := open()
	wantGeneration(t, second, 1)
	want(t, second, "a", "1")
	put(t, second, 1, "a", "3")
	wantGeneration(t, first, 2)
	want(t, first, "a", "3")
	want(t, open(), "b", "2")
}
