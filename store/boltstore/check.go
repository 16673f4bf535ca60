//go:build !js && !wasip1

package boltstore

import (
	"bytes"
	"slices"
)

// checkForCommit checks the pages that bbolt will look at when it changes the given keys, which ascend: the freelist, the
// pages on the way to each key, and the neighbours of those, with which bbolt merges pages that have become too small.
func (t *tree) checkForCommit(keys [][]byte) error {
	if t.file == nil {
		return nil // there is no file yet
	}
	b, err := t.page(t.freelist)
	if err != nil {
		return err
	}
	if err := checkFreelist(t.freelist, b, t.high); err != nil {
		return err
	}
	n, err := t.top()
	if err != nil {
		return err
	}
	return t.checkWay(n, keys, 0)
}

// checkWay checks the children of n that keys lead to, and those beside them.
func (t *tree) checkWay(n node, keys [][]byte, depth int) error {
	if depth == maxDepth {
		return damage(t.root, "too deep")
	}
	if n.leaf {
		for _, e := range n.elements {
			if e.bucket {
				return damage(t.root, "bucket in the bucket")
			}
		}
		return nil
	}
	if len(n.elements) == 0 {
		return damage(t.root, "branch without children")
	}
	below := make([][][]byte, len(n.elements)) // the keys that lead to each child
	for i := range n.elements {
		end := len(keys)
		if i+1 < len(n.elements) {
			end, _ = slices.BinarySearchFunc(keys, n.elements[i+1].key, bytes.Compare)
		}
		below[i], keys = keys[:end], keys[end:]
	}
	for i, e := range n.elements {
		used := len(below[i]) > 0
		beside := i > 0 && len(below[i-1]) > 0 || i+1 < len(below) && len(below[i+1]) > 0
		if !used && !beside {
			continue
		}
		c, err := t.child(e)
		if err != nil {
			return err
		}
		if !bytes.Equal(c.elements[0].key, e.key) { // bbolt finds a child in its parent by this key
			return damage(e.child, "not the child that its parent names")
		}
		if err := t.checkWay(c, below[i], depth+1); err != nil {
			return err
		}
	}
	return nil
}
