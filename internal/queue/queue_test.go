package queue

import (
	"bytes"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/store"
)

// queued lets a test use a queue in a store of its own.
func queued(t *testing.T) func(f func(tx *store.Tx) error) {
	t.Helper()
	root, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Memory(), root, store.Schema{Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	return func(f func(tx *store.Tx) error) {
		t.Helper()
		if err := db.Update(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
}

// content are the first bytes of the IDs in a queue, oldest first; the queue's own count must agree.
func (q Queue) content(t *testing.T, tx *store.Tx) string {
	t.Helper()
	var all []byte
	size := uint64(0)
	err := q.Each(tx, func(id ID, value []byte) error {
		if got, found, err := q.Get(tx, id); err != nil || !found || !bytes.Equal(got, value) {
			t.Errorf("%c is not found: %v", id[0], err)
		}
		all = append(all, id[0])
		size += uint64(len(value))
		return nil
	})
	e, failed := q.read(tx)
	if err != nil || failed != nil || e.count != uint64(len(all)) || e.size != size {
		t.Errorf("%d items of %d bytes, counted as %+v: %v, %v", len(all), size, e, err, failed)
	}
	return string(all)
}

func TestAQueueKeepsOrderAndLimits(t *testing.T) {
	for name, c := range map[string]struct {
		Queue
		puts string
		size int
		want string
	}{
		"no limits":           {Queue{}, "abcdefgh", 10, "abcdefgh"},
		"a limit":             {Queue{Limit: 3}, "abcdefgh", 10, "fgh"},
		"a size":              {Queue{Size: 35}, "abcdefgh", 10, "fgh"},
		"both, by limit":      {Queue{Limit: 2, Size: 35}, "abcdefgh", 10, "gh"},
		"both, by size":       {Queue{Limit: 5, Size: 35}, "abcdefgh", 10, "fgh"},
		"exactly full":        {Queue{Limit: 8, Size: 80}, "abcdefgh", 10, "abcdefgh"},
		"one that never fits": {Queue{Size: 5}, "abc", 10, "c"},
		"in its place":        {Queue{Limit: 3}, "abcabc", 10, "abc"},
	} {
		t.Run(name, func(t *testing.T) {
			update := queued(t)
			c.Queue.Room = "test/queue"
			update(func(tx *store.Tx) error {
				for _, id := range []byte(c.puts) {
					if _, err := c.Put(tx, ID{id}, bytes.Repeat([]byte{id}, c.size)); err != nil {
						return err
					}
				}
				return nil
			})
			update(func(tx *store.Tx) error {
				if have := c.content(t, tx); have != c.want {
					t.Errorf("holds %q, want %q", have, c.want)
				}
				return nil
			})
		})
	}
}

func TestAQueueReplacesAndDropsItems(t *testing.T) {
	update := queued(t)
	q := Queue{Room: "test/queue"}
	step := func(want string, f func(tx *store.Tx) error) {
		t.Helper()
		update(f)
		update(func(tx *store.Tx) error {
			if have := q.content(t, tx); have != want {
				t.Errorf("holds %q, want %q", have, want)
			}
			return nil
		})
	}
	put := func(id byte, n int) func(tx *store.Tx) error {
		return func(tx *store.Tx) error {
			_, err := q.Put(tx, ID{id}, make([]byte, n))
			return err
		}
	}
	drop := func(id byte) func(tx *store.Tx) error {
		return func(tx *store.Tx) error { return q.Drop(tx, ID{id}) }
	}
	step("a", put('a', 3))
	step("ab", put('b', 0))
	step("ab", put('a', 7))
	step("abc", put('c', 1))
	step("ac", drop('b'))
	step("ac", drop('b'))
	step("acb", put('b', 2))
	step("cb", drop('a'))
	step("b", drop('c'))
	step("", drop('b'))
	step("a", put('a', 1))
	update(func(tx *store.Tx) error {
		if _, found, err := q.Get(tx, ID{'b'}); found || err != nil {
			t.Errorf("found what was dropped: %v", err)
		}
		return nil
	})
}
