package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sottokit/sotto/internal/conformance"
)

// hkdfVectors is RFC 5869 appendix A.1 in the form of a vector file.
const hkdfVectors = `{"tests": [{
	"hash": "SHA-256", "L": 42,
	"ikm": "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
	"salt": "000102030405060708090a0b0c", "info": "f0f1f2f3f4f5f6f7f8f9",
	"prk": "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
	"okm": "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
}]}`

func dirOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestConformanceClosesWithTheCountsAndExitsByThem(t *testing.T) {
	broken := strings.Replace(hkdfVectors, "3cb2", "3cb3", 1)
	for name, c := range map[string]struct {
		files   map[string]string
		code    int
		closing string
	}{
		"all pass":       {map[string]string{"rfc5869-hkdf.json": hkdfVectors}, 0, "1 passed, 0 failed"},
		"one fails":      {map[string]string{"rfc5869-hkdf.json": broken}, 1, "0 passed, 1 failed"},
		"no driver only": {map[string]string{"unheard-of.json": "{}"}, 1, "0 passed, 0 failed, 1 skipped"},
		"pass, no driver": {
			map[string]string{"rfc5869-hkdf.json": hkdfVectors, "unheard-of.json": "{}"}, 0, "1 passed, 0 failed, 1 skipped",
		},
		"known, no cases": {map[string]string{"rfc5869-hkdf.json": "{}"}, 1, "0 passed, 1 failed"},
		"known, not JSON": {map[string]string{"rfc5869-hkdf.json": "{"}, 1, "0 passed, 1 failed"},
		"empty directory": {nil, 1, "0 passed, 0 failed"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := dirOf(t, c.files)
			code, stdout, stderr := runSotto(t, nil, "conformance", dir)
			lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
			if code != c.code || lines[len(lines)-1] != c.closing || stderr != "" {
				t.Errorf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
			}
			for file := range c.files {
				if !strings.Contains(stdout, filepath.Join(dir, file)+" (") {
					t.Errorf("no line for %s in:\n%s", file, stdout)
				}
			}
		})
	}
}

func TestConformanceShowsWhyACaseFailed(t *testing.T) {
	dir := dirOf(t, map[string]string{"rfc5869-hkdf.json": strings.Replace(hkdfVectors, "3cb2", "3cb3", 1)})
	_, stdout, _ := runSotto(t, nil, "conformance", dir)
	if !strings.Contains(stdout, "\n    ") || !strings.Contains(stdout, "OKM") {
		t.Errorf("no indented note in:\n%s", stdout)
	}
}

func TestConformanceSaysWhyCasesAreSkipped(t *testing.T) {
	head, test, _ := strings.Cut(strings.TrimSuffix(hkdfVectors, "]}"), "[")
	sha1 := strings.Replace(test, "SHA-256", "SHA-1", 1)
	vectors := head + "[" + strings.Join([]string{test, sha1, sha1}, ", ") + "]}"
	dir := dirOf(t, map[string]string{"rfc5869-hkdf.json": vectors, "unheard-of.json": "{}"})
	code, stdout, _ := runSotto(t, nil, "conformance", dir)
	if code != 0 || strings.Count(stdout, "\n    ") != 1 || !strings.Contains(stdout, "\n    2 skipped: SHA-1 is not") {
		t.Errorf("exit code %d, want one reason with its count in:\n%s", code, stdout)
	}
}

func TestReasonsAreSortedAndBounded(t *testing.T) {
	for reasons, last := range map[int]string{
		maxReasons:     "    1 skipped: reason 08\n",
		maxReasons + 1: "    … and for 1 other reason\n",
		maxReasons + 2: "    … and for 2 other reasons\n",
	} {
		cases := []conformance.Case{{Status: conformance.Passed, Note: "a remark"}}
		for i := reasons; i > 0; i-- {
			cases = append(cases, conformance.Case{Status: conformance.Skipped, Note: fmt.Sprintf("reason %02d", i)})
		}
		cases = append(cases, conformance.Case{Status: conformance.Skipped, Note: "reason 02"})
		var out bytes.Buffer
		printSkips(&out, cases)
		const first = "    2 skipped: reason 02\n    1 skipped: reason 01\n    1 skipped: reason 03\n"
		if got := out.String(); !strings.HasPrefix(got, first) || !strings.HasSuffix(got, last) {
			t.Errorf("%d reasons:\n%s", reasons, got)
		}
	}
}

func TestConformanceJSONIsOneDocumentAlone(t *testing.T) {
	dir := dirOf(t, map[string]string{"rfc5869-hkdf.json": hkdfVectors, "unheard-of.json": "{}"})
	for _, flag := range []string{"-json", "--json"} {
		code, stdout, stderr := runSotto(t, nil, "conformance", flag, dir)
		if code != 0 || stderr != "1 passed, 0 failed, 1 skipped\n" {
			t.Errorf("%s: exit code %d, stderr %q", flag, code, stderr)
		}
		var files []jsonFile
		if err := json.Unmarshal([]byte(stdout), &files); err != nil {
			t.Fatalf("%s: %v in:\n%s", flag, err, stdout)
		}
		if len(files) != 2 || files[0].Cases[0].Status != "passed" || files[1].Cases[0].Status != "skipped" {
			t.Errorf("%s: %+v", flag, files)
		}
	}
}

func TestConformanceNamesAPathThatCannotBeRead(t *testing.T) {
	code, stdout, stderr := runSotto(t, nil, "conformance", filepath.Join(t.TempDir(), "none"))
	if code != 1 || stdout != "" || !strings.Contains(stderr, "none") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}
