package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sottokit/sotto/fault"
)

func TestSecretsAreTheLinesOfAFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "secrets")
	for content, want := range map[string][]string{
		"one":              {"one"},
		"one\n":            {"one"},
		"one\ntwo":         {"one", "two"},
		"one\r\n two \r\n": {"one", " two "},
		"\ntwo":            {"", "two"},
	} {
		write(t, name, []byte(content))
		cmd := lockboxCommand()
		s, err := openSecrets(cmd, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range want {
			if got, err := s.askNew(t.Context(), "secret"); err != nil || string(got) != line {
				t.Errorf("%q: read %q, %v, want %q", content, got, err, line)
			}
		}
		_, err = s.ask(t.Context(), "secret")
		wantFault(t, err, fault.Malformed)
		s.destroy()
		if strings.Trim(string(s.file), "\x00") != "" {
			t.Errorf("%q: not wiped", content)
		}
	}
}

func TestSecretsAreBounded(t *testing.T) {
	name := filepath.Join(t.TempDir(), "secrets")
	write(t, name, make([]byte, maxSecrets))
	if _, err := openSecrets(lockboxCommand(), name); err != nil {
		t.Error(err)
	}
	write(t, name, make([]byte, maxSecrets+1))
	_, err := openSecrets(lockboxCommand(), name)
	wantFault(t, err, fault.OverLimit)
}

func TestSecretsAreNotTakenFromAFileUnasked(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "stdin"), []byte("password"))
	stdin, err := os.Open(filepath.Join(dir, "stdin"))
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	var out bytes.Buffer
	if code := run(t.Context(), owned("new", filepath.Join(dir, "box")), stdin, &out, &out); code != 2 || names(t, dir) != "stdin" {
		t.Errorf("exit code %d, printed %q", code, out.String())
	}
}
