package cose_test

import (
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/internal/faulttest"
)

func generate(t testing.TB, a cose.Algorithm) *cose.Key {
	t.Helper()
	k, err := cose.GenerateKey(a)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var wantFault = faulttest.Want
