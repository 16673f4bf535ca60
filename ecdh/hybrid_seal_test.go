package ecdh_test

import (
	"bytes"
	"slices"
	"sync"
	"testing"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
)

func TestHybridOpensWhatIsSealed(t *testing.T) {
	k := ecdh.GenerateHybrid()
	read, err := ecdh.NewHybridPublicKey(k.Public().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, 32, 5000} {
		text := bytes.Repeat([]byte{byte(size)}, size)
		for _, public := range []*ecdh.HybridPublicKey{k.Public(), read} {
			encapsulated, ciphertext, err := public.Seal([]byte("info"), []byte("aad"), text)
			if err != nil || len(encapsulated) != ecdh.EncapsulatedSize || len(ciphertext) != size+16 {
				t.Fatalf("%d bytes, %d for %d: %v", len(encapsulated), len(ciphertext), size, err)
			}
			got, err := k.Open(encapsulated, []byte("info"), []byte("aad"), ciphertext)
			if err != nil || !bytes.Equal(got, text) {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
	}
	if ecdh.EncapsulatedSize != 1120 {
		t.Errorf("an encapsulated key has %d bytes", ecdh.EncapsulatedSize)
	}
}

func TestHybridSealsAnewEachTime(t *testing.T) {
	public := ecdh.GenerateHybrid().Public()
	seen := map[string]bool{}
	for range 10 {
		encapsulated, ciphertext, err := public.Seal(nil, nil, make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		seen[string(encapsulated[:1088])], seen[string(encapsulated[1088:])], seen[string(ciphertext)] = true, true, true
	}
	if len(seen) != 30 {
		t.Errorf("%d of 30 values differ", len(seen))
	}
}

func TestHybridOpensNothingElse(t *testing.T) {
	k := ecdh.GenerateHybrid()
	info, aad := []byte("info"), []byte("aad")
	encapsulated, ciphertext, err := k.Public().Seal(info, aad, []byte("hush"))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, want fault.Code, k *ecdh.HybridPrivateKey, encapsulated, info, aad, ciphertext []byte) {
		t.Helper()
		got, err := k.Open(encapsulated, info, aad, ciphertext)
		if fault.Of(err) != want || got != nil {
			t.Errorf("%s: %q, %v, want %s", what, got, err, want.Name())
		}
	}
	refused("another key", fault.Damaged, ecdh.GenerateHybrid(), encapsulated, info, aad, ciphertext)
	refused("another info", fault.Damaged, k, encapsulated, aad, aad, ciphertext)
	refused("another aad", fault.Damaged, k, encapsulated, info, info, ciphertext)
	refused("no ciphertext", fault.Damaged, k, encapsulated, info, aad, nil)
	refused("a ciphertext shorter than its tag", fault.Damaged, k, encapsulated, info, aad, ciphertext[:15])
	for i := range ciphertext {
		b := bytes.Clone(ciphertext)
		b[i] ^= 1
		refused("ciphertext", fault.Damaged, k, encapsulated, info, aad, b)
	}
	for i := range encapsulated { // each bit of the X25519 half, too: X-Wing hashes what it ignores
		for bit := range 8 {
			if i < 1088 && bit != i%8 {
				continue
			}
			b := bytes.Clone(encapsulated)
			b[i] ^= 1 << bit
			refused("encapsulated key", fault.Damaged, k, b, info, aad, ciphertext)
		}
	}
	for _, n := range []int{0, 32, 1088, 1119} {
		refused("a cut encapsulated key", fault.Malformed, k, encapsulated[:n], info, aad, ciphertext)
	}
	refused("a longer encapsulated key", fault.Malformed, k, append(slices.Clone(encapsulated), 0), info, aad, ciphertext)
	for _, point := range lowOrder(t) {
		b := append(bytes.Clone(encapsulated[:1088]), point...)
		refused("an encapsulated key of low order", fault.Malformed, k, b, info, aad, ciphertext)
	}
	k.Destroy()
	for _, k := range []*ecdh.HybridPrivateKey{k, {}, nil} {
		refused("no key", fault.DestroyedKey, k, encapsulated, info, aad, ciphertext)
	}
}

func TestHybridPublicKeyThatIsNoneSealsNothing(t *testing.T) {
	for _, p := range []*ecdh.HybridPublicKey{nil, {}, (*ecdh.HybridPrivateKey)(nil).Public()} {
		encapsulated, ciphertext, err := p.Seal(nil, nil, nil)
		wantFault(t, err, fault.Misuse)
		if encapsulated != nil || ciphertext != nil {
			t.Error("something beside the error")
		}
	}
}

func TestHybridKeyMayBeUsedByMany(t *testing.T) {
	k := ecdh.GenerateHybrid()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			encapsulated, ciphertext, err := k.Public().Seal(nil, nil, []byte("hush"))
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := k.Open(encapsulated, nil, nil, ciphertext); string(got) != "hush" {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func FuzzHybridOpen(f *testing.F) {
	k := hybrid(f, bytes.Repeat([]byte{7}, ecdh.Size))
	encapsulated, ciphertext, err := k.Public().Seal(nil, nil, []byte("hush"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encapsulated, ciphertext)
	f.Fuzz(func(t *testing.T, encapsulated, ciphertext []byte) {
		got, err := k.Open(encapsulated, nil, nil, ciphertext)
		if code := fault.Of(err); err != nil && (code != fault.Malformed && code != fault.Damaged || got != nil) {
			t.Errorf("opened to %d bytes: %v", len(got), err)
		}
		if err == nil && len(got) != len(ciphertext)-16 {
			t.Errorf("opened to %d bytes of %d", len(got), len(ciphertext))
		}
	})
}

// BenchmarkHybrid has X25519 beside it in BenchmarkAgree.
func BenchmarkHybrid(b *testing.B) {
	k := ecdh.GenerateHybrid()
	encapsulated, ciphertext, err := k.Public().Seal(nil, nil, make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := k.Public().Seal(nil, nil, ciphertext[:32]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := k.Open(encapsulated, nil, nil, ciphertext); err != nil {
				b.Fatal(err)
			}
		}
	})
}
