package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/sottokit/sotto/fault"
)

// Reader walks over one CBOR item. The first error sticks: later calls return zero values, so that a structure is read
// in one go and End reports what was wrong. Byte strings it returns point into the input.
type Reader struct {
	b       []byte
	off     int
	ordered bool // map keys must ascend (RFC 8949 §4.2.1), which is checked where items are skipped
	err     error
}

// NewReader reads b. It is a value so that it can live on the stack.
func NewReader(b []byte) Reader { return Reader{b: b} }

// Deterministic reports whether b is one item in core deterministic form (RFC 8949 §4.2.1), floats aside, of which no
// format of sotto has any.
func Deterministic(b []byte) bool {
	r := Reader{b: b, ordered: true}
	r.Raw("item")
	return r.End("item") == nil
}

// WholeBytes returns the content of the one byte string, of less than 4 GiB, that b is. It is the short way of a Reader
// for hot paths; what is not ok gets its error from there.
func WholeBytes(b []byte) (content []byte, ok bool) {
	if len(b) == 0 {
		return nil, false
	}
	var head int
	var n uint64
	switch first := b[0]; {
	case first >= MajorBytes && first < MajorBytes|24:
		head, n = 1, uint64(first&0x1f)
	case first == MajorBytes|24 && len(b) >= 2:
		head, n = 2, uint64(b[1])
	case first == MajorBytes|25 && len(b) >= 3:
		head, n = 3, uint64(binary.BigEndian.Uint16(b[1:]))
	case first == MajorBytes|26 && len(b) >= 5:
		head, n = 5, uint64(binary.BigEndian.Uint32(b[1:]))
	default:
		return nil, false
	}
	return b[head:], n == uint64(len(b)-head) && HeadSize(n) == head
}

// Err returns the first error, which wraps a fault.Code.
func (r *Reader) Err() error { return r.err }

// Offset is the position of the next item, in bytes.
func (r *Reader) Offset() int { return r.off }

// Fail records that the item called what, at the present offset, is wrong. The first call wins.
func (r *Reader) Fail(what, why string, code fault.Code) {
	if r.err == nil {
		r.err = fmt.Errorf("%s at offset %d: %s: %w", what, r.off, why, code)
	}
}

// Adopt records the error of something that was read out of the item called what.
func (r *Reader) Adopt(what string, err error) {
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("%s at offset %d: %w", what, r.off, err)
	}
}

// End reports the first error, or that bytes follow the item.
func (r *Reader) End(what string) error {
	if r.err == nil && r.off != len(r.b) {
		r.Fail(what, "trailing bytes", fault.Malformed)
	}
	return r.err
}

// Major is the major type of the next item, or MajorSimple at the end of the input (where every read fails).
func (r *Reader) Major() byte {
	if r.err != nil || r.off >= len(r.b) {
		return MajorSimple
	}
	return r.b[r.off] & 0xe0
}

// head reads one head of shortest form. Of major type 7 only the simple values and floats of RFC 8949 §3.3 are heads.
func (r *Reader) head(what string) (major byte, arg uint64) {
	if r.err != nil {
		return 0, 0
	}
	if r.off >= len(r.b) {
		r.Fail(what, "input ends", fault.Malformed)
		return 0, 0
	}
	first := r.b[r.off]
	major, info := first&0xe0, first&0x1f
	if info < 24 {
		r.off++
		return major, uint64(info)
	}
	if info > 27 {
		r.Fail(what, "indefinite or reserved length", fault.Malformed)
		return 0, 0
	}
	size := 1 << (info - 24)
	rest := r.b[r.off+1:]
	if len(rest) < size {
		r.Fail(what, "input ends", fault.Malformed)
		return 0, 0
	}
	var shortest bool
	switch size {
	case 1:
		arg = uint64(rest[0])
		shortest = arg >= 24
		if major == MajorSimple { // a simple value below 32 has no two-byte form (RFC 8949 §3.3)
			shortest = arg >= 32
		}
	case 2:
		arg = uint64(binary.BigEndian.Uint16(rest))
		shortest = arg >= 1<<8 || major == MajorSimple
	case 4:
		arg = uint64(binary.BigEndian.Uint32(rest))
		shortest = arg >= 1<<16 || major == MajorSimple
	case 8:
		arg = binary.BigEndian.Uint64(rest)
		shortest = arg >= 1<<32 || major == MajorSimple
	}
	if !shortest {
		r.Fail(what, "not the shortest form", fault.Malformed)
		return 0, 0
	}
	r.off += 1 + size
	return major, arg
}

// expect reads a head of the given major type and leaves the offset where it was when the type differs.
func (r *Reader) expect(what string, major byte, name string) uint64 {
	if r.err == nil && r.off < len(r.b) && r.b[r.off]&0xe0 != major {
		r.Fail(what, "not "+name, fault.Malformed)
		return 0
	}
	_, arg := r.head(what)
	return arg
}

// Int reads an integer of either sign that fits into an int64.
func (r *Reader) Int(what string) int64 {
	start := r.off
	major, arg := r.head(what)
	if r.err != nil {
		return 0
	}
	if major > MajorNint || arg > 1<<63-1 {
		r.off = start
		r.Fail(what, "not an integer of 64 bits", fault.Malformed)
		return 0
	}
	if major == MajorNint {
		return -1 - int64(arg)
	}
	return int64(arg)
}

// Bytes reads a byte string of at most limit bytes. The result points into the input.
func (r *Reader) Bytes(what string, limit int) []byte {
	return r.content(what, limit, r.expect(what, MajorBytes, "a byte string"))
}

// Text reads a text string of at most limit bytes.
func (r *Reader) Text(what string, limit int) string { return string(r.text(what, limit)) }

// text reads a text string without a copy.
func (r *Reader) text(what string, limit int) []byte {
	b := r.content(what, limit, r.expect(what, MajorText, "a text string"))
	if r.err == nil && !utf8.Valid(b) {
		r.Fail(what, "not UTF-8", fault.Malformed)
		return nil
	}
	return b
}

func (r *Reader) content(what string, limit int, n uint64) []byte {
	if r.err != nil {
		return nil
	}
	if n > uint64(len(r.b)-r.off) {
		r.Fail(what, "input ends", fault.Malformed)
		return nil
	}
	if n > uint64(limit) {
		r.Fail(what, "too long", fault.OverLimit)
		return nil
	}
	b := r.b[r.off : r.off+int(n) : r.off+int(n)]
	r.off += int(n)
	return b
}

// Array reads the head of an array of at most limit elements.
func (r *Reader) Array(what string, limit int) int {
	return r.count(what, limit, r.expect(what, MajorArray, "an array"))
}

// Map reads the head of a map of at most limit pairs. The caller refuses duplicate keys.
func (r *Reader) Map(what string, limit int) int {
	return r.count(what, limit, r.expect(what, MajorMap, "a map"))
}

func (r *Reader) count(what string, limit int, n uint64) int {
	if r.err != nil {
		return 0
	}
	if n > uint64(len(r.b)-r.off) { // an element has one byte or more
		r.Fail(what, "input ends", fault.Malformed)
		return 0
	}
	if n > uint64(limit) {
		r.Fail(what, "too many elements", fault.OverLimit)
		return 0
	}
	return int(n)
}

// Tag reads the head of a tag, whose content follows.
func (r *Reader) Tag(what string) uint64 { return r.expect(what, MajorTag, "a tag") }

// Raw reads any one item within the limits of this package and returns its encoding, which points into the input.
func (r *Reader) Raw(what string) []byte {
	start := r.off
	r.skip(what, MaxDepth)
	if r.err != nil {
		return nil
	}
	return r.b[start:r.off:r.off]
}

func (r *Reader) skip(what string, depth int) {
	if depth == 0 {
		r.Fail(what, "nested too deep", fault.OverLimit)
		return
	}
	switch r.Major() {
	case MajorBytes:
		r.Bytes(what, len(r.b))
	case MajorText:
		r.text(what, len(r.b))
	case MajorArray:
		limit := MaxItems
		if r.ordered { // one of our own structures, whose reader counts for itself
			limit = len(r.b)
		}
		for n := r.Array(what, limit); n > 0 && r.err == nil; n-- {
			r.skip(what, depth-1)
		}
	case MajorMap:
		n := r.Map(what, MaxPairs)
		var keys [MaxPairs][]byte
		for i := 0; i < n && r.err == nil; i++ {
			start := r.off
			r.skip(what, depth-1)
			if r.err != nil {
				return
			}
			keys[i] = r.b[start:r.off]
			for j, k := range keys[:i] {
				order := bytes.Compare(k, keys[i])
				if order == 0 || order > 0 && r.ordered && j == i-1 {
					r.off = start
					r.Fail(what, "key repeated or out of order", fault.Malformed)
					return
				}
			}
			r.skip(what, depth-1)
		}
	case MajorTag:
		r.Tag(what)
		r.skip(what, depth-1)
	default:
		r.head(what) // integers, simple values and floats are a head alone
	}
}
