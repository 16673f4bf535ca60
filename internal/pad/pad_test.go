package pad_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/pad"
)

var wantFault = faulttest.Want

func TestPublishedLengths(t *testing.T) {
	file, err := os.ReadFile("../conformance/testdata/vectors/native_v2.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Lengths map[string]int `json:"padded_length_of_plaintext_length"`
	}
	if err := json.Unmarshal(file, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors.Lengths) == 0 {
		t.Fatal("no lengths in the file")
	}
	for plain, padded := range vectors.Lengths {
		n, err := strconv.Atoi(plain)
		if err != nil {
			t.Fatal(err)
		}
		if got := pad.Size(n); got != padded {
			t.Errorf("%d bytes are padded to %d, want %d", n, got, padded)
		}
		if got := len(pad.Append(nil, make([]byte, n))); got != padded {
			t.Errorf("%d bytes are padded to %d, want %d", n, got, padded)
		}
	}
}

// Up to 512 in steps of 64, above that by an eighth at most, never less than the plaintext and its mark.
func TestSizeGrowsInFewSteps(t *testing.T) {
	last := 0
	for n := range 1 << 17 {
		size := pad.Size(n)
		switch {
		case size < last:
			t.Fatalf("%d bytes are padded to %d, one less to %d", n, size, last)
		case size <= n || size%64 != 0:
			t.Fatalf("%d bytes are padded to %d", n, size)
		case n < 512 && size > n+64, n >= 512 && size-n > n/8:
			t.Fatalf("%d bytes are padded to %d: too many", n, size)
		}
		last = size
	}
}

func TestStripUndoesAppend(t *testing.T) {
	for n := range 2100 {
		for _, fill := range []byte{0, 0x80, 1} {
			p := bytes.Repeat([]byte{fill}, n)
			padded := pad.Append([]byte("before"), p)
			got, err := pad.Strip(padded[len("before"):])
			if err != nil || !bytes.Equal(got, p) {
				t.Fatalf("%d bytes of %x: %v", n, fill, err)
			}
		}
	}
}

func TestEveryOtherPaddingIsRefused(t *testing.T) {
	good := func(n int) []byte { return pad.Append(nil, bytes.Repeat([]byte{'p'}, n)) }
	nonzero := good(10)
	nonzero[40] = 1
	for name, padded := range map[string][]byte{
		"nothing":             {},
		"zeros alone":         make([]byte, 64),
		"no mark":             bytes.Repeat([]byte{'p'}, 64),
		"another mark":        append(bytes.Repeat([]byte{'p'}, 63), 0x81),
		"tail that is not 0":  nonzero,
		"too short by a byte": good(10)[:63],
		"too short by a step": good(600)[:608],
		"too long by a byte":  append(good(10), 0),
		"too long by a step":  append(good(10), make([]byte, 64)...),
		"long, by a step":     append(good(5000), make([]byte, 64)...),
	} {
		t.Run(name, func(t *testing.T) {
			p, err := pad.Strip(padded)
			wantFault(t, err, fault.Malformed)
			if p != nil {
				t.Error("a plaintext beside the error")
			}
		})
	}
}

func FuzzStrip(f *testing.F) {
	f.Add(pad.Append(nil, []byte("plaintext")))
	f.Add(pad.Append(nil, make([]byte, 700)))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := pad.Strip(b)
		faulttest.FromInput(t, err)
		if err == nil && !bytes.Equal(pad.Append(nil, p), b) {
			t.Error("read as something else")
		}
	})
}
