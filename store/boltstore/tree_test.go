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

// fileOf returns a file of these bytes.
func fileOf(t testing.TB, image []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

// read does everything that a tree can do, past the recover of Store.open.
func read(t testing.TB, image []byte, pageSize int) (errs []error) {
	t.Helper()
	file := fileOf(t, image)
	for _, f := range []func(*tree) error{
		func(t *tree) error { _, _, err := t.get([]byte("key 0050")); return err },
		func(t *tree) error { _, err := t.scan([]byte("key"), nil, 1<<20); return err },
		func(t *tree) error { _, err := t.scan([]byte("key"), []byte("key 0100"), 1<<20); return err },
		func(t *tree) error {
			return t.checkForCommit([][]byte{[]byte("key 0"), []byte("key 0050"), []byte("x")}, 2)
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
	} {
		for _, err := range read(t, b, size) {
			if fault.Of(err) != fault.Damaged {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, wrong := range []int{0, 3, 512, 1<<12 + 1, 1 << 20} {
		b := changed(whole, func(b []byte) {
			for _, meta := range [][]byte{b[pageHead:], b[size+pageHead:]} {
				order.PutUint32(meta[8:], uint32(wrong))
				sign(meta)
			}
		})
		for _, err := range read(t, b, wrong) {
			if fault.Of(err) != fault.Damaged {
				t.Errorf("pages of %d: %v", wrong, err)
			}
		}
	}
}

// sign makes the checksum of a meta page right.
func sign(meta []byte) {
	sum := fnv.New64a()
	sum.Write(meta[:metaSize-8])
	order.PutUint64(meta[metaSize-8:], sum.Sum64())
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
	file := fileOf(t, b)
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

// root returns the root of an image's tree, which is a branch over leaves, and its bytes.
func root(t *testing.T, b []byte) (node, []byte) {
	t.Helper()
	tree, err := newTree(fileOf(t, b), os.Getpagesize())
	if err != nil {
		t.Fatal(err)
	}
	page := b[int(tree.root)*os.Getpagesize():][:os.Getpagesize()]
	n, err := parseNode(tree.root, page)
	if err != nil || n.leaf {
		t.Fatal("the root is no branch", err)
	}
	return n, page
}

// checkKey checks what a commit would touch that changes one key, and deletes so many.
func checkKey(t *testing.T, image, key []byte, deleted int) error {
	t.Helper()
	tree, err := newTree(fileOf(t, image), os.Getpagesize())
	if err != nil {
		t.Fatal(err)
	}
	return tree.checkForCommit([][]byte{key}, deleted)
}

// Of two leaves that changed places each is sound, and no key is where bbolt looks for it.
func TestLeavesThatChangedPlacesAreDamage(t *testing.T) {
	whole := image(t, bucketOf(bucketName, 300))
	n, _ := root(t, whole)
	for i := range len(n.elements) - 1 {
		first, second := n.elements[i], n.elements[i+1]
		b := changed(whole, func(b []byte) {
			_, page := root(t, b)
			order.PutUint64(page[pageHead+i*elementSize+8:], second.child)
			order.PutUint64(page[pageHead+(i+1)*elementSize+8:], first.child)
		})
		if err := read(t, b, os.Getpagesize())[1]; fault.Of(err) != fault.Damaged {
			t.Errorf("scan over leaves %d and %d: %v", i, i+1, err)
		}
		for _, key := range [][]byte{first.key, second.key} {
			if err := checkKey(t, b, key, 0); fault.Of(err) != fault.Damaged {
				t.Errorf("commit to leaves %d and %d: %v", i, i+1, err)
			}
		}
	}
}

// bbolt may merge a page that it changes with those beside it: a leaf with the next one, a branch that shrinks again and
// again with as many as there are deleted keys.
func TestACommitChecksWhatBboltMayMerge(t *testing.T) {
	for _, c := range []struct{ values, deleted, reach int }{
		{300, 0, 0}, {300, 1, 1}, {300, 9, 1}, // leaves under the root
		{12_000, 0, 0}, {12_000, 1, 1}, {12_000, 2, 2}, // branches under the root
	} {
		whole := image(t, bucketOf(bucketName, c.values))
		n, _ := root(t, whole)
		own := len(n.elements) / 2
		if own < 3 {
			t.Fatalf("%d children", len(n.elements))
		}
		for i, e := range n.elements {
			want := fault.Code(0)
			if max(i-own, own-i) <= c.reach {
				want = fault.Damaged
			}
			for name, field := range map[string]int{"flags": 8, "count": 10} {
				b := changed(whole, func(b []byte) { order.PutUint16(b[int(e.child)*os.Getpagesize()+field:], 0) })
				if err := checkKey(t, b, n.elements[own].key, c.deleted); fault.Of(err) != want {
					t.Errorf("%d deleted, no %s in child %d, commit to child %d: %v", c.deleted, name, i, own, err)
				}
			}
		}
	}
}

// What bbolt merges must be of one kind.
func TestABranchBesideALeafIsDamage(t *testing.T) {
	whole := image(t, bucketOf(bucketName, 300))
	n, _ := root(t, whole)
	for i, e := range n.elements[:2] {
		b := changed(whole, func(b []byte) {
			page := b[int(e.child)*os.Getpagesize():]
			order.PutUint16(page[8:], flagBranch)
			order.PutUint16(page[10:], 1)
			order.PutUint32(page[pageHead:], elementSize)
			order.PutUint32(page[pageHead+4:], uint32(len(e.key)))
			copy(page[pageHead+elementSize:], e.key)
		})
		for _, own := range n.elements[:2] {
			if err := checkKey(t, b, own.key, 1); fault.Of(err) != fault.Damaged {
				t.Errorf("branch for leaf %d: %v", i, err)
			}
		}
	}
}

func TestATreeThatIsTooDeepIsDamage(t *testing.T) {
	size := os.Getpagesize()
	for depth, want := range map[int]fault.Code{maxDepth - 1: 0, maxDepth: fault.Damaged} {
		b := make([]byte, (depth+3)*size)
		for id := 2; id < depth+2; id++ { // a branch with one child, the next page
			copy(b[id*size:], branch())
			order.PutUint16(b[id*size+10:], 1)
			order.PutUint64(b[id*size:], uint64(id))
			order.PutUint64(b[id*size+pageHead+8:], uint64(id+1))
		}
		copy(b[(depth+2)*size:], leaf())
		order.PutUint64(b[(depth+2)*size:], uint64(depth+2))
		file := fileOf(t, b)
		deep := func() *tree {
			return &tree{file: file, pageSize: size, high: uint64(depth + 3), root: 2, seen: map[uint64]bool{}}
		}
		if entries, err := deep().scan(nil, nil, 10); fault.Of(err) != want || want == 0 && len(entries) != 2 {
			t.Errorf("scan %d deep: %d entries, %v", depth, len(entries), err)
		}
		way := deep()
		top, err := way.top()
		if err != nil {
			t.Fatal(err)
		}
		if err := way.checkWay(top, [][]byte{[]byte("a")}, 0, 1); fault.Of(err) != want {
			t.Errorf("commit %d deep: %v", depth, err)
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
// bytes 1, their new value 1. When small is set all values stand in the page of the bucket. The meta pages get right
// checksums after the changes.
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
			sign(meta)
		}
		for _, err := range read(t, b, size) {
			faulttest.FromInput(t, err)
		}
	})
}
