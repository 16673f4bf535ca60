package conformance

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sottokit/sotto/fault"
)

// The counts are frozen: a driver that runs fewer cases than it did has lost some.
func TestOwnVectorsPass(t *testing.T) {
	want := map[string]outcomes{
		"dmsg_mk":            {7, 0, 0},
		"dmsg_keys":          {15, 0, 0},
		"dmsg_encrypt0_edge": {22, 0, 0},
		"dmsg_cosekey_edge":  {7, 0, 0},
		"vetkd_mk3":          {3, 0, 0},
		"sotto_keys":         {301, 0, 0},
		"sotto_devices":      {530, 0, 0},
		"sotto_lockbox":      {240, 0, 0},
		"sotto_sessions":     {778, 0, 0},
		"sotto_suite2":       {291, 0, 0},
		"sotto_numbers":      {171, 0, 0},
		"sotto_groups":       {2550, 0, 0},
		"sotto_link":         {1990, 0, 0},
		"signal_fingerprint": {10, 0, 0},
		"native_v2":          {65, 0, 2}, // vaults

		"cpace_ristretto255_and_x25519": {34, 0, 0},

		"x-wing":  {3, 0, 3},  // encapsulations with chosen randomness
		"hpke-pq": {3, 0, 14}, // other KEMs, KDFs and AEADs

		"rfc3394-aes-kw":               {6, 0, 0},
		"rfc5869-hkdf":                 {3, 0, 4}, // SHA-1
		"rfc6070-pbkdf2":               {0, 0, 6}, // SHA-1
		"rfc7748-x25519":               {5, 0, 1}, // a million iterations
		"rfc7914-pbkdf2-sha256":        {2, 0, 0},
		"rfc7914-scrypt":               {0, 0, 4},
		"rfc8032-ed25519":              {5, 0, 5}, // Ed25519ctx and Ed25519ph
		"rfc8439-chacha20poly1305":     {1, 0, 0},
		"rfc8949-appendix-f-malformed": {94, 0, 0},
		"rfc9106-argon2":               {0, 0, 3}, // with a secret
		"phc-argon2id-hashtests":       {8, 0, 0},

		examplesDriver: {33, 0, 0},
	}
	have := map[string]outcomes{}
	for _, f := range run(t, "testdata") {
		noFailures(t, f)
		o, n := have[f.Driver], count(f.Cases)
		have[f.Driver] = outcomes{o.passed + n.passed, o.failed + n.failed, o.skipped + n.skipped}
	}
	for name, w := range want {
		if have[name] != w {
			t.Errorf("%s: %+v, want %+v", name, have[name], w)
		}
	}
	if len(have) != len(want) {
		t.Errorf("%d drivers, want %d", len(have), len(want))
	}
}

func TestWhatIsNoVectorFileIsNeverAPass(t *testing.T) {
	for _, test := range []struct {
		base, content string
		want          Status
	}{
		{"unknown", `{}`, Skipped},
		{"unknown", `[1, 2]`, Skipped},
		{"unknown", `{"title": "t", "input": {}}`, Skipped},
		{"unknown", `{`, Failed},
		{"unknown", ``, Failed},
		{"unknown", `{} {}`, Failed},
		{"example", `{"title": "t", "input": {}, "output": {}}`, Failed},
		{"example", `{"title": "t", "input": {}, "output": {"cbor": ""}}`, Failed},
		{"example", `{"title": "t", "input": {"encrypted": {}}, "output": {"cbor": "d0"}}`, Failed},
		{"example", `{"title": "t", "input": {"enveloped": {"protected": {"alg": "A256GCM"}}}, "output": {"cbor": "d0"}}`, Failed},
		{"example", `{"title": "t", "input": {"sign0": {"protected": {"alg": "EdDSA"}}}, "output": {"cbor": "d0"}}`, Failed},
		{"example", `{"title": "t", "input": {"encrypted": {"protected": {"alg": "A256GCM"}}}, "output": {"cbor": "d0"}}`, Failed},
		{"example", `{"title": "t", "input": {"sign0": {}, "mac": {}}, "output": {"cbor": "d0"}}`, Failed},
		{"example", `{"title": "t", "input": {"mac0": {}}, "output": {"cbor": "d0"}}`, Skipped},
		{"example", `{"title": "t", "input": {"encrypted": {"protected": {"alg": "rot13"}}}, "output": {"cbor": "d0"}}`, Skipped},
	} {
		cases := runBytes(test.base, []byte(test.content))
		if len(cases) != 1 || cases[0].Status != test.want || cases[0].Note == "" {
			t.Errorf("%s with %s: %+v, want one that is %v", test.base, test.content, cases, test.want)
		}
	}
	shapes := []string{
		``, `{`, `null`, `true`, `7`, `"text"`, `[]`, `{}`,
		`{"tests": null}`, `{"tests": []}`, `{"tests": {}}`, `{"tests": [{}]}`, `{"tests": [null]}`, `{"tests": [[]]}`,
		`{"testGroups": []}`, `{"testGroups": [{}]}`, `{"testGroups": [{"tests": []}]}`,
		`{"testGroups": [{"tests": [{"result": "valid"}]}]}`,
		`{"rows": []}`, `{"rows": [{}], "message": "00"}`,
		`{"kdf_info": "", "vectors": []}`, `{"kdf_info": "", "vectors": [{}]}`,
		`{"constants": {"key_id_text": "a", "key_id_cbor": {"hex": "6161"}}, "cases": []}`,
		`{"constants": {"key_id_text": "a", "key_id_cbor": {"hex": "6161"}}, "cases": [{}]}`,
		`{"cases": [], "refused": []}`, `{"cases": [{}], "refused": [{}]}`, `{"cases": [null], "refused": [null]}`,
		`{"cases": [{"name": "a", "kind": "kek"}], "refused": [{"of": "a", "change": {"kind": "dek"}, "fault": "damaged"}]}`,
		`{"enc_structure_empty_aad": {"hex": ""}, "cases": [], "setting_paths": [], "kek_setting_key_cases": []}`,
	}
	for base := range drivers {
		for _, content := range shapes {
			if n := count(runBytes(base, []byte(content))); n.failed == 0 {
				t.Errorf("%s with %q: %+v, want a failed case", base, content, n)
			}
		}
	}
}

func TestDirectoryIsWalkedInLexicalOrder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.json", "a/z.json", "a/note.txt", "c/d/e.json"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	files, err := Run(context.Background(), []string{dir, filepath.Join(dir, "a", "note.txt")}, Options{}, func(f File) {
		name, err := filepath.Rel(dir, f.Path)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.ToSlash(name))
		if len(f.Cases) != 1 || f.Cases[0].Status != Skipped || f.Driver != "" {
			t.Errorf("%s: %+v, want one skipped case and no driver", name, f)
		}
	})
	want := []string{"a/z.json", "b.json", "c/d/e.json", "a/note.txt"}
	if err != nil || len(files) != len(want) || !slices.Equal(names, want) {
		t.Errorf("%v, %v, want %v", names, err, want)
	}
}

func TestPathThatCannotBeReadIsAnError(t *testing.T) {
	paths := []string{"testdata/rfc-vectors/rfc3394-aes-kw.json", "testdata/absent"}
	files, err := Run(context.Background(), paths, Options{}, nil)
	if !errors.Is(err, os.ErrNotExist) || len(files) != 1 {
		t.Errorf("%d files, %v, want the first file and ErrNotExist", len(files), err)
	}
}

func TestDoneContextEndsTheRun(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	files, err := Run(ctx, []string{"testdata/vectors"}, Options{}, func(File) { cancel() })
	if fault.Of(err) != fault.Canceled || !errors.Is(err, context.Canceled) || len(files) != 1 {
		t.Errorf("%d files, %v, want one and fault.Canceled", len(files), err)
	}
}

func TestFileOverTheLimitFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dmsg_mk.json")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, maxFile+1); err != nil {
		t.Fatal(err)
	}
	f := run(t, path)[0]
	if count(f.Cases) != (outcomes{failed: 1}) || !strings.Contains(f.Cases[0].Note, "limit") {
		t.Errorf("%+v, want one failed case that names the limit", f.Cases)
	}
}

func TestPanicIsAFailedCase(t *testing.T) {
	s := suite{ctx: context.Background()}
	s.check("case", func() (string, error) { panic("here") })
	if count(s.cases) != (outcomes{failed: 1}) || s.cases[0].Note != "panic: here" {
		t.Errorf("%+v, want one failed case", s.cases)
	}
}

func TestMillionIterationsOfX25519(t *testing.T) {
	if os.Getenv("SOTTO_SOAK") == "" {
		t.Skip("SOTTO_SOAK is not set: this test takes minutes")
	}
	files, err := Run(context.Background(), []string{"testdata/rfc-vectors/rfc7748-x25519.json"}, Options{Soak: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := count(files[0].Cases); n != (outcomes{passed: 6}) {
		t.Errorf("%+v, want 6 passed", n)
	}
}
