package device_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// brokenPayload breaks the map of a payload, which is signed as it then is.
func (s structure) brokenPayload() []broken {
	var all []broken
	add := func(name string, want fault.Code, payload []byte) {
		all = append(all, broken{name, s.forge(payload).bytes(), want})
	}
	good, n := encodePairs(s.pairs), len(s.pairs)

	swapped := slices.Clone(s.pairs)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	add("non-deterministic key order", fault.Malformed, encodePairs(swapped))
	add("non-deterministic long key", fault.Malformed, encodePairs(s.changed(0, func(p *pair) { p.key = []byte{0x18, p.key[0]} })))
	add("non-deterministic long map", fault.Malformed, append([]byte{0xb8, byte(n)}, good[1:]...))
	add("non-deterministic indefinite map", fault.Malformed, append(append([]byte{0xbf}, good[1:]...), 0xff))
	add("duplicate-key", fault.Malformed, encodePairs(slices.Insert(slices.Clone(s.pairs), 1, s.pairs[0])))
	add("unknown-key", fault.Malformed, encodePairs(append(slices.Clone(s.pairs), pair{[]byte{9}, []byte{0}})))
	add("unknown-key text", fault.Malformed, encodePairs(append(slices.Clone(s.pairs), pair{[]byte{0x61, 'a'}, []byte{0}})))
	add("trailing-byte in the payload", fault.Malformed, append(bytes.Clone(good), 0))
	add("payload empty", fault.Malformed, nil)
	add("payload an array", fault.Malformed, []byte{0x80})
	add("payload null", fault.Malformed, []byte{wire.Null})
	add("payload tagged", fault.Malformed, append([]byte{0xd8, 24}, good...))
	for i, p := range s.pairs {
		key := " " + strconv.Itoa(int(p.key[0]))
		add("missing-key"+key, fault.Malformed, encodePairs(slices.Delete(slices.Clone(s.pairs), i, i+1)))
		if p.value[0] != wire.Null {
			add("null-not-allowed"+key, fault.Malformed, encodePairs(s.changed(i, func(p *pair) { p.value = []byte{wire.Null} })))
		}
	}
	// An object of the limit is read, one more byte is not.
	filled := func(n int) []byte {
		return encodePairs(append(slices.Clone(s.pairs), pair{[]byte{9}, wire.AppendBytes(nil, make([]byte, n))}))
	}
	room := s.limit/2 + s.limit - len(s.forge(filled(s.limit/2)).bytes())
	add("of the limit", fault.Malformed, filled(room))
	add("over-limit", fault.OverLimit, filled(room+1))
	return all
}

// brokenValues breaks the values of a payload one by one.
func (s structure) brokenValues() []broken {
	var all []broken
	for i, p := range s.pairs {
		key := " " + strconv.Itoa(int(p.key[0]))
		add := func(name string, value []byte) {
			b := encodePairs(s.changed(i, func(p *pair) { p.value = value }))
			all = append(all, broken{name + key, s.forge(b).bytes(), fault.Malformed})
		}
		add("value tagged", append([]byte{0xc1}, p.value...))
		add("value an array", append([]byte{0x81}, p.value...))
		switch r := wire.NewReader(p.value); r.Major() {
		case wire.MajorUint:
			v := uint64(r.Int("value"))
			add("non-deterministic float", binary.BigEndian.AppendUint64([]byte{0xfb}, math.Float64bits(float64(v))))
			add("non-deterministic long integer", longHead(p.value))
			add("negative", wire.AppendInt(nil, -1))
			add("a big number", []byte{0xc2, 0x41, 1})
			// A higher suite or operation, field 4 of both, is of a newer version.
			if p.key[0] != 4 || s.label != wire.LabelDevice && s.label != wire.LabelDeviceLog {
				add("integer of 2^53", wire.AppendHead(nil, wire.MajorUint, 1<<53))
				add("integer of 2^64-1", wire.AppendHead(nil, wire.MajorUint, math.MaxUint64))
			}
		case wire.MajorBytes:
			content := r.Bytes("value", len(p.value))
			add("non-deterministic long head", longHead(p.value))
			add("non-deterministic indefinite", append(append([]byte{0x5f}, p.value...), 0xff))
			add("text instead of bytes", append([]byte{p.value[0]&0x1f | wire.MajorText}, p.value[1:]...))
			add("length one less", wire.AppendBytes(nil, content[1:]))
			add("length one more", wire.AppendBytes(nil, append(bytes.Clone(content), 0)))
			add("length 0", wire.AppendBytes(nil, nil))
		case wire.MajorText:
			content := []byte(r.Text("value", len(p.value)))
			add("non-deterministic long head", longHead(p.value))
			add("non-deterministic indefinite", append(append([]byte{0x7f}, p.value...), 0xff))
			add("bytes instead of text", wire.AppendBytes(nil, content))
			add("text not UTF-8", wire.AppendText(nil, string(append(content, 0xff))))
		}
	}
	return all
}

// changed are the pairs of the good payload with one changed.
func (s structure) changed(i int, change func(*pair)) []pair {
	pairs := slices.Clone(s.pairs)
	change(&pairs[i])
	return pairs
}

// longHead is an encoded item with the argument in the head one size longer than it need be.
func longHead(item []byte) []byte {
	r := wire.NewReader(item)
	major := r.Major()
	switch info := item[0] & 0x1f; {
	case info < 24:
		return append([]byte{major | 24, info}, item[1:]...)
	default: // 1, 2 or 4 bytes of argument become 2, 4 or 8
		size := 1 << (info - 24)
		return append(append([]byte{major | info + 1}, make([]byte, size)...), item[1:]...)
	}
}
