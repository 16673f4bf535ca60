package secret_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/secret"
)

func TestDestroyWipesAndIsIdempotent(t *testing.T) {
	b := bytes.Repeat([]byte{0x5e}, 32)
	s := secret.Own(b)
	s.Destroy()
	s.Destroy()
	if !bytes.Equal(b, make([]byte, 32)) {
		t.Error("the bytes are still there")
	}
	if _, err := s.Export(); !errors.Is(err, fault.DestroyedKey) {
		t.Errorf("Export after Destroy: %v", err)
	}
	if err := s.Use(func([]byte) error { t.Error("used"); return nil }); !errors.Is(err, fault.DestroyedKey) {
		t.Errorf("Use after Destroy: %v", err)
	}
}

func TestZeroValueAndNilAreDestroyed(t *testing.T) {
	for _, s := range []*secret.Bytes{nil, {}} {
		if _, err := s.Export(); !errors.Is(err, fault.DestroyedKey) {
			t.Errorf("Export: %v", err)
		}
		s.Destroy()
	}
}

func TestEqual(t *testing.T) {
	a, b, c, d := secret.Own([]byte{1}), secret.Own([]byte{1}), secret.Own([]byte{2}), secret.Own([]byte{1, 1})
	if !a.Equal(b) || !a.Equal(a) || a.Equal(c) || a.Equal(d) {
		t.Error("wrong comparison")
	}
	b.Destroy()
	if a.Equal(b) || b.Equal(a) || b.Equal(b) {
		t.Error("a destroyed secret equals something")
	}
}

// A use that races with Destroy sees the whole secret or none of it, never zeros.
func TestDestroyNeverShowsZerosToAUse(t *testing.T) {
	want := bytes.Repeat([]byte{0xab}, 64)
	for range 200 {
		s := secret.Own(bytes.Clone(want))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				err := s.Use(func(b []byte) error {
					if !bytes.Equal(b, want) {
						t.Error("a use saw a wiped secret")
					}
					return nil
				})
				if err != nil && !errors.Is(err, fault.DestroyedKey) {
					t.Error(err)
				}
			})
		}
		wg.Go(s.Destroy)
		wg.Wait()
	}
}

// A struct that holds a secret has no methods in the way, and under a verb that does not fit fmt follows pointers.
func TestNoVerbReachesIntoAStruct(t *testing.T) {
	s := secret.Own([]byte("hush hush hush!!"))
	type byPointer struct{ s *secret.Bytes }
	type inside struct{ p byPointer }
	for _, v := range []any{s, byPointer{s}, &byPointer{s}, inside{byPointer{s}}, []*secret.Bytes{s}, map[string]*secret.Bytes{"k": s}} {
		for verb := 'A'; verb <= 'z'; verb++ {
			for _, flag := range []string{"", "+", "#"} {
				out := fmt.Sprintf("%"+flag+string(verb), v)
				if strings.Contains(out, "hush") || strings.Contains(out, "104 117") || strings.Contains(out, "0x68, 0x75") ||
					strings.Contains(strings.ToLower(out), "68757368") {
					t.Fatalf("%%%s%c of %T: %s", flag, verb, v, out)
				}
			}
		}
	}
}

type key struct {
	redacted
	secret []byte
}

type redacted = secret.Redacted

func TestNothingPrintsASecret(t *testing.T) {
	k := &key{secret.Redact("test.Key", []byte{1, 2}), []byte("hush hush hush!!")}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "k", k, "v", *k)
	slog.New(slog.NewTextHandler(&log, nil)).Info("key", "k", k)
	asJSON, err := json.Marshal(map[string]any{"k": k, "v": *k})
	if err != nil {
		t.Fatal(err)
	}
	outputs := []string{log.String(), string(asJSON), k.String(), k.GoString(), slog.AnyValue(slog.LogValuer(k)).Resolve().String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		outputs = append(outputs, fmt.Sprintf(verb, k), fmt.Sprintf(verb, *k), fmt.Sprintf(verb, []*key{k})[1:])
	}
	for _, out := range outputs {
		for _, leak := range []string{"hush", hex.EncodeToString([]byte("hush")), "104 117 115 104", "aHVzaC"} {
			if strings.Contains(out, leak) {
				t.Errorf("secret in %q", out)
			}
		}
		if !strings.Contains(out, "test.Key(0102)") {
			t.Errorf("kind and id missing in %q", out)
		}
	}
	if got := (key{}).String(); got != "destroyed key" {
		t.Errorf("zero value prints %q", got)
	}
}
