package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cheap are the drivers that a fuzzer may run: none whose cost a file can choose.
var cheap = []string{
	"dmsg_keys", "dmsg_encrypt0_edge", "dmsg_cosekey_edge", "aes_gcm_test", "chacha20_poly1305_test", "aes_wrap_test",
	"x25519_test", "ed25519_test", "hkdf_sha256_test", "rfc3394-aes-kw", "rfc5869-hkdf", "rfc8032-ed25519",
	"rfc8439-chacha20poly1305", "rfc8949-appendix-f-malformed", "rfc7914-scrypt", "any other name",
}

// FuzzRun holds that no file makes a driver panic, and that every file makes a case.
func FuzzRun(f *testing.F) {
	for i, base := range cheap {
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
		f.Add(uint8(len(cheap)-1), b)
	}
	f.Fuzz(func(t *testing.T, index uint8, file []byte) {
		cases := runBytes(cheap[int(index)%len(cheap)], file)
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
