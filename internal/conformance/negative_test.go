package conformance

import (
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// These tests turn the runner against itself: with one value of a file changed, a case must fail. What survives its change
// would be a value that nobody checks.

// leaf is one value in a decoded file.
type leaf struct {
	path  string
	value any
	set   func(any)
}

// leaves lists the values below v, in a fixed order.
func leaves(v any, at string) []leaf {
	var all []leaf
	add := func(key string, value any, set func(any)) {
		at := path.Join(at, key)
		switch value.(type) {
		case map[string]any, []any:
			all = append(all, leaves(value, at)...)
		default:
			all = append(all, leaf{at, value, set})
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			add(key, v[key], func(value any) { v[key] = value })
		}
	case []any:
		for i := range v {
			add(fmt.Sprint(i), v[i], func(value any) { v[i] = value })
		}
	}
	return all
}

// flipped returns a hexadecimal string with another last digit, and whether s is one at all.
func flipped(s string) (string, bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) == 0 {
		return "", false
	}
	b[len(b)-1] ^= 1
	return hex.EncodeToString(b), true
}

// mustFail changes every value that change takes and demands a failed case of the file of that base name each time.
func mustFail(t *testing.T, base string, file any, change func(leaf) (any, bool)) {
	t.Helper()
	mustFailBy(t, base, file, func(file []byte) []Case { return runBytes(base, file) }, change)
}

// mustFailBy is mustFail of whatever runs a file.
func mustFailBy(t *testing.T, what string, file any, run func([]byte) []Case, change func(leaf) (any, bool)) {
	t.Helper()
	if n := count(run(encode(t, file))); n.failed != 0 || n.passed == 0 {
		t.Fatalf("%s, unchanged: %+v", what, n)
	}
	changes := 0
	for _, l := range leaves(file, "") {
		value, ok := change(l)
		if !ok {
			continue
		}
		changes++
		l.set(value)
		if n := count(run(encode(t, file))); n.failed == 0 {
			t.Errorf("%s: %s changed: %+v, want a failed case", what, l.path, n)
		}
		l.set(l.value)
	}
	if changes == 0 {
		t.Errorf("%s: nothing changed", what)
	}
}

// anyHex changes every byte string.
func anyHex(l leaf) (any, bool) {
	s, ok := l.value.(string)
	if !ok {
		return nil, false
	}
	return flipped(s)
}

// anyValue changes every value: another byte string, number, text or truth.
func anyValue(l leaf) (any, bool) {
	switch v := l.value.(type) {
	case float64:
		return v + 1, true
	case bool:
		return !v, true
	case string:
		if other, ok := flipped(v); ok {
			return other, true
		}
		return v + "x", true
	}
	return nil, false
}

// except leaves values of the given names alone.
func except(change func(leaf) (any, bool), names ...string) func(leaf) (any, bool) {
	return func(l leaf) (any, bool) {
		if matches(names, l.path) {
			return nil, false
		}
		return change(l)
	}
}

// matches reports whether one of the patterns is of the name.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// field returns a member of a decoded object.
func field[T any](t *testing.T, object any, name string) T {
	t.Helper()
	v, ok := object.(map[string]any)[name].(T)
	if !ok {
		t.Fatalf("no %s of the expected type", name)
	}
	return v
}

// shorten keeps the elements of a list that keep says.
func shorten(t *testing.T, file any, list string, keep func(any) bool) {
	t.Helper()
	all := field[[]any](t, file, list)
	file.(map[string]any)[list] = slices.DeleteFunc(all, func(e any) bool { return !keep(e) })
}

func TestEveryChangedValueOfDMsgFails(t *testing.T) {
	const dir = "testdata/vectors/"
	file := read(t, dir+"dmsg_mk.json")
	shorten(t, file, "cases", func(c any) bool {
		return slices.Contains([]string{"kind1-basic", "kind2-basic"}, field[string](t, c, "name"))
	})
	// The local key ID is of no case, and the text of the password is checked through its bytes.
	mustFail(t, "dmsg_mk", file, except(anyHex, "constants/key_id_cbor_local_dev/*", "cases/*/inputs/password/text"))

	mustFail(t, "dmsg_keys", read(t, dir+"dmsg_keys.json"), except(anyHex,
		"setting_paths/2/key",             // another channel
		"setting_paths/*/payload_example", // another hash of a password
	))
	mustFail(t, "vetkd_mk3", read(t, dir+"vetkd_mk3.json"), except(anyHex, "frontend_setting_key")) // another text
}

func TestEveryChangedVerdictOfDMsgFails(t *testing.T) {
	strict := map[string][]string{
		"dmsg_encrypt0_edge": {"untagged", "tag16", "kid-extra"},
		"dmsg_cosekey_edge":  {"plain", "with-kid", "unordered"},
	}
	for base, names := range strict {
		file := read(t, "testdata/vectors/"+base+".json")
		refused := read(t, "testdata/vectors/"+base+".json")
		shorten(t, file, "rows", func(r any) bool { return slices.Contains(names, field[string](t, r, "name")) })
		if n := len(field[[]any](t, file, "rows")); n != len(names) {
			t.Fatalf("%s: %d strict rows, want %d", base, n, len(names))
		}
		change := except(anyHex, "dek_secret") // every row has its own copy
		if base == "dmsg_cosekey_edge" {
			change = except(change, "rows/2/data") // its last byte is the key type: with another one it is not strict
		}
		mustFail(t, base, file, change)
		mustFail(t, base, file, func(l leaf) (any, bool) { return false, l.value == true })

		// A row that is not strict must be refused; with the content of a strict one it is accepted.
		good := field[[]any](t, file, "rows")[0].(map[string]any)["data"]
		mustFail(t, base, refused, func(l leaf) (any, bool) {
			var row int
			if _, err := fmt.Sscanf(l.path, "rows/%d/data", &row); err != nil || !strings.HasSuffix(l.path, "/data") {
				return nil, false
			}
			r := field[[]any](t, refused, "rows")[row]
			client := field[map[string]any](t, r, "cose_ts_1_4_2")
			name := field[string](t, r, "name")
			return good, client["ok"] == false && name != "aad-mismatch"
		})
	}
}

func TestEveryChangedValueOfTheRFCsFails(t *testing.T) {
	const dir = "testdata/rfc-vectors/"
	for _, base := range []string{"rfc3394-aes-kw", "rfc7914-pbkdf2-sha256", "rfc8439-chacha20poly1305"} {
		mustFail(t, base, read(t, dir+base+".json"), anyHex)
	}
	file := read(t, dir+"rfc5869-hkdf.json")
	shorten(t, file, "tests", func(c any) bool { return field[string](t, c, "hash") == "SHA-256" })
	mustFail(t, "rfc5869-hkdf", file, anyHex)

	file = read(t, dir+"rfc8032-ed25519.json")
	shorten(t, file, "tests", func(c any) bool { return field[string](t, c, "algorithm") == "Ed25519" })
	mustFail(t, "rfc8032-ed25519", file, anyHex)

	file = read(t, dir+"rfc7748-x25519.json")
	shorten(t, file, "tests", func(c any) bool { return c.(map[string]any)["iterations"] != 1e6 })
	mustFail(t, "rfc7748-x25519", file, anyHex)

	file = read(t, dir+"phc-argon2id-hashtests.json")
	shorten(t, file, "tests", func(c any) bool { return field[float64](t, c, "m") <= 1<<10 })
	mustFail(t, "phc-argon2id-hashtests", file, func(l leaf) (any, bool) {
		if path.Base(l.path) == "encoded" {
			return l.value.(string) + "A", true
		}
		return anyHex(l)
	})

	file = read(t, dir+"rfc8949-appendix-f-malformed.json")
	mustFail(t, "rfc8949-appendix-f-malformed", file, func(l leaf) (any, bool) { return "8100", path.Base(l.path) == "hex" })
}

// What an example publishes, and what it says of itself.
func changedExample(l leaf) (any, bool) {
	switch {
	case l.path == "fail":
		return false, true
	case l.path == "input/plaintext":
		return l.value.(string) + ".", true
	case l.path == "output/cbor":
		return anyHex(l)
	case strings.HasPrefix(l.path, "intermediates/") && !strings.Contains(l.path, "countersign"):
		return anyHex(l) // countersignatures are not sotto's
	case strings.HasPrefix(l.path, "input/rng_stream/"):
		return anyHex(l)
	}
	return nil, false
}

func TestEveryChangedValueOfAnExampleFails(t *testing.T) {
	files, err := filepath.Glob("testdata/derived/x25519-cose/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file := read(t, name)
		if field := file.(map[string]any); field["fail"] == true {
			mustFail(t, "example", file, func(l leaf) (any, bool) { return false, l.path == "fail" })
			continue
		}
		mustFail(t, "example", file, changedExample)
		file.(map[string]any)["fail"] = true
		if n := count(runBytes("example", encode(t, file))); n.failed == 0 {
			t.Errorf("%s: passes as one that must be refused", name)
		}
	}
}

func TestEveryChangedValueOfTheWorkingGroupFails(t *testing.T) {
	for _, f := range run(t, suites(t, "cose-wg-examples")) {
		c := f.Cases[0]
		file := read(t, f.Path)
		readOnly := strings.HasPrefix(c.Note, "read only")
		switch {
		case c.Status != Passed || strings.HasPrefix(c.Note, "refused on purpose"):
		case file.(map[string]any)["fail"] == true:
			mustFail(t, "example", file, func(l leaf) (any, bool) { return false, l.path == "fail" })
		case readOnly:
			mustFail(t, "example", file, except(changedExample, "input/rng_stream/*"))
		default:
			mustFail(t, "example", file, changedExample)
		}
	}
}

func TestEveryInvertedResultOfWycheproofFails(t *testing.T) {
	dir := filepath.Join(suites(t, "wycheproof"), "testvectors_v1")
	invert := map[any]string{"valid": "invalid", "invalid": "valid"}
	for base := range drivers {
		if !strings.HasSuffix(base, "_test") {
			continue
		}
		file := read(t, filepath.Join(dir, base+".json"))
		results := slices.DeleteFunc(leaves(file, ""), func(l leaf) bool { return path.Base(l.path) != "result" })
		for _, l := range results {
			if l.value != "acceptable" {
				l.set(invert[l.value])
			}
		}
		cases := runBytes(base, encode(t, file))
		if len(cases) != len(results) {
			t.Fatalf("%s: %d cases of %d tests", base, len(cases), len(results))
		}
		for i, c := range cases {
			if c.Status == Passed && results[i].value != "acceptable" {
				t.Errorf("%s: %s passes with either result", base, c.Name)
			}
		}
	}
}
