//go:build !js && !wasip1

package boltstore

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
)

// These tests go past the recover of Store.open, which would make damage out of every panic.

var order = binary.NativeEndian

// leaf is a page with two values: "a" is "1", "bc" is "23".
func leaf() []byte {
	b := make([]byte, pageHead+2*elementSize)
	order.PutUint64(b, 7)
	order.PutUint16(b[8:], flagLeaf)
	order.PutUint16(b[10:], 2)
	for i, sizes := range [][3]uint32{{2 * elementSize, 1, 1}, {elementSize + 2, 2, 2}} {
		for j, n := range sizes {
			order.PutUint32(b[pageHead+i*elementSize+4+4*j:], n)
		}
	}
	return append(b, "a1bc23"...)
}

// branch is a page with two children: 8 from "a" on, 9 from "b" on.
func branch() []byte {
	b := make([]byte, pageHead+2*elementSize)
	order.PutUint64(b, 7)
	order.PutUint16(b[8:], flagBranch)
	order.PutUint16(b[10:], 2)
	for i, pos := range []uint32{2 * elementSize, elementSize + 1} {
		at := b[pageHead+i*elementSize:]
		order.PutUint32(at, pos)
		order.PutUint32(at[4:], 1)
		order.PutUint64(at[8:], uint64(8+i))
	}
	return append(b, "ab"...)
}

// freelist is a page that lists pages 3 and 5.
func freelist() []byte {
	b := make([]byte, pageHead+2*8)
	order.PutUint64(b, 7)
	order.PutUint16(b[8:], flagFreelist)
	order.PutUint16(b[10:], 2)
	order.PutUint64(b[pageHead:], 3)
	order.PutUint64(b[pageHead+8:], 5)
	return b
}

func TestANodeIsReadOrRefused(t *testing.T) {
	n, err := parseNode(7, leaf())
	if err != nil || !n.leaf || len(n.elements) != 2 ||
		string(n.elements[1].key) != "bc" || string(n.elements[1].value) != "23" {
		t.Errorf("leaf is %v, %v", n, err)
	}
	n, err = parseNode(7, branch())
	if err != nil || n.leaf || len(n.elements) != 2 || string(n.elements[1].key) != "b" || n.elements[1].child != 9 {
		t.Errorf("branch is %v, %v", n, err)
	}
	for name, b := range map[string][]byte{
		"nothing":              nil,
		"half a head":          leaf()[:pageHead-1],
		"a meta page":          changed(branch(), func(b []byte) { order.PutUint16(b[8:], 4) }),
		"leaf and branch":      changed(branch(), func(b []byte) { order.PutUint16(b[8:], 3) }),
		"a childless branch":   changed(branch(), func(b []byte) { order.PutUint16(b[10:], 0) }),
		"too many elements":    changed(leaf(), func(b []byte) { order.PutUint16(b[10:], 3) }),
		"a value cut short":    leaf()[:len(leaf())-1],
		"an empty key":         changed(leaf(), func(b []byte) { order.PutUint32(b[pageHead+8:], 0) }),
		"a key past the end":   changed(leaf(), func(b []byte) { order.PutUint32(b[pageHead+4:], 38) }),
		"a key far away":       changed(leaf(), func(b []byte) { order.PutUint32(b[pageHead+4:], 1<<32-1) }),
		"a value past the end": changed(leaf(), func(b []byte) { order.PutUint32(b[pageHead+elementSize+12:], 3) }),
		"bytes used twice": changed(leaf(), func(b []byte) {
			order.PutUint32(b[pageHead+12:], 3) // "a" is "1bc", and "bc" is still there
			order.PutUint32(b[pageHead+elementSize+12:], 2)
		}),
		"keys out of order": changed(leaf(), func(b []byte) { b[len(b)-6] = 'c' }),
		"one key twice":     changed(branch(), func(b []byte) { b[len(b)-1] = 'a' }),
	} {
		if _, err := parseNode(7, b); fault.Of(err) != fault.Damaged {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFreelistIsReadOrRefused(t *testing.T) {
	long := changed(slices.Insert(freelist(), pageHead, make([]byte, 8)...), func(b []byte) {
		order.PutUint16(b[10:], longCount)
		order.PutUint64(b[pageHead:], 2)
	})
	for name, b := range map[string][]byte{"freelist": freelist(), "with a count of its own": long} {
		if err := checkFreelist(7, b, 6); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{
		"a leaf":             changed(freelist(), func(b []byte) { order.PutUint16(b[8:], flagLeaf) }),
		"one too many":       changed(freelist(), func(b []byte) { order.PutUint16(b[10:], 3) }),
		"far too many":       changed(long, func(b []byte) { order.PutUint64(b[pageHead:], 1<<61) }),
		"no room for count":  changed(freelist()[:pageHead], func(b []byte) { order.PutUint16(b[10:], longCount) }),
		"a meta page":        changed(freelist(), func(b []byte) { order.PutUint64(b[pageHead:], 1) }),
		"one page twice":     changed(freelist(), func(b []byte) { order.PutUint64(b[pageHead+8:], 3) }),
		"pages out of order": changed(freelist(), func(b []byte) { order.PutUint64(b[pageHead+8:], 2) }),
		"a page out of use":  changed(freelist(), func(b []byte) { order.PutUint64(b[pageHead+8:], 6) }),
	} {
		if err := checkFreelist(7, b, 6); fault.Of(err) != fault.Damaged {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func changed(b []byte, change func(b []byte)) []byte {
	b = bytes.Clone(b)
	change(b)
	return b
}

// FuzzNode reads pages of any bytes.
func FuzzNode(f *testing.F) {
	f.Add(leaf())
	f.Add(branch())
	f.Add(freelist())
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := parseNode(7, b)
		faulttest.FromInput(t, err)
		total := 0
		for _, e := range n.elements {
			total += len(e.key) + len(e.value)
		}
		if total > len(b) {
			t.Errorf("%d bytes out of %d", total, len(b))
		}
		if len(b) >= pageHead { // as every page has
			faulttest.FromInput(t, checkFreelist(7, b, 1000))
		}
	})
}
