package envelope

import (
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// reader reads the payload of a statement: nothing is accepted that AppendPayload would not write.
type reader struct{ wire.Reader }

// read decodes a payload and returns the secret, which points into it.
func (s *Statement) read(payload []byte) (secret []byte, err error) {
	r := reader{wire.NewReader(payload)}
	if n := r.Map("statement", wire.MaxPairs); r.Err() == nil && n != pairs {
		r.Fail("statement", "not the expected fields", fault.Malformed)
	}
	s.Conversation = r.hash(r.key(1, "conversation"))
	s.Epoch = r.uint(r.key(2, "epoch"))
	s.State = r.optional(r.key(3, "state"))
	s.Suite = r.uint(r.key(4, "suite"))
	s.Roster = r.hash(r.key(5, "roster"))
	s.Heads = r.heads(r.key(6, "heads"))
	s.Created = r.uint(r.key(7, "created"))
	s.MaxMessages = r.uint(r.key(8, "max_msgs"))
	s.MaxAge = r.uint(r.key(9, "max_age"))
	s.Prev = r.optional(r.key(10, "prev"))
	secret = r.bytes32(r.key(11, "secret"))
	if r.Err() == nil {
		s.check(&r)
	}
	return secret, r.End("statement")
}

// check holds the values against what no honest device writes.
func (s *Statement) check(r *reader) {
	switch {
	case s.Suite > 2:
		r.Fail("suite", "unknown", fault.UnsupportedVersion)
	case s.Epoch > 0 && s.State == nil:
		r.Fail("state", "null in a later epoch than 0", fault.Malformed)
	case s.MaxMessages < 1 || s.MaxMessages > MaxMessages:
		r.Fail("max_msgs", "out of range", fault.Malformed)
	case s.MaxAge < MinAge || s.MaxAge > MaxAge:
		r.Fail("max_age", "out of range", fault.Malformed)
	}
}

// key reads the key of the next field and returns its name.
func (r *reader) key(want int64, name string) string {
	if have := r.Int(name); r.Err() == nil && have != want {
		r.Fail(name, "another field", fault.Malformed)
	}
	return name
}

// bytes32 reads a byte string of 32 bytes, which points into the payload.
func (r *reader) bytes32(what string) []byte {
	b := r.Bytes(what, MaxStatement)
	if r.Err() == nil && len(b) != 32 {
		r.Fail(what, "not 32 bytes", fault.Malformed)
	}
	return b
}

func (r *reader) hash(what string) (h [32]byte) {
	copy(h[:], r.bytes32(what))
	return h
}

func (r *reader) optional(what string) *[32]byte {
	if r.Major() == wire.MajorSimple {
		if raw := r.Raw(what); r.Err() == nil && (len(raw) != 1 || raw[0] != wire.Null) {
			r.Fail(what, "neither bytes nor null", fault.Malformed)
		}
		return nil
	}
	h := r.hash(what)
	return &h
}

func (r *reader) uint(what string) uint64 {
	v := r.Int(what)
	if v < 0 || v > maxInt {
		r.Fail(what, "not an unsigned integer below 2^53", fault.Malformed)
		return 0
	}
	return uint64(v)
}

// heads reads the heads, which ascend by user.
func (r *reader) heads(what string) []Head {
	n := r.Array(what, MaxHeads)
	if r.Err() == nil && n == 0 {
		r.Fail(what, "none", fault.Malformed)
	}
	heads := make([]Head, 0, n)
	for range n {
		if elements := r.Array(what, wire.MaxItems); r.Err() == nil && elements != 4 {
			r.Fail(what, "not four elements", fault.Malformed)
		}
		h := Head{User: r.Text(what, maxUser), Root: r.hash(what), Seq: r.uint(what), Head: r.hash(what)}
		if r.Err() == nil && !wire.ValidName(h.User, maxUser) {
			r.Fail(what, "no user ID", fault.Malformed)
		}
		if len(heads) > 0 && r.Err() == nil && heads[len(heads)-1].User >= h.User {
			r.Fail(what, "not ascending by user", fault.Malformed)
		}
		if r.Err() != nil {
			return nil
		}
		heads = append(heads, h)
	}
	return heads
}
