package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/sottokit/sotto/internal/wire"
)

// Limits of what is printed of one string, in bytes.
const (
	maxShown = 8  // of a byte string
	maxText  = 80 // of a text string
)

// scalar prints an item that is a head alone.
func scalar(r *wire.Reader, names func(int64) string) string {
	major, raw := r.Major(), r.Raw("item")
	inner := wire.NewReader(raw)
	switch {
	case major != wire.MajorSimple && (raw[0]&0x1f != 27 || raw[1] < 0x80):
		v := inner.Int("integer")
		if names != nil && names(v) != "" {
			return fmt.Sprintf("%d (%s)", v, names(v))
		}
		return strconv.FormatInt(v, 10)
	case major == wire.MajorUint:
		return strconv.FormatUint(binary.BigEndian.Uint64(raw[1:]), 10)
	case major == wire.MajorNint:
		return "-1 - " + strconv.FormatUint(binary.BigEndian.Uint64(raw[1:]), 10)
	}
	switch raw[0] {
	case 0xf4:
		return "false"
	case 0xf5:
		return "true"
	case wire.Null:
		return "null"
	case 0xf7:
		return "undefined"
	}
	return "simple or float " + hex.EncodeToString(raw)
}

// preview is the start of a public byte string: as text when it is short and printable, else in hexadecimal.
func preview(b []byte) string {
	if s := string(b); len(b) <= 2*maxShown && printable(s) == s {
		return strconv.Quote(s)
	}
	if len(b) > maxShown {
		return hex.EncodeToString(b[:maxShown]) + "…"
	}
	return hex.EncodeToString(b)
}

// quote is a text string, cut to a length that fits on a line.
func quote(s string) string {
	if len(s) <= maxText {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("%s… (%s)", strconv.Quote(strings.ToValidUTF8(s[:maxText], "")), size(len(s)))
}

func size(n int) string { return plural(n, "byte") }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
