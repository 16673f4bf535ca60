package lockbox

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk"
)

// prepare makes one byte string of the spellings of a password, by the rules of the OpaqueString profile (RFC 8265 §4.2):
// every kind of space is a space, and Unicode NFC. Of what its string class refuses (RFC 8264 §4.3), control characters are
// refused; the rest needs the tables of one version of Unicode, half a megabyte of them in an app, and whatever the
// profile accepts comes out the same without. p stays as it is; the result is the caller's to wipe.
func prepare(p []byte) ([]byte, error) {
	if len(p) > mk.MaxPassword {
		return nil, fmt.Errorf("lockbox: password of %d bytes: %w", len(p), fault.OverLimit)
	}
	if len(p) == 0 {
		return nil, fmt.Errorf("lockbox: password is empty: %w", fault.Malformed)
	}
	mapped := make([]byte, 0, len(p)) // no character gets longer, so no copy is left behind
	defer func() { clear(mapped) }()
	for at := 0; at < len(p); {
		r, size := utf8.DecodeRune(p[at:])
		switch {
		case r == utf8.RuneError && size == 1:
			return nil, fmt.Errorf("lockbox: password at offset %d: not UTF-8: %w", at, fault.Malformed)
		case unicode.IsControl(r):
			return nil, fmt.Errorf("lockbox: password at offset %d: a control character: %w", at, fault.Malformed)
		case unicode.Is(unicode.Zs, r):
			r = ' '
		}
		mapped = utf8.AppendRune(mapped, r)
		at += size
	}
	out := norm.NFC.Append(make([]byte, 0, 3*len(mapped)), mapped...) // with room: NFC is at most three times as long
	if len(out) > mk.MaxPassword {
		clear(out)
		return nil, fmt.Errorf("lockbox: password of %d bytes in NFC: %w", len(out), fault.OverLimit)
	}
	return out, nil
}
