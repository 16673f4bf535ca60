package conformance

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// run runs paths and fails the test when one cannot be read.
func run(t *testing.T, paths ...string) []File {
	t.Helper()
	files, err := Run(context.Background(), paths, Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// runBytes runs content as the file of the given base name.
func runBytes(base string, content []byte) []Case {
	s := suite{ctx: context.Background()}
	s.run(base, content)
	return s.cases
}

// outcomes counts the cases of a file.
type outcomes struct{ passed, failed, skipped int }

func count(cases []Case) (o outcomes) {
	o.passed, o.failed, o.skipped = File{Cases: cases}.Counts()
	return o
}

// noFailures reports every failed case.
func noFailures(t *testing.T, f File) {
	t.Helper()
	for _, c := range f.Cases {
		if c.Status == Failed {
			t.Errorf("%s: %s: %s", f.Path, c.Name, c.Note)
		}
	}
}

// suites returns the folder of a published suite that is too large to stand here. README says where a user gets them. Who
// names a folder of suites wants them run: one that is not there is a failure.
func suites(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("SOTTO_SUITES")
	if root == "" {
		const why = "SOTTO_SUITES is not set: it names the folder of the published test suites"
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("SOTTO_SUITES: %v", err)
	}
	return path
}

// read returns a decoded file.
func read(t *testing.T, path string) any {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
