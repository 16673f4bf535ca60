package recovery

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sottokit/sotto/fault"
)

// The printed form: 13 groups of 5 characters. Of each group 4 carry 5 bits of the key each, 260 bits in all, of which the
// last 4 are zero; the fifth checks the group.
const (
	Groups      = 13 // of a printed key
	groupSize   = 5
	dataSize    = groupSize - 1
	textSymbols = Groups * groupSize

	TextSize = textSymbols + Groups - 1 // of a printed key with its dashes, in bytes
	MaxText  = 1024                     // of what Parse reads, in bytes
)

// alphabet is Crockford's base32: no I, L, O and U. A symbol is the index of its character.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// noSymbol stands for a character that is not of the alphabet.
const noSymbol = 0xff

// GroupError says which group of a printed key is mistyped. It counts as fault.Malformed and shows nothing of the text.
type GroupError struct {
	Group int // 1 to Groups
}

// Error names the group.
func (e *GroupError) Error() string {
	return fmt.Sprintf("recovery: group %d of %d: %v", e.Group, Groups, fault.Malformed)
}

// Unwrap returns fault.Malformed.
func (e *GroupError) Unwrap() error { return fault.Malformed }

// ExportSecretText returns the key as it is printed: Groups groups joined by "-", TextSize bytes of ASCII, which the caller
// must wipe. Parse reads it.
func (k *Key) ExportSecretText() ([]byte, error) {
	var text []byte
	err := k.secret().Use(func(b []byte) error {
		text = appendText(make([]byte, 0, TextSize), b)
		return nil
	})
	return text, wrapError(err)
}

// appendText appends the printed form of the Size bytes of b.
func appendText(dst, b []byte) []byte {
	for g := range Groups {
		if g > 0 {
			dst = append(dst, '-')
		}
		var group [dataSize]byte
		for i := range group {
			group[i] = fiveBits(b, (g*dataSize+i)*5)
			dst = append(dst, alphabet[group[i]])
		}
		dst = append(dst, alphabet[checkSymbol(g+1, group)])
		clear(group[:])
	}
	return dst
}

// fiveBits returns the bits from start on, counted from the most significant one of b[0]. Behind b there are zeros.
func fiveBits(b []byte, start int) byte {
	window := uint16(b[start/8]) << 8
	if start/8+1 < len(b) {
		window |= uint16(b[start/8+1])
	}
	return byte(window>>(11-start%8)) & 31
}

// Parse reads a printed key as people write it: in upper or lower case, with white space and dashes of every kind anywhere
// or nowhere, O for 0, I and L for 1.
//
// The error of a mistyped key is a *GroupError that names the first wrong group. Every single wrong character, every swap
// of two characters within a group or of two groups is found for certain; what else is mistyped is found with a
// probability of 31/32 for each group concerned, and opens nothing. Text of more than MaxText bytes is fault.OverLimit.
func Parse(text []byte) (*Key, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("recovery: text of %d bytes: %w", len(text), fault.OverLimit)
	}
	t := read(text)
	defer clear(t.symbols)
	group := t.firstWrong(t.inFives())
	if group == 0 && len(t.symbols) == textSymbols {
		return newKey(t.key()), nil
	}
	if len(t.pieces) == Groups { // the dashes stand as printed, so they say best where a character is missing
		group = t.firstWrong(t.pieces)
	}
	if group == 0 { // all is well but for what follows the last group
		group = Groups
	}
	return nil, &GroupError{group}
}

// typed is a text without its spaces and dashes.
type typed struct {
	symbols []byte // noSymbol for a character that is not of the alphabet
	pieces  []int  // the ends of the pieces between dashes, as positions in symbols
}

func read(text []byte) typed {
	t := typed{symbols: make([]byte, 0, len(text))} // with room, so that no copy is left behind
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		switch {
		case unicode.IsSpace(r):
		case unicode.Is(unicode.Pd, r):
			t.pieces = append(t.pieces, len(t.symbols))
		default:
			t.symbols = append(t.symbols, symbol(r))
		}
	}
	t.pieces = append(t.pieces, len(t.symbols))
	return t
}

// symbol returns the symbol that a character stands for.
func symbol(r rune) byte {
	if 'a' <= r && r <= 'z' {
		r += 'A' - 'a'
	}
	switch r {
	case 'O':
		r = '0'
	case 'I', 'L':
		r = '1'
	}
	if i := strings.IndexRune(alphabet, r); i >= 0 {
		return byte(i)
	}
	return noSymbol
}

// inFives are the ends of the groups of a text whose dashes do not count.
func (t *typed) inFives() []int {
	ends := make([]int, Groups)
	for g := range ends {
		ends[g] = min((g+1)*groupSize, len(t.symbols))
	}
	return ends
}

// firstWrong returns the first group that is not of five symbols that check, 0 when there is none. ends has Groups
// elements.
func (t *typed) firstWrong(ends []int) int {
	start := 0
	for g, end := range ends {
		if !checks(g+1, t.symbols[start:end]) {
			return g + 1
		}
		start = end
	}
	return 0
}

// checks reports whether a group is whole. The last one ends in the 4 bits that are zero.
func checks(g int, group []byte) bool {
	if len(group) != groupSize {
		return false
	}
	for _, s := range group {
		if s == noSymbol {
			return false
		}
	}
	data := [dataSize]byte(group)
	return checkSymbol(g, data) == group[dataSize] && (g < Groups || data[dataSize-1]&15 == 0)
}

// key returns the Size bytes of a text whose groups are whole.
func (t *typed) key() []byte {
	b := make([]byte, 0, Size)
	window, bits := uint16(0), 0
	for i, s := range t.symbols {
		if i%groupSize == dataSize {
			continue
		}
		window, bits = window<<5|uint16(s), bits+5
		if bits >= 8 {
			bits -= 8
			b = append(b, byte(window>>bits))
		}
	}
	return b
}

// checkSymbol is α·s1 + α²·s2 + α³·s3 + α⁴·s4 + α^g over GF(32), where α is a root of x⁵+x²+1 and has order 31. With the
// check symbol itself at weight 1 all five weights differ, so that a wrong symbol changes the sum and so does a swap of two
// different ones. α^g differs for each group 1 to 13, so that no group is valid in the place of another.
func checkSymbol(g int, data [dataSize]byte) byte {
	place := byte(1)
	for range g {
		place = timesAlpha(place)
	}
	sum := byte(0)
	for i := dataSize - 1; i >= 0; i-- {
		sum = timesAlpha(sum ^ data[i])
	}
	return sum ^ place
}

func timesAlpha(x byte) byte {
	x <<= 1
	if x&32 != 0 {
		x ^= 0b100101
	}
	return x
}
