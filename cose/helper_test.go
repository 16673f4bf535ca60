package cose_test

import (
	"errors"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
)

func generate(t testing.TB, a cose.Algorithm) *cose.Key {
	t.Helper()
	k, err := cose.GenerateKey(a)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func wantFault(t testing.TB, err error, want fault.Code) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error is %v, want %s", err, want.Name())
	}
}
