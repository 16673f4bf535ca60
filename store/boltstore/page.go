//go:build !js && !wasip1

package boltstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// A page of bbolt's file, in the byte order of the machine that wrote it:
//
//	id 8, flags 2, count 2, overflow 4               overflow: how many pages follow that belong to this one
//	branch: count times {pos 4, ksize 4, child 8}           pos: of the key, from the start of the element
//	leaf:   count times {flags 4, pos 4, ksize 4, vsize 4}  the value follows the key
//	freelist: count times an id 8; a count of 65,535 stands for the one in the first id
const (
	pageHead    = 16
	elementSize = 16

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10

	flagBucket = 0x01 // of an element of a leaf

	longCount = 0xffff
)

// maxPage bounds a page with its overflow, in bytes: bbolt splits a leaf only when it has more than four elements.
const maxPage = 5 * store.MaxSealed

// node is a branch or a leaf. Its keys ascend strictly; a branch has one at least.
type node struct {
	leaf     bool
	elements []element
}

type element struct {
	key    []byte
	child  uint64 // in a branch
	value  []byte // in a leaf
	bucket bool   // in a leaf: value is the head of a bucket
}

// damage is the error for a file that breaks bbolt's rules.
func damage(page uint64, what string) error {
	return fmt.Errorf("boltstore: page %d: %s: %w", page, what, fault.Damaged)
}

// parseNode reads page id, whose bytes with overflow are b.
func parseNode(id uint64, b []byte) (node, error) {
	if len(b) < pageHead {
		return node{}, damage(id, "cut short")
	}
	flags, count := binary.NativeEndian.Uint16(b[8:]), int(binary.NativeEndian.Uint16(b[10:]))
	if flags != flagBranch && flags != flagLeaf {
		return node{}, damage(id, "neither branch nor leaf")
	}
	if pageHead+count*elementSize > len(b) {
		return node{}, damage(id, "more elements than fit")
	}
	if flags == flagBranch && count == 0 {
		return node{}, damage(id, "branch without children")
	}
	n := node{leaf: flags == flagLeaf, elements: make([]element, count)}
	left := uint64(len(b) - pageHead - count*elementSize) // for keys and values, which do not share bytes
	for i := range n.elements {
		e := &n.elements[i]
		at := b[pageHead+i*elementSize:]
		word := func(k int) uint64 { return uint64(binary.NativeEndian.Uint32(at[4*k:])) }
		var pos, ksize, vsize uint64
		if n.leaf {
			e.bucket = word(0)&flagBucket != 0
			pos, ksize, vsize = word(1), word(2), word(3)
		} else {
			pos, ksize, e.child = word(0), word(1), binary.NativeEndian.Uint64(at[8:])
		}
		if ksize == 0 || ksize+vsize > left || pos+ksize+vsize > uint64(len(at)) {
			return node{}, damage(id, "element out of bounds")
		}
		left -= ksize + vsize
		e.key, e.value = at[pos:pos+ksize], at[pos+ksize:pos+ksize+vsize]
		if i > 0 && bytes.Compare(n.elements[i-1].key, e.key) >= 0 {
			return node{}, damage(id, "keys out of order")
		}
	}
	return n, nil
}

// search returns the position of key, or where it would stand.
func (n *node) search(key []byte) (i int, found bool) {
	return slices.BinarySearchFunc(n.elements, key, func(e element, key []byte) int { return bytes.Compare(e.key, key) })
}

// childOf returns the position of the child of a branch that key belongs to.
func (n *node) childOf(key []byte) int {
	i, found := n.search(key)
	if !found && i > 0 {
		i--
	}
	return i
}

// checkFreelist makes sure that bbolt can read b as a list of free pages below high.
func checkFreelist(id uint64, b []byte, high uint64) error {
	if binary.NativeEndian.Uint16(b[8:]) != flagFreelist {
		return damage(id, "not a freelist")
	}
	count, ids := uint64(binary.NativeEndian.Uint16(b[10:])), b[pageHead:]
	if count == longCount && len(ids) >= 8 {
		count, ids = binary.NativeEndian.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids))/8 {
		return damage(id, "longer than its pages")
	}
	last := uint64(1) // pages 0 and 1 are never free
	for i := range count {
		free := binary.NativeEndian.Uint64(ids[8*i:])
		if free <= last || free >= high {
			return damage(id, "free pages out of order")
		}
		last = free
	}
	return nil
}
