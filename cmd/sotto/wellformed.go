package main

import (
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// Limits of what inspect looks at. They are wider than those of the SDK, so that what the SDK refuses can still be seen.
const (
	maxDepth = 24
	maxPairs = 1024
	maxItems = 1 << 20
)

// wellFormed reports whether b is one CBOR item within the limits, without indefinite lengths, heads that are longer than
// needed, and repeated keys.
func wellFormed(b []byte) error {
	c := checker{b: b, r: wire.NewReader(b), budget: maxItems}
	c.item(maxDepth)
	return c.r.End("item")
}

type checker struct {
	b      []byte
	r      wire.Reader
	budget int // what is left of maxItems
}

func (c *checker) item(depth int) {
	if c.budget--; depth == 0 || c.budget < 0 {
		c.r.Fail("item", "nested too deep, or too many of them", fault.OverLimit)
		return
	}
	switch c.r.Major() {
	case wire.MajorBytes:
		c.r.Bytes("byte string", maxInput)
	case wire.MajorText:
		c.r.Text("text string", maxInput)
	case wire.MajorArray:
		for n := c.r.Array("array", maxItems); n > 0 && c.r.Err() == nil; n-- {
			c.item(depth - 1)
		}
	case wire.MajorMap:
		c.pairs(depth - 1)
	case wire.MajorTag:
		c.r.Tag("tag")
		c.item(depth - 1)
	default:
		c.r.Raw("item") // a head alone
	}
}

func (c *checker) pairs(depth int) {
	seen := map[string]bool{}
	for n := c.r.Map("map", maxPairs); n > 0 && c.r.Err() == nil; n-- {
		start := c.r.Offset()
		c.item(depth)
		key := c.b[start:c.r.Offset()]
		if seen[string(key)] {
			c.r.Fail("map", "key repeated", fault.Malformed)
		}
		seen[string(key)] = true
		c.item(depth)
	}
}
