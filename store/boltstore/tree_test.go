//go:build !js && !wasip1

package boltstore

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/store"
)

// image returns the bytes of a file that make made with bbolt.
func image(t testing.TB, make func(tx *bbolt.Tx) error) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(make); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bucketOf makes one bucket with n values of 200 bytes.
func bucketOf(name string, n int) func(tx *bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte(name))
		for i := range n {
			if err == nil {
				err = b.Put(fmt.Appendf(nil, "key %04d", i), make([]byte, 200))
			}
		}
		return err
	}
}

// read does everything that a tree can do, past the recover of Store.open.
func read(t testing.TB, image []byte, pageSize int) (errs []error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "read")
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, f := range []func(*tree) error{
		func(t *tree) error { _, _, err := t.get([]byte("key 0050")); return err },
		func(t *tree) error { _, err := t.scan([]byte("key"), nil, 1<<20); return err },
		func(t *tree) error { _, err := t.scan([]byte("key"), []byte("key 0100"), 1<<20); return err },
		func(t *tree) error {
			return t.checkForCommit([][]byte{[]byte("key 0"), []byte("key 0050"), []byte("x")})
		},
	} {
		tree, err := newTree(file, pageSize)
		if err == nil {
			err = f(tree)
		}
		errs = append(errs, err)
	}
	return errs
}

func TestOnlyAFileOfOneStoreIsRead(t *testing.T) {
	whole, size := image(t, bucketOf(bucketName, 3)), os.Getpagesize()
	for _, err := range read(t, whole, size) {
		if err != nil {
			t.Error(err)
		}
	}
	two := image(t, func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("another"))
		if err != nil {
			return err
		}
		return bucketOf(bucketName, 3)(tx)
	})
	after := image(t, func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("zebra"))
		if err != nil {
			return err
		}
		return bucketOf(bucketName, 3)(tx)
	})
	// The page that names the bucket, made by the first commit, and the place of the one element in it.
	top := func(b []byte) []byte { return b[int(order.Uint64(newestMeta(b)[16:]))*size+pageHead:] }
	for name, b := range map[string][]byte{
		"two buckets":               two,
		"two buckets, ours first":   after,
		"another bucket":            image(t, bucketOf("other", 3)),
		"a value, not a bucket":     changed(whole, func(b []byte) { order.PutUint32(top(b), 0) }),
		"half the head of a bucket": changed(whole, func(b []byte) { order.PutUint32(top(b)[12:], 10) }),
		"no page in the bucket":     changed(whole, func(b []byte) { order.PutUint32(top(b)[12:], 20) }),
		"an inline branch": changed(whole, func(b []byte) {
			inline := top(b)[order.Uint32(top(b)[4:])+order.Uint32(top(b)[8:])+16:]
			order.PutUint16(inline[8:], flagBranch)
		}),
	} {
		for _, err := range read(t, b, size) {
			if fault.Of(err) != fault.Damaged {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, wrong := range []int{0, 1, 3, 512, 2 * size, 1<<20 + 1, 1 << 30} {
		for _, err := range read(t, whole, wrong) {
			if err == nil {
				t.Errorf("read with pages of %d", wrong)
			}
		}
	}
}

func newestMeta(b []byte) []byte {
	first, second := b[pageHead:][:metaSize], b[os.Getpagesize()+pageHead:][:metaSize]
	if order.Uint64(second[48:]) > order.Uint64(first[48:]) {
		return second
	}
	return first
}

func TestAPageIsReadOrRefused(t *testing.T) {
	size := os.Getpagesize()
	b := make([]byte, 8*size)
	for id := range 8 {
		order.PutUint64(b[id*size:], uint64(id))
	}
	order.PutUint32(b[3*size+12:], 2)                    // with pages 4 and 5
	order.PutUint32(b[4*size+12:], 4)                    // with one page too many
	order.PutUint32(b[5*size+12:], uint32(maxPage/size)) // too long, if there were as many pages
	order.PutUint64(b[6*size:], 7)
	path := filepath.Join(t.TempDir(), "pages")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	pages := func(high uint64) *tree {
		return &tree{file: file, pageSize: size, high: high, seen: map[uint64]bool{}}
	}
	if page, err := pages(8).page(3); err != nil || !bytes.Equal(page, b[3*size:6*size]) {
		t.Errorf("%d bytes, %v", len(page), err)
	}
	for id, high := range map[uint64]uint64{0: 8, 1: 8, 3: 5, 4: 8, 5: 1 << 40, 6: 8, 7: 7, 8: 8, 1 << 63: 8, 1<<64 - 1: 8} {
		if _, err := pages(high).page(id); fault.Of(err) != fault.Damaged {
			t.Errorf("page %d below %d: %v", id, high, err)
		}
	}
	twice := pages(8)
	for i, want := range []fault.Code{0, fault.Damaged} {
		if _, err := twice.page(2); fault.Of(err) != want {
			t.Errorf("read %d of a page: %v", i+1, err)
		}
	}
}

// A power cut while bbolt writes a meta page leaves the other one, with the state before.
func TestTheOlderMetaPageIsReadWhenTheNewerIsTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	s := New(path)
	for i, value := range []string{"old", "new"} {
		b := store.Batch{Base: uint64(i), Put: []store.Entry{{Key: []byte("key"), Value: []byte(value)}}}
		if err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(newestMeta(b)[40:])
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	value, found, err := s.Get(t.Context(), []byte("key"))
	if string(value) != "old" || !found || err != nil {
		t.Errorf("got %q, %v, %v", value, found, err)
	}
	if n, err := s.Generation(t.Context()); n != 1 || err != nil {
		t.Errorf("generation %d, %v", n, err)
	}
	if err := s.Commit(t.Context(), store.Batch{Base: 1}); err != nil {
		t.Error(err)
	}
}

// FuzzTree reads a file whose bytes were changed here and there. Each change has 5 bytes: page 1, offset in it 2, how many
// bytes 1, their new value 1. When small is set all values stand in the page of the bucket. The meta pages get right checksums
// after the changes.
func FuzzTree(f *testing.F) {
	large, inline, size := image(f, bucketOf(bucketName, 300)), image(f, bucketOf(bucketName, 3)), os.Getpagesize()
	f.Add([]byte{}, false)
	f.Add([]byte{}, true)
	f.Add([]byte{0, 0, 48, 8, 255, 1, 0, 48, 8, 255}, false)                   // no freelist
	f.Add([]byte{0, 0, 24, 2, 0, 1, 0, 24, 2, 0}, true)                        // pages of no size
	f.Add([]byte{4, 0, 10, 2, 255, 5, 0, 10, 2, 255, 6, 0, 10, 2, 255}, false) // many elements
	f.Add([]byte{3, 0, 40, 80, 1, 5, 0, 40, 80, 1}, true)
	f.Fuzz(func(t *testing.T, changes []byte, small bool) {
		b := bytes.Clone(large)
		if small {
			b = bytes.Clone(inline)
		}
		for ; len(changes) >= 5; changes = changes[5:] {
			at := int(changes[0])*size + (int(changes[1])<<8+int(changes[2]))%size
			for i := range int(changes[3]) {
				if at+i < len(b) {
					b[at+i] = changes[4]
				}
			}
		}
		for _, meta := range [][]byte{b[pageHead:], b[size+pageHead:]} {
			sum := fnv.New64a()
			sum.Write(meta[:metaSize-8])
			order.PutUint64(meta[metaSize-8:], sum.Sum64())
		}
		for _, err := range read(t, b, size) {
			faulttest.FromInput(t, err)
		}
	})
}
