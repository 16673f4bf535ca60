package conformance

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// testdata/cose-wg-examples.tsv lists the files of cose-wg/Examples about algorithms that are run here, and how far a first,
// independent implementation could rebuild each.
func TestExamplesOfTheCOSEWorkingGroup(t *testing.T) {
	dir := suites(t, "cose-wg-examples")
	index, err := os.ReadFile("testdata/cose-wg-examples.tsv")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]Case{}
	for _, f := range run(t, dir) {
		noFailures(t, f)
		name, err := filepath.Rel(dir, f.Path)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Cases) != 1 || f.Driver != examplesDriver {
			t.Errorf("%s: %d cases by driver %q, want one by %s", name, len(f.Cases), f.Driver, examplesDriver)
			continue
		}
		have[filepath.ToSlash(name)] = f.Cases[0]
	}
	lines := strings.Split(strings.TrimSpace(string(index)), "\n")
	rows, unprotected := lines[1:], []string{}
	for _, row := range rows {
		name, rebuilt, _ := strings.Cut(row, "\t")
		c := have[name]
		if c.Status != Passed {
			t.Errorf("%s: %v (%s), want passed", name, c.Status, c.Note)
		}
		if strings.HasPrefix(c.Note, "refused on purpose") {
			unprotected = append(unprotected, path.Base(name))
			continue
		}
		exact := c.Note == "rebuilt byte for byte"
		switch rebuilt {
		case "exact":
			if !exact {
				t.Errorf("%s: %s, want rebuilt byte for byte", name, c.Note)
			}
		case "exact-modulo-unprotected-map-order":
			if !exact && c.Note != "rebuilt up to map order" {
				t.Errorf("%s: %s, want rebuilt at least up to map order", name, c.Note)
			}
		}
	}
	if len(rows) != 94 {
		t.Errorf("%d files, want 94", len(rows))
	}
	slices.Sort(unprotected)
	want := []string{"enc-pass-01.json", "enc-pass-03.json", "env-pass-01.json", "env-pass-03.json", "sign-pass-01.json"}
	if !slices.Equal(unprotected, want) {
		t.Errorf("refused for an algorithm that is not protected: %v, want %v", unprotected, want)
	}
}

func TestWycheproof(t *testing.T) {
	dir := filepath.Join(suites(t, "wycheproof"), "testvectors_v1")
	for name, want := range map[string]outcomes{
		"aes_gcm_test":           {197, 0, 119}, // IVs of other sizes
		"chacha20_poly1305_test": {316, 0, 9},   // IVs of other sizes
		"aes_wrap_test":          {165, 0, 0},
		"x25519_test":            {518, 0, 0},
		"ed25519_test":           {151, 0, 0},
		"hkdf_sha256_test":       {86, 0, 0},
		"pbkdf2_hmacsha256_test": {60, 0, 0},
	} {
		f := run(t, filepath.Join(dir, name+".json"))[0]
		noFailures(t, f)
		if have := count(f.Cases); have != want || f.Driver != name {
			t.Errorf("%s by driver %q: %+v, want %+v", name, f.Driver, have, want)
		}
	}
}
