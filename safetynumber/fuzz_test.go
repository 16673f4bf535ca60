package safetynumber_test

import (
	"testing"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/sas"
	"github.com/sottokit/sotto/safetynumber"
)

// seedOf is fixed randomness: what the fuzzer learns about one run holds in the next.
func seedOf(t testing.TB, b byte) sas.Seed {
	t.Helper()
	scalar := make([]byte, ecdh.Size)
	scalar[0], scalar[31] = b, 0x40
	key, err := ecdh.NewPrivateKey(scalar)
	if err != nil {
		t.Fatal(err)
	}
	return sas.Seed{Transaction: sas.Transaction{7}, Key: key}
}

// FuzzSAS holds that nothing that comes in makes an attempt panic, that what is wrong ends it, and that no device is done
// whose person said nothing.
func FuzzSAS(f *testing.F) {
	first, start, err1 := safetynumber.StartSASFrom(seedOf(f, 1), alice(), bob())
	second, accept, err2 := safetynumber.AcceptSASFrom(seedOf(f, 2), bob(), alice(), start)
	if err1 != nil || err2 != nil {
		f.Fatal(err1, err2)
	}
	key, err1 := first.Receive(accept)
	reply, err2 := second.Receive(key)
	if err1 != nil || err2 != nil {
		f.Fatal(err1, err2)
	}
	f.Add(start, accept, reply)
	f.Add(start, key, reply)
	if _, err := first.Receive(reply); err != nil {
		f.Fatal(err)
	}
	confirm, err := second.Confirm()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(accept, reply, confirm)
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		devices := []*safetynumber.SAS{}
		if s, _, err := safetynumber.AcceptSASFrom(seedOf(t, 2), bob(), alice(), a); err == nil {
			devices = append(devices, s)
		} else {
			faulttest.FromInput(t, err)
		}
		s, _, err := safetynumber.StartSASFrom(seedOf(t, 1), alice(), bob())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range append(devices, s) {
			for _, m := range [][]byte{a, b, c} {
				_, err := d.Receive(m)
				ended := d.State() == safetynumber.SASAborted || d.State() == safetynumber.SASDiffer
				if faulttest.FromInput(t, err); err != nil && !ended {
					t.Errorf("state %v after %v", d.State(), err)
				}
			}
			if d.State() == safetynumber.SASDone || d.State() == safetynumber.SASConfirmed {
				t.Errorf("state %v, and nobody said a word", d.State())
			}
		}
	})
}
