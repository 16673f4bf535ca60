package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
)

var wantFault = faulttest.Want

// cheap are the lowest costs of a password.
var cheap = []string{"--time", "1", "--memory", "8192"}

// cli runs the program with given secrets, one on a line, and keeps what it printed.
type cli struct {
	testing.TB
	secrets []string
	printed strings.Builder
}

// with makes these the secrets of the next runs.
func (c *cli) with(secrets ...string) *cli {
	c.secrets = secrets
	return c
}

func (c *cli) run(args ...string) (code int, stdout, stderr string) {
	c.Helper()
	if c.secrets != nil {
		args = append(args[:len(args):len(args)], "--secrets", "-")
	}
	code, stdout, stderr = runSotto(c, []byte(strings.Join(c.secrets, "\n")), args...)
	c.printed.WriteString(stdout + stderr)
	return code, stdout, stderr
}

// ok runs what must succeed.
func (c *cli) ok(args ...string) (stdout string) {
	c.Helper()
	code, stdout, stderr := c.run(args...)
	if code != 0 || stderr != "" {
		c.Fatalf("%v: exit code %d, stderr %q", args, code, stderr)
	}
	return stdout
}

// refused runs what must fail for a reason, which is told in one line, and followed by what to do.
// 0 stands for what is told in the line itself.
func (c *cli) refused(want fault.Code, args ...string) (stderr string) {
	c.Helper()
	code, stdout, stderr := c.run(args...)
	line, action, _ := strings.Cut(stderr, "\n")
	wantAction := ""
	if want != 0 {
		wantAction = want.Action() + "\n"
	}
	if code != 1 || stdout != "" || !strings.HasPrefix(line, "sotto: ") || action != wantAction {
		c.Errorf("%v: exit code %d, stdout %q, stderr %q, want %s", args, code, stdout, stderr, want.Name())
	}
	return stderr
}

// field returns what stands behind a name in an output.
func field(t testing.TB, stdout, name string) string {
	t.Helper()
	for line := range strings.Lines(stdout) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("no %q in:\n%s", name, stdout)
	return ""
}

var recoveryKeyForm = regexp.MustCompile(`([0-9A-Z]{5}-){12}[0-9A-Z]{5}`)

// printedKey returns the one recovery key in an output.
func printedKey(t testing.TB, stdout string) string {
	t.Helper()
	keys := recoveryKeyForm.FindAllString(stdout, -1)
	if len(keys) != 1 {
		t.Fatalf("%d recovery keys in:\n%s", len(keys), stdout)
	}
	return keys[0]
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// names lists a folder.
func names(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// untouched makes sure that at its end the test has left these files as they were, and no others beside them.
func untouched(t testing.TB, paths ...string) {
	t.Helper()
	for _, path := range paths {
		before, beside := read(t, path), names(t, filepath.Dir(path))
		t.Cleanup(func() {
			if string(read(t, path)) != string(before) {
				t.Errorf("%s changed", path)
			}
			if now := names(t, filepath.Dir(path)); now != beside {
				t.Errorf("beside %s there were %s, and now %s", path, beside, now)
			}
		})
	}
}
