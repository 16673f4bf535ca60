//go:build !js && !wasip1

package boltstore_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/fnv"
	"os"
	"path/filepath"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/boltstore"
)

// file is a store file of two commits in memory, with pages of 4 KiB on most machines.
type file []byte

var order = binary.NativeEndian

// newFile makes a file with a branch over many leaves, free pages, and one value that has several pages.
func newFile(t testing.TB, values int) file {
	t.Helper()
	path := filepath.Join(t.TempDir(), "whole")
	s := boltstore.New(path)
	large := store.Entry{Key: []byte("large"), Value: bytes.Repeat([]byte{7}, 3*os.Getpagesize())}
	for base := range uint64(2) {
		b := batch(base, values)
		b.Put = append(b.Put, large)
		if err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// newInlineFile makes a file so small that bbolt keeps the bucket within the page that names it.
func newInlineFile(t testing.TB) file {
	t.Helper()
	path := filepath.Join(t.TempDir(), "inline")
	if err := boltstore.New(path).Commit(t.Context(), batch(0, 2)); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (f file) clone() file { return bytes.Clone(f) }

// meta returns the newer meta page without its head.
func (f file) meta() []byte {
	first, second := f[16:80], f[os.Getpagesize()+16:][:64]
	if order.Uint64(second[48:]) > order.Uint64(first[48:]) {
		return second
	}
	return first
}

// setMeta changes a number in both meta pages and makes their checksums right.
func (f file) setMeta(at int, value uint64) {
	for _, start := range []int{16, os.Getpagesize() + 16} {
		meta := f[start : start+64]
		order.PutUint64(meta[at:], value)
		sum := fnv.New64a()
		sum.Write(meta[:56])
		order.PutUint64(meta[56:], sum.Sum64())
	}
}

func (f file) page(id uint64) []byte { return f[id*uint64(os.Getpagesize()):] }

// pages returns the ids of the pages of the values' tree that have the flag, 1 for branches and 2 for leaves.
func (f file) pages(flag uint16) (ids []uint64) {
	top := f.page(order.Uint64(f.meta()[16:]))
	bucket := top[16+order.Uint32(top[20:])+order.Uint32(top[24:]):]
	var walk func(id uint64)
	walk = func(id uint64) {
		p := f.page(id)
		if order.Uint16(p[8:]) == flag {
			ids = append(ids, id)
		}
		for i := range int(order.Uint16(p[10:])) {
			if order.Uint16(p[8:]) == 1 {
				walk(order.Uint64(p[16+16*i+8:]))
			}
		}
	}
	walk(order.Uint64(bucket))
	return ids
}

// use writes f to path and makes every kind of call on it. Each comes back with an error that has a code, or without one.
func (f file) use(t testing.TB, path string) (errs [4]error) {
	t.Helper()
	if err := os.WriteFile(path, f, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, s := context.Background(), boltstore.New(path)
	keys := batch(0, 300).Put
	base, err := s.Generation(ctx)
	errs[0] = err
	for i := range 3 {
		if _, _, err := s.Get(ctx, keys[30*i].Key); err != nil {
			errs[1] = err
		}
	}
	_, errs[2] = s.Scan(ctx, nil, nil, 1000)
	b := store.Batch{Base: base}
	for i := range 100 { // some pages become too small, others too large
		b.Delete = append(b.Delete, keys[3*i].Key)
		b.Put = append(b.Put, store.Entry{Key: append(bytes.Clone(keys[i].Key), 1), Value: make([]byte, 100)})
	}
	errs[3] = s.Commit(ctx, b)
	for _, err := range errs {
		faulttest.FromInput(t, err)
	}
	return errs
}

func (f file) wantDamaged(t testing.TB, path string) {
	t.Helper()
	for _, err := range f.use(t, path) {
		if fault.Of(err) == fault.Damaged {
			return
		}
	}
	t.Error("not taken for damaged")
}

func TestWhatIsNoFileOfBboltIsDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	for _, f := range []file{{0}, bytes.Repeat([]byte("no bolt file"), 10_000), make(file, 1<<16)} {
		for _, err := range f.use(t, path) {
			wantFault(t, err, fault.Damaged)
		}
		if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, f) {
			t.Error("the file was changed")
		}
	}
}

func TestACutFileIsDamaged(t *testing.T) {
	path, whole := filepath.Join(t.TempDir(), "store"), newFile(t, 300)
	if errs := whole.use(t, path); errs != [4]error{} {
		t.Fatal(errs)
	}
	end := int(order.Uint64(whole.meta()[40:])) * os.Getpagesize()
	for n := 1; n < end; n += end / 30 {
		whole[:n].wantDamaged(t, path)
	}
	whole[:end-1].wantDamaged(t, path)
}

// A file that another process has begun, but not committed to, is an empty store.
func TestABegunFileIsEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	if err := hold(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	s := boltstore.New(path)
	for base := range uint64(2) {
		if n, err := s.Generation(t.Context()); n != base || err != nil {
			t.Errorf("generation %d, %v", n, err)
		}
		if err := s.Commit(t.Context(), batch(base, 1)); err != nil {
			t.Fatal(err)
		}
	}
}

// Single bits: in the heads of all pages in use and in their first elements, and anywhere.
func TestNoChangedBitStopsTheProcess(t *testing.T) {
	path, whole := filepath.Join(t.TempDir(), "store"), newFile(t, 120)
	meta := whole.meta()
	inUse := []uint64{0, 1, order.Uint64(meta[16:]), order.Uint64(meta[32:])}
	inUse = append(append(inUse, whole.pages(1)...), whole.pages(2)...)
	damaged, tried := 0, 0
	flip := func(at int, bit byte) {
		f := whole.clone()
		f[at] ^= bit
		for _, err := range f.use(t, path) {
			if fault.Of(err) == fault.Damaged {
				damaged++
				break
			}
		}
		tried++
	}
	for _, id := range inUse {
		for at := 0; at < 40; at += 3 {
			flip(int(id)*os.Getpagesize()+at, 1<<(at%8))
		}
	}
	for at := 0; at < len(whole); at += len(whole) / 100 {
		flip(at, 0x80)
	}
	if damaged < tried/4 {
		t.Errorf("%d of %d taken for damaged", damaged, tried)
	}
}

func TestPagesInTheWrongPlaceAreDamage(t *testing.T) {
	path, whole := filepath.Join(t.TempDir(), "store"), newFile(t, 300)
	for _, id := range append(whole.pages(1), whole.pages(2)...) {
		for _, fill := range []byte{0, 0xff} {
			f := whole.clone()
			for i := range os.Getpagesize() {
				f.page(id)[i] = fill
			}
			f.wantDamaged(t, path)
		}
		f := whole.clone()
		copy(f.page(id)[:os.Getpagesize()], whole.page(0))
		f.wantDamaged(t, path)
	}
}

// A branch that leads back to where it came from sends bbolt into recursion without end, from which no process recovers.
func TestBranchesInALoopAreDamage(t *testing.T) {
	path, whole := filepath.Join(t.TempDir(), "store"), newFile(t, 3000)
	branches := whole.pages(1)
	if len(branches) < 3 {
		t.Fatalf("%d branches", len(branches))
	}
	for _, id := range branches {
		for _, to := range append([]uint64{0, 1, 2, 3, 1 << 20, 1 << 63, 1<<64 - 1}, branches...) {
			f := whole.clone()
			for i := range int(order.Uint16(f.page(id)[10:])) {
				order.PutUint64(f.page(id)[16+16*i+8:], to)
			}
			f.wantDamaged(t, path)
		}
	}
}

// One level that leads to the next by every element: few pages, and more ways through them than can be walked.
func TestBranchesThatShareAChildAreDamage(t *testing.T) {
	path, whole := filepath.Join(t.TempDir(), "store"), newFile(t, 3000)
	for _, id := range whole.pages(1) {
		f := whole.clone()
		child := order.Uint64(f.page(id)[16+8:])
		for i := range int(order.Uint16(f.page(id)[10:])) {
			order.PutUint64(f.page(id)[16+16*i+8:], child)
		}
		f.wantDamaged(t, path)
	}
}

// Only where a key is deleted does bbolt merge leaves.
func TestADeleteIsRefusedBesideADamagedLeaf(t *testing.T) {
	path, f := filepath.Join(t.TempDir(), "store"), newFile(t, 300)
	leaves := f.pages(2)
	first := f.page(leaves[5])[16:]
	key := bytes.Clone(first[order.Uint32(first[4:]):][:order.Uint32(first[8:])])
	order.PutUint16(f.page(leaves[6])[8:], 0)
	if err := os.WriteFile(path, f, 0o600); err != nil {
		t.Fatal(err)
	}
	s := boltstore.New(path)
	wantFault(t, s.Commit(t.Context(), store.Batch{Base: 2, Delete: [][]byte{key}}), fault.Damaged)
	if err := s.Commit(t.Context(), store.Batch{Base: 2, Put: []store.Entry{{Key: key}}}); err != nil {
		t.Error(err)
	}
}

func TestNumbersInTheMetaPageAreNotTrusted(t *testing.T) {
	path, whole := filepath.Join(t.TempDir(), "store"), newFile(t, 300)
	leaf := whole.pages(2)[0]
	for name, at := range map[string]int{"page size and flags": 8, "root": 16, "freelist": 32, "high water mark": 40} {
		for _, value := range []uint64{0, 1, leaf, 4095, 1 << 20, 1 << 31, 1 << 40, 1 << 63, 1<<64 - 2, 1<<64 - 1} {
			f := whole.clone()
			f.setMeta(at, value)
			t.Run(name, func(t *testing.T) { f.wantDamaged(t, path) })
		}
	}
}

func TestNumbersInPagesAreNotTrusted(t *testing.T) {
	path, whole := filepath.Join(t.TempDir(), "store"), newFile(t, 300)
	freelist := order.Uint64(whole.meta()[32:])
	for name, change := range map[string]func(f file){
		"freelist longer than its page": func(f file) { order.PutUint16(f.page(freelist)[10:], 0xfffe) },
		"freelist longer than memory": func(f file) {
			order.PutUint16(f.page(freelist)[10:], 0xffff)
			order.PutUint64(f.page(freelist)[16:], 1<<40)
		},
		"freelist with a page twice":   func(f file) { copy(f.page(freelist)[24:32], f.page(freelist)[16:24]) },
		"freelist with a meta page":    func(f file) { order.PutUint64(f.page(freelist)[16:], 1) },
		"freelist beyond the file":     func(f file) { order.PutUint64(f.page(freelist)[24:], 1<<40) },
		"overflow beyond the file":     func(f file) { eachLeaf(f, func(p []byte) { order.PutUint32(p[12:], 1<<31) }) },
		"more elements than fit":       func(f file) { eachLeaf(f, func(p []byte) { order.PutUint16(p[10:], 0xffff) }) },
		"key beyond the page":          func(f file) { eachLeaf(f, func(p []byte) { order.PutUint32(p[20:], 1<<31) }) },
		"key of 4 GiB":                 func(f file) { eachLeaf(f, func(p []byte) { order.PutUint32(p[24:], 1<<32-1) }) },
		"empty key":                    func(f file) { eachLeaf(f, func(p []byte) { order.PutUint32(p[24:], 0) }) },
		"value of 4 GiB":               func(f file) { eachLeaf(f, func(p []byte) { order.PutUint32(p[28:], 1<<32-1) }) },
		"elements that share bytes":    func(f file) { eachLeaf(f, share) },
		"a bucket among the values":    func(f file) { eachLeaf(f, func(p []byte) { order.PutUint32(p[16:], 1) }) },
		"no bucket":                    func(f file) { order.PutUint32(f.page(order.Uint64(f.meta()[16:]))[16:], 0) },
		"a leaf without elements":      func(f file) { eachLeaf(f, func(p []byte) { order.PutUint16(p[10:], 0) }) },
		"a key that its parent denies": func(f file) { eachLeaf(f, func(p []byte) { p[16+order.Uint32(p[20:])]++ }) },
	} {
		t.Run(name, func(t *testing.T) {
			f := whole.clone()
			change(f)
			f.wantDamaged(t, path)
		})
	}
}

// share has all elements of a leaf claim half of the page: together more than there is.
func share(p []byte) {
	for i := range int(order.Uint16(p[10:])) {
		order.PutUint32(p[16+16*i+12:], uint32(os.Getpagesize()/2))
	}
}

// eachLeaf changes all leaves.
func eachLeaf(f file, change func(p []byte)) {
	for _, id := range f.pages(2) {
		change(f.page(id))
	}
}
