package cose

import (
	"errors"
	"testing"

	"github.com/sottokit/sotto/fault"
)

// The number of messages under one key is limited because their IVs are random (NIST SP 800-38D §8.3).
func TestSealsPerKeyAreLimited(t *testing.T) {
	k, err := GenerateKey(A256GCM)
	if err != nil {
		t.Fatal(err)
	}
	SetSeals(k, MaxSeals-2)
	if _, err := k.Encrypt0(nil, nil, Context{}); err != nil {
		t.Errorf("message before the last: %v", err)
	}
	if _, err := k.WrapKey(k, nil); err != nil {
		t.Errorf("last message, a wrapped key: %v", err)
	}
	for range 3 {
		if _, err := k.Encrypt0(nil, nil, Context{}); !errors.Is(err, fault.OverLimit) {
			t.Errorf("message over the limit: %v", err)
		}
		if _, err := k.WrapKey(k, nil); !errors.Is(err, fault.OverLimit) {
			t.Errorf("wrapped key over the limit: %v", err)
		}
	}
	if got := k.seals.Load(); got != MaxSeals {
		t.Errorf("the counter went on to %d", got)
	}
}
