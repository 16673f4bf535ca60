//go:build !js && !wasip1

package boltstore

import (
	"bytes"
	"slices"
)

// checkForCommit checks the pages that bbolt will look at when it changes the given keys, which ascend and of which it
// deletes so many: the freelist, the pages on the way to each key, and those that bbolt may merge with them. It merges a page
// that has become too small with one beside it, so each deleted key can make away with one page of each level: a leaf may
// meet the leaf beside it, a branch those as far away as there are deleted keys.
func (t *tree) checkForCommit(keys [][]byte, deleted int) error {
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
	return t.checkWay(n, keys, deleted, 1)
}

// checkWay checks n and what is below it on the way to keys. depth is 1 for the root.
func (t *tree) checkWay(n node, keys [][]byte, deleted, depth int) error {
	if n.leaf && t.depth == 0 {
		t.depth = depth
	}
	if depth > maxDepth || t.depth > 0 && n.leaf != (depth == t.depth) {
		return damage(t.root, "branches below are not of one depth")
	}
	if n.leaf {
		for _, e := range n.elements {
			if e.bucket {
				return damage(t.root, "bucket in the bucket")
			}
		}
		return nil
	}
	if len(keys) == 0 {
		return nil
	}
	used := make([]bool, len(n.elements)) // the children that keys lead to
	for i, e := range n.elements {
		end := len(keys)
		if i+1 < len(n.elements) {
			end, _ = slices.BinarySearchFunc(keys, n.elements[i+1].key, bytes.Compare)
		}
		if end > 0 {
			used[i] = true
			if err := t.checkChild(e, keys[:end], deleted, depth+1); err != nil {
				return err
			}
		}
		keys = keys[end:]
	}
	reach := deleted
	if depth+1 == t.depth { // the children are leaves
		reach = min(reach, 1)
	}
	for i, e := range n.elements {
		if !used[i] && slices.Contains(used[max(i-reach, 0):min(i+reach+1, len(used))], true) {
			if err := t.checkChild(e, nil, deleted, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tree) checkChild(e element, keys [][]byte, deleted, depth int) error {
	n, err := t.node(e.child)
	if err != nil {
		return err
	}
	if len(n.elements) == 0 || !bytes.Equal(n.elements[0].key, e.key) { // by this key bbolt finds a child in its parent
		return damage(e.child, "not the child that its parent names")
	}
	return t.checkWay(n, keys, deleted, depth)
}
