package lockbox

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/secure/precis"
	"pgregory.net/rapid"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/mk"
)

// The examples of RFC 8265 §4.3, and what is beside them.
func TestPasswordIsPrepared(t *testing.T) {
	for in, want := range map[string]string{
		"correct horse battery staple": "correct horse battery staple",
		"Correct Horse Battery Staple": "Correct Horse Battery Staple",
		"\u03c0\u00df\u00e5":           "\u03c0\u00df\u00e5",
		"Jack of \u2666s":              "Jack of \u2666s",
		"foo\u1680bar":                 "foo bar", // OGHAM SPACE MARK
		" foo  bar ":                   " foo  bar ",
		"\u00a0\u2003\u202f\u3000":     "    ",
		"A\u030a":                      "\u00c5",
		"\u212b":                       "\u00c5",       // ANGSTROM SIGN
		"\uff21\ufb01":                 "\uff21\ufb01", // no compatibility mapping
		"\u1112\u1161\u11ab":           "\ud55c",
		"\ufffd":                       "\ufffd", // a character like others, when it stands there as such
		"\U0001f511":                   "\U0001f511",
	} {
		typed := []byte(in)
		got, err := prepare(typed)
		if err != nil || string(got) != want {
			t.Errorf("%q is prepared as %q, %v, want %q", in, got, err, want)
		}
		if string(typed) != in {
			t.Errorf("%q: the caller's bytes changed", in)
		}
	}
}

func TestPasswordIsRefused(t *testing.T) {
	for in, want := range map[string]fault.Code{
		"":                                       fault.Malformed,
		"my cat is a \u0009by":                   fault.Malformed, // RFC 8265 §4.3
		"a\x00":                                  fault.Malformed,
		"a\x7f":                                  fault.Malformed,
		"a\u0085":                                fault.Malformed,
		"\xff":                                   fault.Malformed,
		"\xc0\xaf":                               fault.Malformed,
		"\xed\xa0\x80":                           fault.Malformed,
		"\xc3":                                   fault.Malformed,
		strings.Repeat("p", mk.MaxPassword):      0,
		strings.Repeat("p", mk.MaxPassword+1):    fault.OverLimit,
		strings.Repeat("\u0344", 2000):           fault.OverLimit, // 4,000 bytes, twice that in NFC
		strings.Repeat("\xff", mk.MaxPassword+1): fault.OverLimit,
	} {
		got, err := prepare([]byte(in))
		if want == 0 {
			if err != nil {
				t.Errorf("%d bytes: %v", len(in), err)
			}
			continue
		}
		faulttest.Want(t, err, want)
		if got != nil {
			t.Errorf("%.10q: a result beside the error", in)
		}
	}
}

// Whatever OpaqueString accepts comes out as the same bytes here, and whatever is refused here it refuses, too.
func TestPasswordAgreesWithPRECIS(t *testing.T) {
	char := rapid.OneOf(
		rapid.RuneFrom(nil, unicode.L, unicode.M, unicode.S, unicode.Zs),
		rapid.RuneFrom([]rune("aAeo \u0300\u0301\u0308\u030a\u0323\u0344\u1100\u1161\u11a8\u212b\uac00")),
		rapid.Rune(),
	)
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		in := []byte(rapid.StringOfN(char, 0, 8, -1).Draw(t, "password"))
		ours, err := prepare(in)
		theirs, refused := precis.OpaqueString.Bytes(bytes.Clone(in))
		if refused == nil && (err != nil || !bytes.Equal(ours, theirs)) {
			t.Fatalf("%q: %q, %v, want %q", in, ours, err, theirs)
		}
		if refused == nil && len(in) > 0 {
			accepted++
		}
	})
	if accepted < 10 {
		t.Errorf("only %d passwords were compared", accepted)
	}
}
