//go:build !js && !wasip1

package boltstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// tree reads what stands in a file of bbolt and trusts none of it. bbolt does: a branch that leads back to itself sends it
// into recursion until the stack overflows, or a loop until memory is gone, and neither can be recovered from. So reads do
// not go through bbolt, and before a commit goes through it, all pages that it will look at are checked here.
//
// A tree serves one call. The zero value is that of an empty store.
type tree struct {
	file       *os.File
	pageSize   int
	high       uint64 // no page from here on is in use
	freelist   uint64
	root       uint64 // of the bucket; 0 when it is inline, or not there yet
	inline     []byte // the only page of an inline bucket
	generation uint64

	seen  map[uint64]bool // pages that were read: in a tree each is reached once
	depth int             // of the leaves, 1 for the root; 0 until checkWay meets one
}

// maxDepth bounds the pages from root to leaf. A branch has two children at least, but for a root, so bbolt needs fewer.
const maxDepth = 64

// A meta page, 0 or 1, after its head; the checksum is FNV-1a over what stands before it:
//
//	magic 4, version 4, page size 4, flags 4, root 8, sequence 8, freelist 8, high water mark 8, txid 8, checksum 8
const (
	metaSize    = 64
	metaMagic   = 0xed0cdaed
	metaVersion = 2
)

// newTree reads the meta pages, and the leaf of the file that says where the bucket is.
func newTree(file *os.File, pageSize int) (*tree, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, readError(err)
	}
	if pageSize < 1<<10 || pageSize > 64<<10 || pageSize&(pageSize-1) != 0 {
		return nil, damage(0, "page size")
	}
	t := &tree{file: file, pageSize: pageSize, seen: map[uint64]bool{}}
	meta, err := t.meta()
	if err != nil {
		return nil, err
	}
	t.freelist, t.high = binary.NativeEndian.Uint64(meta[32:]), binary.NativeEndian.Uint64(meta[40:])
	if t.high > uint64(info.Size())/uint64(pageSize) {
		return nil, damage(0, "file is cut short")
	}
	top, err := t.node(binary.NativeEndian.Uint64(meta[16:]))
	if err != nil || len(top.elements) == 0 { // the file was begun and nothing was committed
		return t, err
	}
	e := top.elements[0]
	if len(top.elements) > 1 || !e.bucket || string(e.key) != bucketName || len(e.value) < 16 {
		return nil, damage(0, "not the one bucket of a store")
	}
	t.root, t.generation = binary.NativeEndian.Uint64(e.value), binary.NativeEndian.Uint64(e.value[8:])
	if t.root == 0 {
		t.inline = e.value[16:]
	}
	return t, nil
}

// meta returns the newer valid meta page, as bbolt chooses it.
func (t *tree) meta() ([]byte, error) {
	var newest []byte
	for id := range 2 {
		b := make([]byte, metaSize)
		if _, err := t.file.ReadAt(b, int64(id*t.pageSize+pageHead)); err != nil {
			return nil, readError(err)
		}
		sum := fnv.New64a()
		sum.Write(b[:metaSize-8])
		valid := binary.NativeEndian.Uint32(b) == metaMagic && binary.NativeEndian.Uint32(b[4:]) == metaVersion &&
			binary.NativeEndian.Uint64(b[56:]) == sum.Sum64()
		if valid && (newest == nil || binary.NativeEndian.Uint64(b[48:]) > binary.NativeEndian.Uint64(newest[48:])) {
			newest = b
		}
	}
	if newest == nil {
		return nil, damage(0, "no valid meta page")
	}
	return newest, nil
}

func readError(err error) error { return fmt.Errorf("boltstore: read: %w: %w", fault.StoreFailed, err) }

// page reads a page with its overflow. Every page is read once at most: what leads to it again is no tree.
func (t *tree) page(id uint64) ([]byte, error) {
	if id < 2 || id >= t.high {
		return nil, damage(id, "not in the file")
	}
	if t.seen[id] {
		return nil, damage(id, "reached twice")
	}
	t.seen[id] = true
	b := make([]byte, t.pageSize)
	if _, err := t.file.ReadAt(b, int64(id)*int64(t.pageSize)); err != nil {
		return nil, readError(err)
	}
	if binary.NativeEndian.Uint64(b) != id {
		return nil, damage(id, "another page in its place")
	}
	overflow := uint64(binary.NativeEndian.Uint32(b[12:]))
	if overflow >= t.high-id || overflow >= maxPage/uint64(t.pageSize) {
		return nil, damage(id, "overflow out of bounds")
	}
	if overflow == 0 {
		return b, nil
	}
	b = append(b, make([]byte, int(overflow)*t.pageSize)...)
	if _, err := t.file.ReadAt(b[t.pageSize:], int64(id+1)*int64(t.pageSize)); err != nil {
		return nil, readError(err)
	}
	return b, nil
}

func (t *tree) node(id uint64) (node, error) {
	b, err := t.page(id)
	if err != nil {
		return node{}, err
	}
	return parseNode(id, b)
}

// top returns the root of the bucket.
func (t *tree) top() (node, error) {
	switch {
	case t.root != 0:
		return t.node(t.root)
	case t.inline != nil:
		return parseNode(0, t.inline)
	default:
		return node{leaf: true}, nil
	}
}

// get returns a copy of the value of key.
func (t *tree) get(key []byte) (value []byte, found bool, err error) {
	n, err := t.top()
	for err == nil && !n.leaf {
		n, err = t.node(n.elements[n.childOf(key)].child)
	}
	if err != nil {
		return nil, false, err
	}
	i, found := n.search(key)
	if !found {
		return nil, false, nil
	}
	return bytes.Clone(n.elements[i].value), true, nil
}

// scan is store.Backend.Scan.
func (t *tree) scan(prefix, after []byte, limit int) ([]store.Entry, error) {
	from := prefix
	if bytes.Compare(after, prefix) > 0 {
		from = after
	}
	var entries []store.Entry
	visit := func(e element) (more bool, err error) {
		if after != nil && bytes.Equal(e.key, after) {
			return true, nil
		}
		if len(entries) == limit || !bytes.HasPrefix(e.key, prefix) {
			return false, nil
		}
		if len(entries) > 0 && bytes.Compare(entries[len(entries)-1].Key, e.key) >= 0 {
			return false, damage(t.root, "keys out of order below")
		}
		entries = append(entries, store.Entry{Key: bytes.Clone(e.key), Value: bytes.Clone(e.value)})
		return true, nil
	}
	n, err := t.top()
	if err == nil {
		_, err = t.walk(n, from, 1, visit)
	}
	if err != nil {
		return nil, err
	}
	return entries, nil
}

// walk visits the elements of the leaves below n whose key is from or greater, until visit wants no more. depth is 1 for the
// root.
func (t *tree) walk(n node, from []byte, depth int, visit func(element) (bool, error)) (more bool, err error) {
	if depth > maxDepth {
		return false, damage(t.root, "too deep below")
	}
	if n.leaf {
		i, _ := n.search(from)
		for more = true; more && err == nil && i < len(n.elements); i++ {
			more, err = visit(n.elements[i])
		}
		return more, err
	}
	for i := n.childOf(from); i < len(n.elements); i++ {
		c, err := t.node(n.elements[i].child)
		if err != nil {
			return false, err
		}
		if more, err := t.walk(c, from, depth+1, visit); !more || err != nil {
			return false, err
		}
	}
	return true, nil
}
