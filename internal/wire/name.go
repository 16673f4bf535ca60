package wire

import (
	"unicode"
	"unicode/utf8"
)

// ValidName reports whether name is a name as the formats have it: 1 to limit bytes of UTF-8 without control characters.
func ValidName(name string, limit int) bool {
	if len(name) == 0 || len(name) > limit || !utf8.ValidString(name) {
		return false
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}
