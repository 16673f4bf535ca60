package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
)

// runSotto runs the program as a shell would.
func runSotto(t testing.TB, stdin []byte, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = run(t.Context(), args, bytes.NewReader(stdin), &out, &errOut)
	return code, out.String(), errOut.String()
}

func TestWrongUsageExitsTwoWithOneLine(t *testing.T) {
	for _, args := range [][]string{
		{"bogus"}, {"--bogus"}, {"demo", "extra"}, {"demo", "--bogus"}, {"demo", "--file"}, {"conformance"}, {"inspect"},
		{"inspect", "a", "b"}, {"mk", "bogus"}, {"mk", "calibrate", "--target", "soon"},
		{"mk", "calibrate", "--target", "-1s"}, {"mk", "calibrate", "--memory", "10"},
		{"lockbox", "new"}, {"lockbox", "new", "file"}, {"lockbox", "new", "file", "--owner", strings.Repeat("a", 257)},
		{"lockbox", "new", "file", "--owner", "alice"}, // and no terminal to ask at
		{"lockbox", "new", "file", "--owner", "alice", "--secrets", "-", "--time", "0"},
		{"lockbox", "new", "file", "--owner", "alice", "--secrets", "-", "--threads", "17"},
		{"lockbox", "new", "file", "--owner", "alice", "--secrets", "-", "--memory", "8191"},
		{"lockbox", "new", "file", "--owner", "alice", "--secrets", "-", "--pbkdf2", "0"},
		{"lockbox", "new", "file", "--owner", "alice", "--secrets", "-", "--pbkdf2", "99999"},
		{"lockbox", "new", "file", "--owner", "alice", "--secrets", "-", "--pbkdf2", "100000", "--time", "2"},
		{"lockbox", "slots", "file"}, {"lockbox", "open", "file", "--password", "secret"},
		{"device", "new"}, {"device", "new", "folder"}, {"device", "new", "folder", "--user", "a\nb"},
		{"device", "new", "folder", "--user", strings.Repeat("a", 129)},
		{"device", "new", "folder", "--user", "alice"}, // and no terminal to ask at
		{"device", "new", "folder", "--user", "alice", "--memory", "1048577", "--secrets", "-"},
		{"device", "new", "folder", "--user", "alice", "--log", "log", "--recovery"},
		{"device", "add", "folder"}, {"device", "show"}, {"device", "log"},
		{"link", "bogus"}, {"link", "approve"}, {"link", "approve", "folder", "--channel", "."}, // and no choice of history
		{"link", "approve", "folder", "--channel", ".", "--history", "everything"},
		{"link", "approve", "folder", "--channel", ".", "--history", "vault="},
		{"link", "approve", "folder", "--channel", ".", "--history", "vault=" + strings.Repeat("a", 513)},
		{"link", "approve", "folder", "--history", "nothing"},
		{"link", "approve", "folder", "--history", "nothing", "--channel", ".", "--relay", "http://127.0.0.1:1"},
		{"link", "approve", "folder", "--history", "nothing", "--channel", "main.go"},
		{"link", "approve", "folder", "--history", "nothing", "--relay", "http://example.org:80"},
		{"link", "approve", "folder", "--history", "nothing", "--channel", ".", "--secrets", "-"},
		{"link", "new"}, {"link", "new", "folder", "--channel", "."}, {"link", "new", "folder", "--log", "log"},
		{"link", "new", "folder", "code", "--log", "log", "--channel", ".", "--qr", "file"},
		{"link", "new", "folder", "--log", "log", "--channel", ".", "--threads", "17"},
		{"link", "new", "folder", "--log", "log", "--channel", "."}, // and no terminal to ask at
		{"link", "relay", "--listen", ":0"}, {"link", "relay", "--listen", "0.0.0.0:0"},
		{"device", "verify", "file"}, {"device", "verify", "file", "--user", "alice", "--pin", "1:2:3"},
	} {
		code, stdout, stderr := runSotto(t, nil, args...)
		if code != 2 || stdout != "" {
			t.Errorf("%v: exit code %d, printed %q", args, code, stdout)
		}
		if !strings.HasPrefix(stderr, "sotto: ") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: stderr is %q, want one line", args, stderr)
		}
	}
}

func TestHelpExitsZero(t *testing.T) {
	for _, args := range [][]string{{}, {"--help"}, {"help", "demo"}, {"mk"}, {"conformance", "--help"}, {"lockbox"}, {"device"}, {"link"}} {
		if code, stdout, stderr := runSotto(t, nil, args...); code != 0 || stderr != "" || !strings.Contains(stdout, "Usage:") {
			t.Errorf("%v: exit code %d, stderr %q, stdout %q", args, code, stderr, stdout)
		}
	}
}

func TestErrorsCannotReachTheTerminal(t *testing.T) {
	code, _, stderr := runSotto(t, nil, "inspect", "no\x1b[31msuch\nfile")
	if code != 1 || strings.ContainsRune(stderr, '\x1b') || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

func TestCanceledContextEndsEveryLongCommand(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{{"demo"}, {"conformance", "main.go"}, {"mk", "calibrate"}} {
		var out, errOut bytes.Buffer
		if code := run(ctx, args, nil, &out, &errOut); code != 1 || !strings.Contains(errOut.String(), "cancelled") {
			t.Errorf("%v: exit code %d, stderr %q", args, code, errOut.String())
		}
	}
}

func TestLongFlagsMayHaveOneDash(t *testing.T) {
	got := longFlags([]string{"conformance", "-json", "-soak", "--json", "-h", "json", "--", "-json"})
	want := []string{"conformance", "--json", "--soak", "--json", "-h", "json", "--", "-json"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
