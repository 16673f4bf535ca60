package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/dek"
	"github.com/sottokit/sotto/fault"
)

// inEmptyTemp points the demo at a temporary directory of its own, which must be empty again at the end.
func inEmptyTemp(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP"} { // Unix, Windows
		t.Setenv(name, dir)
	}
	t.Cleanup(func() {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}

func TestDemoRunsEveryStepAndPrintsNoSecret(t *testing.T) {
	inEmptyTemp(t)
	code, stdout, stderr := runSotto(t, nil, "demo")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
	for _, a := range acts {
		for _, s := range a.steps {
			if strings.Count(stdout, "\n  "+s.name+"  ") != 1 {
				t.Errorf("%q is not on a line of its own", s.name)
			}
			if len(s.name) > 46 {
				t.Errorf("%q is wider than its column", s.name)
			}
		}
	}
	for _, refused := range []fault.Code{
		fault.WrongSecret, fault.Damaged, fault.UntrustedSigner, fault.Malformed, fault.OverLimit, fault.Misuse,
		fault.IdentityChanged, fault.RevokedDevice, fault.Rollback, fault.LogFork, fault.NotForThisDevice, fault.UnknownSession,
		fault.Replayed, fault.Expired,
	} {
		if !strings.Contains(stdout, "refused: "+refused.Name()) {
			t.Errorf("nothing was refused as %s", refused.Name())
		}
	}
	for _, s := range [][]byte{
		password, newPassword, message, nextMessage, firstText, secondText, answerText, manyText, laptopText, thiefText, lateText,
		cutText, weekText, lastText, helloText, lakeText, secretText, outText, welcomeText, backText, missedText, laterText,
		beforeText, allText, findersText, recoveredText,
	} {
		if strings.Contains(stdout, string(s)) || strings.Contains(stdout, fmt.Sprintf("%x", s[:4])) {
			t.Errorf("%q was printed", s)
		}
	}
	if recoveryKeyForm.MatchString(stdout) {
		t.Error("the recovery key was printed")
	}
}

// What Bob tries in vain is the right thing to try: with Alice's keys it works.
func TestBobTriesWhatWorksWithTheRightKeys(t *testing.T) {
	s, err := newScene(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range acts {
		for _, st := range a.steps {
			if _, err := st.run(t.Context(), s); err != nil {
				t.Fatalf("%s: %v", st.name, err)
			}
		}
	}
	right, err := asKeys(s.master, s.channel, s.nextContent)
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]*cose.Key{nextKEKFile: right[0], movedDEKFile: right[1], nextDEKFile: right[1]} {
		wrapped, err := s.load(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.UnwrapKey(wrapped, newWraps[name]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	sealed, err := s.load(nextMessageFile)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := right[2].Decrypt0(nil, sealed, sealedContext(nextMessageAAD)); string(got) != string(nextMessage) {
		t.Errorf("the new message: %q, %v", got, err)
	}
}

func TestDemoTakesFilesUpToTheLimit(t *testing.T) {
	for name, size := range map[string]int64{"empty": 0, "one byte": 1, "largest": dek.MaxSeal} {
		t.Run(name, func(t *testing.T) {
			inEmptyTemp(t)
			code, stdout, stderr := runSotto(t, nil, "demo", "-file", fileOf(t, size))
			if code != 0 || !strings.Contains(stdout, fmt.Sprintf(" -> %d bytes, equal", size)) {
				t.Errorf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
			}
		})
	}
}

func TestDemoRefusesWhatIsNoFileToSeal(t *testing.T) {
	for name, c := range map[string]struct{ path, want string }{
		"too large": {fileOf(t, dek.MaxSeal+1), "more than 16777216 bytes"},
		"directory": {t.TempDir(), "not a regular file"},
		"missing":   {filepath.Join(t.TempDir(), "none"), "none"},
	} {
		t.Run(name, func(t *testing.T) {
			inEmptyTemp(t)
			code, stdout, stderr := runSotto(t, nil, "demo", "--file", c.path)
			if code != 1 || stdout != "" || !strings.Contains(stderr, c.want) || !strings.HasPrefix(stderr, "sotto: ") {
				t.Errorf("exit code %d, stderr %q, stdout %q", code, stderr, stdout)
			}
		})
	}
}

// fileOf makes a file of the given size.
func fileOf(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plain")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAttackThatSucceedsOrFailsForAnotherReasonIsADeviation(t *testing.T) {
	for _, result := range []error{nil, fault.Malformed, errors.New("of no kind")} {
		s := attack("any", fault.Damaged, func(context.Context, *scene) error { return result })
		if note, err := s.run(t.Context(), nil); err == nil {
			t.Errorf("%v counts as %q", result, note)
		}
	}
	s := attack("any", fault.Damaged, func(context.Context, *scene) error { return fmt.Errorf("x: %w", fault.Damaged) })
	if _, err := s.run(t.Context(), nil); err != nil {
		t.Errorf("the expected refusal: %v", err)
	}
}
