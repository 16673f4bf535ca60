package wire

import (
	"encoding/binary"
)

// Major types (RFC 8949 §3.1), in place: the upper three bits of an item's first byte.
const (
	MajorUint   byte = 0 << 5
	MajorNint   byte = 1 << 5
	MajorBytes  byte = 2 << 5
	MajorText   byte = 3 << 5
	MajorArray  byte = 4 << 5
	MajorMap    byte = 5 << 5
	MajorTag    byte = 6 << 5
	MajorSimple byte = 7 << 5
)

// Null is the encoding of null (RFC 8949 §3.3).
const Null byte = 0xf6

// AppendHead appends the shortest head with the given major type and argument (RFC 8949 §4.2.1).
func AppendHead(dst []byte, major byte, arg uint64) []byte {
	if arg < 24 { // apart, so that the common case is inlined
		return append(dst, major|byte(arg))
	}
	return appendLongHead(dst, major, arg)
}

func appendLongHead(dst []byte, major byte, arg uint64) []byte {
	switch {
	case arg < 1<<8:
		return append(dst, major|24, byte(arg))
	case arg < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(arg))
	case arg < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(arg))
	default:
		return binary.BigEndian.AppendUint64(append(dst, major|27), arg)
	}
}

// HeadSize is the length of what AppendHead appends for arg, in bytes.
func HeadSize(arg uint64) int {
	switch {
	case arg < 24:
		return 1
	case arg < 1<<8:
		return 2
	case arg < 1<<16:
		return 3
	case arg < 1<<32:
		return 5
	default:
		return 9
	}
}

// AppendInt appends an integer of either sign.
func AppendInt(dst []byte, v int64) []byte {
	if 0 <= v && v < 24 { // apart, so that the common case is inlined
		return append(dst, byte(v))
	}
	return appendLongInt(dst, v)
}

func appendLongInt(dst []byte, v int64) []byte {
	if v < 0 {
		return AppendHead(dst, MajorNint, uint64(-1-v))
	}
	return AppendHead(dst, MajorUint, uint64(v))
}

// IntSize is the length of what AppendInt appends for v, in bytes.
func IntSize(v int64) int {
	if v < 0 {
		v = -1 - v
	}
	return HeadSize(uint64(v))
}

// AppendBytes appends a byte string. A nil b is an empty string, never null.
func AppendBytes(dst, b []byte) []byte {
	return append(AppendHead(dst, MajorBytes, uint64(len(b))), b...)
}

// AppendText appends a text string, which must be UTF-8.
func AppendText(dst []byte, s string) []byte {
	return append(AppendHead(dst, MajorText, uint64(len(s))), s...)
}

// AppendBound appends the array [label, part, …] with every part as a byte string: the form of every external_aad and
// every KDF info of sotto's own formats. The label says what the bytes are for, the parts say where they belong.
func AppendBound(dst []byte, label string, parts ...[]byte) []byte {
	dst = AppendHead(dst, MajorArray, uint64(1+len(parts)))
	dst = AppendText(dst, label)
	for _, p := range parts {
		dst = AppendBytes(dst, p)
	}
	return dst
}
