package conformance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// cheap are the drivers that a fuzzer may run: none whose cost a file can choose. Inputs of the corpus count in this list.
var cheap = []string{
	"dmsg_keys", "dmsg_encrypt0_edge", "dmsg_cosekey_edge", "aes_gcm_test", "chacha20_poly1305_test", "aes_wrap_test",
	"x25519_test", "ed25519_test", "hkdf_sha256_test", "rfc3394-aes-kw", "rfc5869-hkdf", "rfc8032-ed25519",
	"rfc8439-chacha20poly1305", "rfc8949-appendix-f-malformed", "rfc7914-scrypt", "any other name",
	"native_v2", "sotto_devices", "sotto_lockbox", "sotto_sessions", "sotto_suite2", "x-wing", "hpke-pq",
	"sotto_link", "cpace_ristretto255_and_x25519",
}

// costly reports whether a file has a case that stretches a password, at a cost that it says itself.
func costly(base string, file []byte) bool {
	switch base {
	case "native_v2":
		var form map[string]json.RawMessage
		return json.Unmarshal(file, &form) != nil || form["backup"] != nil
	case "sotto_lockbox":
		type kind struct{ Kind string }
		var form struct{ Cases []kind }
		return json.Unmarshal(file, &form) != nil || slices.Contains(form.Cases, kind{"lockbox"})
	}
	return false
}

// addSamples adds files of sotto's own formats, cut down: of each kind the first case, and the first that is refused.
func addSamples(f *testing.F) {
	for _, base := range []string{"sotto_devices", "sotto_lockbox", "sotto_sessions", "sotto_suite2", "sotto_link"} {
		b, err := os.ReadFile("testdata/vectors/" + base + ".json")
		if err != nil {
			f.Fatal(err)
		}
		var file struct {
			Cases   []map[string]any `json:"cases"`
			Refused []any            `json:"refused"`
		}
		if err := json.Unmarshal(b, &file); err != nil {
			f.Fatal(err)
		}
		kinds := map[any]bool{"lockbox": true}
		file.Refused = file.Refused[:1]
		file.Cases = slices.DeleteFunc(file.Cases, func(c map[string]any) bool {
			seen := kinds[c["kind"]]
			kinds[c["kind"]] = true
			return seen
		})
		if b, err = json.Marshal(file); err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(slices.Index(cheap, base)), b)
	}
	var native map[string]any
	b, err := os.ReadFile(nativePath)
	if err == nil {
		err = json.Unmarshal(b, &native)
	}
	if err != nil {
		f.Fatal(err)
	}
	delete(native, "backup")
	if b, err = json.Marshal(native); err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(slices.Index(cheap, "native_v2")), b)
}

// FuzzRun holds that no file makes a driver panic, and that every file makes a case.
func FuzzRun(f *testing.F) {
	addSamples(f)
	for i, base := range cheap {
		if strings.HasPrefix(base, "sotto_") || base == "native_v2" {
			continue // as samples
		}
		for _, dir := range []string{"vectors", "rfc-vectors"} {
			if b, err := os.ReadFile(filepath.Join("testdata", dir, base+".json")); err == nil {
				f.Add(uint8(i), b)
			}
		}
	}
	examples, err := filepath.Glob("testdata/derived/x25519-cose/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range examples {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(slices.Index(cheap, "any other name")), b)
	}
	f.Fuzz(func(t *testing.T, index uint8, file []byte) {
		base := cheap[int(index)%len(cheap)]
		if costly(base, file) {
			t.Skip("a cost that the file chooses")
		}
		cases := runBytes(base, file)
		if len(cases) == 0 {
			t.Error("no case")
		}
		for _, c := range cases {
			if c.Status == 0 || strings.HasPrefix(c.Note, "panic: ") {
				t.Errorf("%s: %s", c.Name, c.Note)
			}
		}
	})
}
