package storetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// entries makes entries of keys and values, which take turns.
func entries(keysAndValues ...string) []store.Entry {
	var all []store.Entry
	for kv := range slices.Chunk(keysAndValues, 2) {
		all = append(all, store.Entry{Key: []byte(kv[0]), Value: []byte(kv[1])})
	}
	return all
}

func put(t *testing.T, b store.Backend, base uint64, keysAndValues ...string) {
	t.Helper()
	if err := b.Commit(t.Context(), store.Batch{Base: base, Put: entries(keysAndValues...)}); err != nil {
		t.Fatal(err)
	}
}

func scan(t *testing.T, b store.Backend, prefix string, after []byte, limit int) []store.Entry {
	t.Helper()
	found, err := b.Scan(t.Context(), []byte(prefix), after, limit)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// spoil overwrites bytes, also those that an append would reach.
func spoil(all ...[]byte) {
	for _, b := range all {
		b = b[:cap(b)]
		for i := range b {
			b[i] = 'x'
		}
	}
}

func want(t *testing.T, b store.Backend, key, value string) {
	t.Helper()
	got, found, err := b.Get(t.Context(), []byte(key))
	if err != nil || !found || string(got) != value {
		t.Errorf("value of %q has %d bytes, want %d, found %v, error %v", key, len(got), len(value), found, err)
	}
}

func wantNone(t *testing.T, b store.Backend, key string) {
	t.Helper()
	if _, found, err := b.Get(t.Context(), []byte(key)); found || err != nil {
		t.Errorf("%q found %v, error %v", key, found, err)
	}
}

func wantKeys(t *testing.T, found []store.Entry, keys ...string) {
	t.Helper()
	var have []string
	for _, e := range found {
		have = append(have, string(e.Key))
	}
	if !slices.Equal(have, keys) {
		t.Errorf("scan found %q, want %q", have, keys)
	}
}

func wantGeneration(t *testing.T, b store.Backend, n uint64) {
	t.Helper()
	if have, err := b.Generation(t.Context()); err != nil || have != n {
		t.Errorf("generation is %d, want %d, error %v", have, n, err)
	}
}

func wantCanceled(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, fault.Canceled) {
		t.Errorf("error is %v, want %s", err, fault.Canceled.Name())
	}
}
