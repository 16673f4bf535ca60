package conformance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Messages of the algorithms of package cose are opened there too; a change must not make that comparison an empty one.
func TestExamplesReachPackageCOSE(t *testing.T) {
	files, err := filepath.Glob("testdata/derived/x25519-cose/*.json")
	if err != nil {
		t.Fatal(err)
	}
	reached := 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var e example
		if err := decode(b, &e); err != nil {
			t.Fatal(err)
		}
		x, err := e.structure()
		if err != nil {
			t.Fatal(err)
		}
		plaintext, err := x.open()
		if _, err := x.front(); err != notInCose {
			reached++
		}
		if err := e.sameInCose(x, plaintext, err); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := e.sameInCose(x, []byte("another text"), err); err == nil && !e.Fail && e.inCose() {
			t.Errorf("%s: another text counts as the same", name)
		}
	}
	if want := 30; reached != want { // all but the three with A128GCM
		t.Errorf("%d of %d files reach package cose, want %d", reached, len(files), want)
	}
}

// inCose reports whether the content algorithm is one of package cose.
func (e *example) inCose() bool {
	var alg string
	err := json.Unmarshal(e.Input.Enveloped.Protected["alg"], &alg)
	return err == nil && alg != "A128GCM"
}

// A message whose algorithm is not protected passes as refused, and fails if it is ever accepted.
func TestOpenAlgorithmMustBeRefused(t *testing.T) {
	// COSE_Encrypt0 with {1: 3} unprotected.
	const file = `{"title": "t", "input": {"plaintext": "", "encrypted": {"unprotected": {"alg": "A256GCM"},
		"recipients": [{"key": {"kty": "oct", "k_hex": "0000000000000000000000000000000000000000000000000000000000000000"}}]}},
		"output": {"cbor": "d08340a20103054c00000000000000000000000050530f8afbc74536b9a963b4f1c4cb738b"}}`
	cases := runBytes("t", []byte(file))
	if len(cases) != 1 || cases[0].Status != Passed || cases[0].Note != "refused on purpose: the algorithm is not protected" {
		t.Errorf("%+v", cases)
	}
	var e example
	if err := decode([]byte(file), &e); err != nil {
		t.Fatal(err)
	}
	x, err := e.structure()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.open(); err == nil {
		t.Fatal("opened")
	}
	if note, err := e.judge(accepting{x}); err == nil {
		t.Errorf("accepted: passes as %q", note)
	}
}

// accepting is a structure whose code under test accepts everything.
type accepting struct{ structure }

func (accepting) open() ([]byte, error)  { return nil, nil }
func (accepting) front() ([]byte, error) { return nil, nil }
