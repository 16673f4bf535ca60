package fault_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/sottokit/sotto/fault"
)

var update = flag.Bool("update", false, "write docs/errors.md instead of comparing it")

func TestOfFindsACodeThroughEveryLayer(t *testing.T) {
	err := fmt.Errorf("kek: wrapped key: %w", fmt.Errorf("cose: ciphertext: %w", fault.Damaged))
	if !errors.Is(err, fault.Damaged) || fault.Of(err) != fault.Damaged {
		t.Errorf("%v: not found as Damaged", err)
	}
	if errors.Is(err, fault.WrongSecret) {
		t.Error("Damaged counts as WrongSecret")
	}
	if got := fault.Of(errors.New("foreign")); got != 0 {
		t.Errorf("a foreign error has code %d, want 0", got)
	}
	if got := fault.Of(nil); got != 0 {
		t.Errorf("nil has code %d, want 0", got)
	}
}

func TestEveryCodeIsDescribedOnce(t *testing.T) {
	names, texts := map[string]bool{}, map[string]bool{}
	for _, c := range fault.Codes() {
		if c.Name() == "" || c.Error() == "" || c.Action() == "" {
			t.Errorf("code %d lacks a name, text or action", c)
		}
		if names[c.Name()] || texts[c.Error()] {
			t.Errorf("code %d shares its name or text with another", c)
		}
		names[c.Name()], texts[c.Error()] = true, true
	}
	for _, c := range []fault.Code{-1, 0, fault.SenderReset + 1} {
		if c.Name() != "unknown" {
			t.Errorf("number %d, which is no code, has the name %q", c, c.Name())
		}
	}
}

// The numbers cross language borders and are stored in bug reports: moving one is a breaking change.
func TestNumbersNeverMove(t *testing.T) {
	for want, c := range map[int32]fault.Code{
		1: fault.WrongSecret, 2: fault.Damaged, 3: fault.UnsupportedVersion, 4: fault.NotForThisDevice,
		5: fault.UnknownSession, 6: fault.Replayed, 7: fault.TooFarAhead, 8: fault.Expired, 9: fault.UntrustedSigner,
		10: fault.IdentityChanged, 11: fault.RevokedDevice, 12: fault.LogFork, 13: fault.Rollback, 14: fault.OverLimit,
		15: fault.DestroyedKey, 16: fault.StoreFailed, 17: fault.StoreConflict, 18: fault.Canceled,
		19: fault.Malformed, 20: fault.Misuse, 21: fault.SenderReset,
	} {
		if int32(c) != want {
			t.Errorf("%s is number %d, want %d", c.Name(), c, want)
		}
	}
	if n := len(fault.Codes()); n != 21 {
		t.Errorf("%d codes, want 21: extend this test with the new ones", n)
	}
}

func TestErrorTableIsCurrent(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# Errors\n\nEvery error of sotto wraps one of these codes; `fault.Of(err)` finds it, `errors.Is` compares it.\n")
	b.WriteString("Numbers and names are stable. This page is generated from `fault` by `go test ./fault -update`.\n\n")
	b.WriteString("| number | name | meaning | retryable | what the app should do |\n|---|---|---|---|---|\n")
	for _, c := range fault.Codes() {
		retry := "no"
		if c.Retryable() {
			retry = "yes"
		}
		fmt.Fprintf(&b, "| %d | `%s` | %s | %s | %s |\n", int32(c), c.Name(), c.Error(), retry, c.Action())
	}
	const path = "../docs/errors.md"
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, b.Bytes()) {
		t.Error("docs/errors.md is stale: run go test ./fault -update")
	}
}
