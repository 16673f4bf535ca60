package device

import (
	"errors"
	"testing"
	"time"

	"github.com/sottokit/sotto/fault"
)

// What is wiped is out of reach from outside, so this looks from inside: letting go of a key is not wiping it.
func TestPrivateKeysAreWipedNotDropped(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	k, err := Generate("alice", Hybrid, now)
	if err != nil {
		t.Fatal(err)
	}
	root, err := k.Found(nil, now)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Verify("alice", [][]byte{root})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Settle(l); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := k.Rotate(l, nil, now); err != nil {
			t.Fatal(err)
		}
	}
	renewed, signer := k.messaging[1], k.signer
	for n := range 8 {
		if _, err := k.Online(now.Add(time.Duration(n) * 24 * time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	wiped := func(what string, keys ...interface{ ExportSecret() ([]byte, error) }) {
		t.Helper()
		for _, key := range keys {
			if _, err := key.ExportSecret(); !errors.Is(err, fault.DestroyedKey) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	wiped("the renewed key after its time", renewed.x25519, renewed.hybrid)

	update, err := l.Update(k, Hybrid, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if l, err = l.Extend([][]byte{update}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Settle(l); err != nil {
		t.Fatal(err)
	}
	if _, err := signer.ExportSecretSeed(); !errors.Is(err, fault.DestroyedKey) {
		t.Errorf("the signer under the record that was replaced: %v", err)
	}
	// A state that outgrew its buffer would leave a copy of the secrets behind.
	if _, err := k.Rotate(l, nil, now); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Update(k, Hybrid, now.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	b, err := k.ExportSecretState()
	if err != nil || len(b) > k.stateSize() {
		t.Errorf("a state of %d bytes in a buffer of %d: %v", len(b), k.stateSize(), err)
	}
	newest := k.messaging[0]
	signer = k.signer
	k.Destroy()
	wiped("the newest key after Destroy", newest.x25519, newest.hybrid)
	if _, err := signer.ExportSecretSeed(); !errors.Is(err, fault.DestroyedKey) {
		t.Errorf("the signer after Destroy: %v", err)
	}
}
