package groupentry

import (
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// reader reads the payload of an entry: nothing is accepted that package wire would not write. Histories are long, so this
// does not go through the generic decoder.
type reader struct{ wire.Reader }

const pairs = 13 // fields of an entry

func (e *Entry) read(payload []byte) error {
	r := reader{wire.NewReader(payload)}
	if n := r.Map("group entry", wire.MaxPairs); r.Err() == nil && n != pairs {
		r.Fail("group entry", "not the expected fields", fault.Malformed)
	}
	r.bytes(1, "group", e.Group[:])
	e.Epoch = r.uint(2, "epoch")
	r.bytes(3, "prev", e.Prev[:])
	e.Op = r.uint(4, "operation")
	if r.present(5, "target") {
		user := r.Text("target", MaxSize)
		e.User = &user
	}
	if r.present(6, "root") {
		e.Root = new([32]byte)
		r.content("root", e.Root[:])
	}
	if r.present(7, "role") {
		role := r.integer("role")
		e.Role = &role
	}
	r.bytes(8, "members", e.Members[:])
	r.key(9, "actor")
	e.Actor = r.Text("actor", MaxSize)
	e.Seq = r.uint(10, "seq")
	r.bytes(11, "head", e.Head[:])
	if r.present(12, "nonce") {
		e.Nonce = new([16]byte)
		r.content("nonce", e.Nonce[:])
	}
	e.Issued = r.uint(13, "issued")
	return r.End("group entry")
}

// key reads the key of the next field.
func (r *reader) key(want int64, name string) {
	if have := r.Int(name); r.Err() == nil && have != want {
		r.Fail(name, "another field", fault.Malformed)
	}
}

// bytes reads a field of exactly as many bytes as there is room for.
func (r *reader) bytes(key int64, name string, into []byte) {
	r.key(key, name)
	r.content(name, into)
}

func (r *reader) content(name string, into []byte) {
	b := r.Bytes(name, MaxSize)
	if r.Err() == nil && len(b) != len(into) {
		r.Fail(name, "of another length", fault.Malformed)
	}
	copy(into, b)
}

func (r *reader) uint(key int64, name string) uint64 {
	r.key(key, name)
	return r.integer(name)
}

func (r *reader) integer(name string) uint64 {
	v := r.Int(name)
	if r.Err() == nil && (v < 0 || v > maxInt) {
		r.Fail(name, "not an unsigned integer below 2^53", fault.Malformed)
	}
	return uint64(v)
}

// present reads the key of a field that may be null, and the null.
func (r *reader) present(key int64, name string) bool {
	r.key(key, name)
	if r.Major() != wire.MajorSimple {
		return true
	}
	if raw := r.Raw(name); r.Err() == nil && (len(raw) != 1 || raw[0] != wire.Null) {
		r.Fail(name, "neither a value nor null", fault.Malformed)
	}
	return false
}
