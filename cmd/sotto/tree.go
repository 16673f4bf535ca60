package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/internal/wire"
)

// maxLines bounds what is printed of one item.
const maxLines = 400

// tree prints one well-formed item, a line for each of its parts:
//
//	offset  label: value
type tree struct {
	w       io.Writer
	lines   int
	secrets int // that were not shown
}

// node is an item of the tree that is still to be read.
type node struct {
	r     *wire.Reader
	base  int // offset of r's input in the whole
	depth int
	label string // what stands before the value
	part  part
}

// line prints one line of n. It is false when there is no room for more.
func (t *tree) line(n *node, offset int, value string) bool {
	if t.lines++; t.lines < maxLines {
		label := n.label
		if label != "" {
			label += ": "
		}
		fmt.Fprintf(t.w, "%8d  %s%s%s\n", n.base+offset, strings.Repeat("  ", n.depth), label, value)
	} else if t.lines == maxLines {
		fmt.Fprintf(t.w, "%8s  …\n", "")
	}
	return t.lines < maxLines
}

// item prints the next item of n.r and what is in it.
func (t *tree) item(n node) {
	r, at := n.r, n.r.Offset()
	if n.part.secret {
		t.secret(&n)
		return
	}
	if n.depth > maxDepth {
		skip(r)
		t.line(&n, at, "nested too deep to be shown")
		return
	}
	switch r.Major() {
	case wire.MajorBytes:
		t.bytes(&n)
	case wire.MajorText:
		t.line(&n, at, quote(r.Text("text", maxInput)))
	case wire.MajorArray:
		count := r.Array("array", maxItems)
		ok := t.line(&n, at, fmt.Sprintf("array of %d", count))
		for i := 0; i < count && ok; i++ {
			p := n.part.place.element(i)
			t.item(node{r: r, base: n.base, depth: n.depth + 1, label: p.name, part: p})
			ok = t.lines < maxLines
		}
	case wire.MajorMap:
		t.pairs(&n)
	case wire.MajorTag:
		tag := r.Tag("tag")
		name, p := tagged(tag)
		if name != "" {
			name = " (" + name + ")"
		}
		t.line(&n, at, fmt.Sprintf("tag %d%s", tag, name))
		t.item(node{r: r, base: n.base, depth: n.depth + 1, part: part{place: p}})
	default:
		t.line(&n, at, scalar(r, n.part.values))
	}
}

// secret prints that something is there, and how long it is.
func (t *tree) secret(n *node) {
	at := n.r.Offset()
	t.secrets++
	if n.r.Major() == wire.MajorBytes {
		t.line(n, at, fmt.Sprintf("secret, %s", size(len(n.r.Bytes("secret", maxInput)))))
		return
	}
	skip(n.r)
	t.line(n, at, fmt.Sprintf("secret, %s encoded", size(n.r.Offset()-at)))
}

// bytes prints a byte string. One that holds CBOR with parts is decoded, wherever it stands: it may be a key.
func (t *tree) bytes(n *node) {
	at := n.r.Offset()
	b := n.r.Bytes("bytes", maxInput)
	inner := node{base: n.base + n.r.Offset() - len(b), depth: n.depth + 1}
	text := size(len(b))
	switch {
	case len(b) == 0:
		t.line(n, at, text)
	case hasParts(b, n.part.place) && wellFormed(b) == nil:
		inner.part.place = embedded(n.part.place, b)
		r := wire.NewReader(b)
		inner.r = &r
		if t.line(n, at, text+" that hold") {
			t.item(inner)
		}
	case n.part.place == public || n.part.place == payload && !hasParts(b, payload):
		t.line(n, at, text+" "+preview(b))
	default:
		t.line(n, at, text+", not shown")
	}
}

// hasParts reports whether b starts as an array, a map, a tag or another byte string. The latter is not looked for at
// random, where an IV would be taken for one now and then.
func hasParts(b []byte, p place) bool {
	switch b[0] & 0xe0 {
	case wire.MajorArray, wire.MajorMap, wire.MajorTag:
		return true
	case wire.MajorBytes:
		return p != public
	}
	return false
}

// embedded is the place of an item in a byte string at p.
func embedded(p place, b []byte) place {
	if p == protected {
		return header
	}
	if info, err := cose.Inspect(b); err == nil && !info.Tagged {
		return placeOf(info.Kind)
	}
	return anything // a tag will say
}

// pairs prints a map. Outside of headers, one that has what may be a key type is taken for a COSE_Key, and nothing of it
// is shown that may be a secret.
func (t *tree) pairs(n *node) {
	r, at := n.r, n.r.Offset()
	look := *r
	kty, isKey := findKeyType(&look)
	count := r.Map("map", maxPairs)
	text := fmt.Sprintf("map of %d", count)
	if isKey = isKey && n.part.place != header; isKey {
		text += " (COSE_Key)"
	}
	ok := t.line(n, at, text)
	for i := 0; i < count && ok; i++ {
		at := r.Offset()
		name, label, isInt := readLabel(r)
		var p part
		switch {
		case isInt && n.part.place == header:
			p = headerPart(label)
		case isInt && isKey:
			p = kty.part(label)
		}
		if p.name != "" {
			name += " (" + p.name + ")"
		}
		t.item(node{r: r, base: n.base, depth: n.depth + 1, label: name, part: p})
		ok = t.lines < maxLines && r.Offset() > at
	}
}

// findKeyType looks for a key type in the map that r stands at, whose order is free: the label 1 with an integer or a
// text. What is none of the types known here is 0.
func findKeyType(r *wire.Reader) (kty keyType, isKey bool) {
	for n := r.Map("map", maxPairs); n > 0; n-- {
		if _, label, isInt := readLabel(r); !isInt || label != 1 {
			skip(r)
			continue
		}
		switch r.Major() {
		case wire.MajorUint, wire.MajorNint:
			kty = keyType(r.Int("kty")) // 0 when it is too large
			return kty, true
		case wire.MajorText:
			return 0, true
		}
		return 0, false
	}
	return 0, false
}

// readLabel reads the key of a pair. Keys that have parts of their own are not looked into.
func readLabel(r *wire.Reader) (name string, label int64, isInt bool) {
	switch r.Major() {
	case wire.MajorUint, wire.MajorNint:
		look := *r
		if label = look.Int("label"); look.Err() == nil {
			*r = look
			return strconv.FormatInt(label, 10), label, true
		}
	case wire.MajorText:
		return quote(r.Text("label", maxInput)), 0, false
	}
	skip(r)
	return "another label", 0, false
}

// skip passes over one item, which is well-formed.
func skip(r *wire.Reader) {
	switch r.Major() {
	case wire.MajorBytes:
		r.Bytes("bytes", maxInput)
	case wire.MajorText:
		r.Text("text", maxInput)
	case wire.MajorArray:
		for n := r.Array("array", maxItems); n > 0; n-- {
			skip(r)
		}
	case wire.MajorMap:
		for n := 2 * r.Map("map", maxPairs); n > 0; n-- {
			skip(r)
		}
	case wire.MajorTag:
		r.Tag("tag")
		skip(r)
	default:
		r.Raw("item")
	}
}
