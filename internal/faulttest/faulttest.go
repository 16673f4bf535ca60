// Package faulttest is what tests of errors share.
package faulttest

import (
	"errors"
	"testing"

	"github.com/sottokit/sotto/fault"
)

// Want fails the test when err does not wrap the code.
func Want(t testing.TB, err error, want fault.Code) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error is %v, want %s", err, want.Name())
	}
}

// FromInput fails the test when an error that hostile input caused carries no code, or one that blames the caller.
func FromInput(t testing.TB, err error) {
	t.Helper()
	if err != nil && (fault.Of(err) == 0 || fault.Of(err) == fault.Misuse) {
		t.Errorf("error %v has code %d", err, fault.Of(err))
	}
}
