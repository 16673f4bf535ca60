package wire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/wire"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var wantFault = faulttest.Want

// Encodings of RFC 8949 Appendix A, and the boundaries between head lengths.
func TestAppendWritesTheShortestForm(t *testing.T) {
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{wire.AppendInt(nil, 0), "00"}, {wire.AppendInt(nil, 23), "17"}, {wire.AppendInt(nil, 24), "1818"},
		{wire.AppendInt(nil, 255), "18ff"}, {wire.AppendInt(nil, 256), "190100"}, {wire.AppendInt(nil, 65536), "1a00010000"},
		{wire.AppendInt(nil, 1<<32), "1b0000000100000000"}, {wire.AppendInt(nil, -1), "20"}, {wire.AppendInt(nil, -24), "37"},
		{wire.AppendInt(nil, -25), "3818"}, {wire.AppendInt(nil, -70004), "3a00011173"},
		{wire.AppendInt(nil, -1<<63), "3b7fffffffffffffff"},
		{wire.AppendBytes(nil, nil), "40"}, {wire.AppendBytes(nil, []byte{1, 2, 3, 4}), "4401020304"},
		{wire.AppendText(nil, "IETF"), "6449455446"},
		{wire.AppendBound(nil, "a/b", []byte{7}, nil), "8363612f62410740"},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	for _, n := range []uint64{0, 23, 24, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, 1<<64 - 1} {
		if got, want := wire.HeadSize(n), len(wire.AppendHead(nil, wire.MajorBytes, n)); got != want {
			t.Errorf("HeadSize(%d) is %d, the head has %d bytes", n, got, want)
		}
	}
	for _, n := range []int64{0, 24, -1, -24, -25, -70004, 1<<63 - 1, -1 << 63} {
		if got, want := wire.IntSize(n), len(wire.AppendInt(nil, n)); got != want {
			t.Errorf("IntSize(%d) is %d, the integer has %d bytes", n, got, want)
		}
	}
}

func TestReaderReadsWhatAppendWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		b := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "b")
		s := rapid.String().Draw(t, "s")
		item := wire.AppendHead(nil, wire.MajorArray, 4)
		item = wire.AppendInt(item, n)
		item = wire.AppendBytes(item, b)
		item = wire.AppendText(item, s)
		item = wire.AppendHead(wire.AppendHead(item, wire.MajorMap, 1), wire.MajorUint, 9)
		item = append(item, wire.Null)

		r := wire.NewReader(item)
		if got := r.Array("array", 4); got != 4 {
			t.Fatalf("array of %d", got)
		}
		if got := r.Int("int"); got != n {
			t.Fatalf("int %d, want %d", got, n)
		}
		if got := r.Bytes("bytes", 300); !bytes.Equal(got, b) {
			t.Fatal("other bytes")
		}
		if got := r.Text("text", 1<<20); got != s {
			t.Fatal("other text")
		}
		if got := r.Map("map", 1); got != 1 {
			t.Fatalf("map of %d", got)
		}
		if r.Int("key") != 9 || !bytes.Equal(r.Raw("null"), []byte{wire.Null}) {
			t.Fatal("other pair")
		}
		if err := r.End("array"); err != nil {
			t.Fatal(err)
		}
		if !wire.Deterministic(item) {
			t.Fatal("not deterministic")
		}
		// Every cut is refused.
		for i := range item {
			r := wire.NewReader(item[:i])
			r.Raw("item")
			if r.End("item") == nil {
				t.Fatalf("cut at %d accepted", i)
			}
		}
	})
}

func TestReaderRefuses(t *testing.T) {
	deep := strings.Repeat("81", wire.MaxDepth) + "00"
	pairs := "b841"
	for i := range 65 {
		pairs += hex.EncodeToString(wire.AppendInt(nil, int64(i))) + "00"
	}
	for _, c := range []struct {
		name, item string
		want       fault.Code
	}{
		{"nothing", "", fault.Malformed},
		{"integer of two bytes below 24", "1817", fault.Malformed},
		{"length of three bytes below 256", "5900ff" + strings.Repeat("00", 255), fault.Malformed},
		{"integer of five bytes below 2^16", "1a0000ffff", fault.Malformed},
		{"integer of nine bytes below 2^32", "1b00000000ffffffff", fault.Malformed},
		{"indefinite array", "9f00ff", fault.Malformed},
		{"indefinite bytes", "5f4100ff", fault.Malformed},
		{"indefinite map", "bfff", fault.Malformed},
		{"break alone", "ff", fault.Malformed},
		{"reserved length", "1c", fault.Malformed},
		{"simple value in two bytes below 32", "f818", fault.Malformed},
		{"text that is not UTF-8", "62c328", fault.Malformed},
		{"duplicate key", "a201000100", fault.Malformed},
		{"duplicate key in a nested map", "81a201000100", fault.Malformed},
		{"tag without content", "c0", fault.Malformed},
		{"trailing byte", "0000", fault.Malformed},
		{"bytes longer than the input", "5b7fffffffffffffff", fault.Malformed},
		{"array longer than the input", "9b7fffffffffffffff", fault.Malformed},
		{"nested too deep", deep, fault.OverLimit},
		{"tags nested too deep", strings.Repeat("c1", wire.MaxDepth) + "00", fault.OverLimit},
		{"too many pairs", pairs, fault.OverLimit},
		{"too many elements", "990401" + strings.Repeat("00", 1025), fault.OverLimit},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := unhex(t, c.item)
			r := wire.NewReader(b)
			r.Raw("item")
			wantFault(t, r.End("item"), c.want)
			if wire.Deterministic(b) && c.name != "too many elements" { // of which an own structure may have more
				t.Error("counts as deterministic")
			}
		})
	}
}

func TestReaderRefusesAnotherType(t *testing.T) {
	reads := map[string]func(r *wire.Reader){
		"00":                 func(r *wire.Reader) { r.Bytes("x", 10) },
		"40":                 func(r *wire.Reader) { r.Text("x", 10) },
		"60":                 func(r *wire.Reader) { r.Array("x", 10) },
		"80":                 func(r *wire.Reader) { r.Map("x", 10) },
		"a0":                 func(r *wire.Reader) { r.Tag("x") },
		"f6":                 func(r *wire.Reader) { r.Int("x") },
		"4101":               func(r *wire.Reader) { r.Int("x") },
		"1bffffffffffffffff": func(r *wire.Reader) { r.Int("x") }, // does not fit
	}
	for item, read := range reads {
		r := wire.NewReader(unhex(t, item))
		read(&r)
		if !errors.Is(r.Err(), fault.Malformed) || r.Offset() != 0 {
			t.Errorf("%s: %v at offset %d", item, r.Err(), r.Offset())
		}
	}
	for item, read := range map[string]func(r *wire.Reader){
		"420000":   func(r *wire.Reader) { r.Bytes("x", 1) },
		"623030":   func(r *wire.Reader) { r.Text("x", 1) },
		"820000":   func(r *wire.Reader) { r.Array("x", 1) },
		"a2000001": func(r *wire.Reader) { r.Map("x", 1) },
	} {
		r := wire.NewReader(unhex(t, item))
		read(&r)
		wantFault(t, r.Err(), fault.OverLimit)
	}
}

// The first error wins, and it names the field and where it stands, not what stands there.
func TestErrorNamesFieldAndOffset(t *testing.T) {
	r := wire.NewReader(unhex(t, "8243736563ff"))
	r.Array("pair", 2)
	r.Bytes("name", 10)
	r.Int("age")
	r.Int("later")
	err := r.End("pair")
	if err == nil || !strings.HasPrefix(err.Error(), "age at offset 5: ") {
		t.Errorf("error is %v", err)
	}
	if strings.Contains(err.Error(), "sec") {
		t.Errorf("error quotes the input: %v", err)
	}
}

func TestDeterministicChecksTheOrderOfKeys(t *testing.T) {
	for item, want := range map[string]bool{
		"a201000200":         true,
		"a202000100":         false,
		"a2200018ff00":       false, // bytewise: 0x18 comes before 0x20
		"a218ff002000":       true,
		"81a202000100":       false,
		"d2a202000100":       false,
		"a3010020002100":     true,
		"a1a20200010000":     false, // a map as key
		"43a20200":           true,  // a byte string is looked at by who reads it
		"a26161006200620000": false,
	} {
		if got := wire.Deterministic(unhex(t, item)); got != want {
			t.Errorf("%s: %v, want %v", item, got, want)
		}
	}
}

type cold struct {
	ID    [4]byte  `cbor:"1,keyasint"`
	Name  string   `cbor:"2,keyasint"`
	Parts [][]byte `cbor:"3,keyasint"`
}

func TestUnmarshalTakesExactlyWhatMarshalWrites(t *testing.T) {
	want := cold{ID: [4]byte{1, 2, 3, 4}, Name: "n", Parts: [][]byte{{5}, {}}}
	b, err := wire.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(b); got != "a301440102030402616e0382410540" {
		t.Errorf("wrote %s", got)
	}
	var got cold
	if err := wire.Unmarshal("cold", b, 100, &got); err != nil {
		t.Fatal(err)
	}
	if got.ID != want.ID || got.Name != want.Name || len(got.Parts) != 2 {
		t.Errorf("read %+v", got)
	}
	for name, item := range map[string]string{
		"key order":         "a302616e0144010203040382410540",
		"missing key":       "a2014401020304" + "02616e",
		"unknown key":       "a401440102030402616e03824105400400",
		"duplicate key":     "a401440102030402616e02616e0382410540",
		"long integer":      "a31801440102030402616e0382410540",
		"indefinite":        "bf01440102030402616e0382410540ff",
		"null for bytes":    "a301f602616e0382410540",
		"null for a part":   "a301440102030402616e038241" + "05f6",
		"array for bytes":   "a301840102030402616e0382410540",
		"short bytes":       "a3014301020302616e0382410540",
		"long bytes":        "a30145010203040502616e0382410540",
		"trailing byte":     "a301440102030402616e038241054000",
		"a tag":             "d2a301440102030402616e0382410540",
		"another structure": "83010203",
	} {
		t.Run(name, func(t *testing.T) {
			wantFault(t, wire.Unmarshal("cold", unhex(t, item), 100, new(cold)), fault.Malformed)
		})
	}
	wantFault(t, wire.Unmarshal("cold", b, len(b)-1, new(cold)), fault.OverLimit)
}

func TestWholeBytesIsOneByteStringOfShortestForm(t *testing.T) {
	for _, n := range []int{0, 1, 23, 24, 255, 256, 65535, 65536, 70000} {
		item := wire.AppendBytes(nil, bytes.Repeat([]byte{7}, n))
		if got, ok := wire.WholeBytes(item); !ok || len(got) != n || n > 0 && got[0] != 7 {
			t.Errorf("%d bytes: %v, %d", n, ok, len(got))
		}
		if _, ok := wire.WholeBytes(item[:len(item)-1]); ok {
			t.Errorf("%d bytes cut: ok", n)
		}
		if _, ok := wire.WholeBytes(append(item, 0)); ok {
			t.Errorf("%d bytes and one more: ok", n)
		}
	}
	zeros := func(n int) string { return strings.Repeat("00", n) }
	for _, item := range []string{"", "00", "41", "58", "59", "5900", "5a", "5a000000", "5817" + zeros(23), "5900ff" + zeros(255), "5a0000ffff" + zeros(65535),
		"5b0000000000000018" + zeros(24), "7818" + zeros(24), "5f" + zeros(24) + "ff", "9818" + zeros(24)} {
		if _, ok := wire.WholeBytes(unhex(t, item)); ok {
			t.Errorf("%s: ok", item)
		}
	}
}

func TestOverlap(t *testing.T) {
	b := make([]byte, 10)
	for _, c := range []struct {
		dst, in []byte
		want    bool
	}{
		{b[:0], b, true}, {b[:0], b[9:], true}, {b[:0:5], b[5:], false}, {b[5:5], b[:5], false}, {b[4:4], b[:5], true},
		{nil, b, false}, {b, nil, false}, {make([]byte, 0, 5), b, false},
	} {
		if got := wire.Overlap(c.dst, c.in); got != c.want {
			t.Errorf("dst cap %d, in %d: %v", cap(c.dst), len(c.in), got)
		}
	}
}

func TestNewerLabel(t *testing.T) {
	for label, want := range map[string]bool{
		"sotto/v2.kek": true, "sotto/v10.kek": true, "sotto/v1.kek": false, "sotto/v1.newer": false, "sotto/v0.kek": false, "sotto/vx.kek": false, "sotto/v.kek": false, "acme/v2.kek": false, "": false,
	} {
		if got := wire.NewerLabel(label); got != want {
			t.Errorf("%q: %v", label, got)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, s := range []string{"", "00", "a201000200", "d08343a10103a1054c000000000000000000000000", "9f00ff", "fb3ff0000000000000"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := wire.NewReader(b)
		raw := r.Raw("item")
		if r.Err() != nil {
			if fault.Of(r.Err()) == 0 {
				t.Errorf("error without a code: %v", r.Err())
			}
			return
		}
		if !bytes.HasPrefix(b, raw) || r.Offset() != len(raw) {
			t.Error("the item is not what stands at the start of the input")
		}
		if again := wire.NewReader(raw); again.Raw("item") == nil || again.End("item") != nil {
			t.Error("the item alone is refused")
		}
	})
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(unhex(f, "a301440102030402616e0382410540"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v cold
		if wire.Unmarshal("cold", b, 1<<16, &v) != nil {
			return
		}
		if again, err := wire.Marshal(v); err != nil || !bytes.Equal(again, b) {
			t.Error("accepted a second encoding")
		}
	})
}
