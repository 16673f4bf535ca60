package ecdh_test

import (
	"bytes"
	stdecdh "crypto/ecdh"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/ratio"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var wantFault = faulttest.Want

func private(t testing.TB, b []byte) *ecdh.PrivateKey {
	t.Helper()
	k, err := ecdh.NewPrivateKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func agreed(t testing.TB, k *ecdh.PrivateKey, p *ecdh.PublicKey) []byte {
	t.Helper()
	s, err := k.Agree(p)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.ExportSecret()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// RFC 7748 §6.1.
func TestAgreeGivesThePublishedSecret(t *testing.T) {
	alice := private(t, unhex(t, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
	bob := private(t, unhex(t, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
	if got := alice.Public().String(); got != "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a" {
		t.Errorf("Alice's public key is %s", got)
	}
	if got := bob.Public().String(); got != "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f" {
		t.Errorf("Bob's public key is %s", got)
	}
	const want = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
	for _, got := range [][]byte{agreed(t, alice, bob.Public()), agreed(t, bob, alice.Public())} {
		if hex.EncodeToString(got) != want {
			t.Errorf("shared secret is %x", got)
		}
	}
}

// The engine is chosen per architecture; the standard library is the judge on all of them.
func TestEngineAgreesWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		scalar := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "scalar")
		point := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "point")
		checkAgainstStandard(t, scalar, point)
	})
}

func checkAgainstStandard(t *testing.T, scalar, point []byte) {
	t.Helper()
	k := private(t, scalar)
	std, err := stdecdh.X25519().NewPrivateKey(scalar)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(k.Public().Bytes(), std.PublicKey().Bytes()) {
		t.Fatalf("public key of %x differs", scalar)
	}
	peer, err := stdecdh.X25519().NewPublicKey(point)
	if err != nil {
		t.Fatal(err)
	}
	want, stdErr := std.ECDH(peer)
	p, err := ecdh.NewPublicKey(point)
	if (err != nil) != (stdErr != nil) {
		t.Fatalf("point %x: %v, the standard library says %v", point, err, stdErr)
	}
	if err == nil && !bytes.Equal(agreed(t, k, p), want) {
		t.Fatalf("secret of %x and %x differs", scalar, point)
	}
}

// The seven u-coordinates of low order, each with the ignored top bit clear and set (RFC 7748 §6.1).
func TestLowOrderPointsAreRefused(t *testing.T) {
	for _, s := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		b := unhex(t, s)
		for _, top := range []byte{0, 0x80} {
			b[31] = b[31]&0x7f | top
			_, err := ecdh.NewPublicKey(b)
			wantFault(t, err, fault.Malformed)
		}
	}
}

// The zero value is a point of low order that no constructor saw: the agreement itself refuses it.
func TestAllZeroSecretIsRefused(t *testing.T) {
	_, err := ecdh.Generate().Agree(new(ecdh.PublicKey))
	wantFault(t, err, fault.Malformed)
	_, err = ecdh.Generate().Agree(nil)
	wantFault(t, err, fault.Misuse)
}

func TestLengthsAreChecked(t *testing.T) {
	for _, n := range []int{0, 31, 33, 64} {
		_, err := ecdh.NewPrivateKey(make([]byte, n))
		wantFault(t, err, fault.Malformed)
		_, err = ecdh.NewPublicKey(bytes.Repeat([]byte{9}, n))
		wantFault(t, err, fault.Malformed)
	}
}

func TestKeysAreCopied(t *testing.T) {
	b := bytes.Repeat([]byte{7}, 32)
	k := private(t, b)
	before := k.Public().Bytes()
	clear(b)
	out := k.Public().Bytes()
	out[0] ^= 1
	if !bytes.Equal(k.Public().Bytes(), before) {
		t.Error("the key follows the caller's bytes")
	}
	secret, err := k.ExportSecret()
	if err != nil || !bytes.Equal(secret, bytes.Repeat([]byte{7}, 32)) {
		t.Errorf("ExportSecret: %v", err)
	}
}

func TestEqual(t *testing.T) {
	a, b := private(t, bytes.Repeat([]byte{7}, 32)), private(t, bytes.Repeat([]byte{7}, 32))
	c := ecdh.Generate()
	if !a.Equal(b) || a.Equal(c) || !a.Public().Equal(b.Public()) || a.Public().Equal(c.Public()) {
		t.Error("wrong comparison")
	}
}

func TestDestroyedKeysRefuse(t *testing.T) {
	k, peer := ecdh.Generate(), ecdh.Generate().Public()
	s, err := k.Agree(peer)
	if err != nil {
		t.Fatal(err)
	}
	s.Destroy()
	s.Destroy()
	_, err = s.HKDF(nil, nil, 32)
	wantFault(t, err, fault.DestroyedKey)
	_, err = s.ExportSecret()
	wantFault(t, err, fault.DestroyedKey)

	k.Destroy()
	k.Destroy()
	_, err = k.Agree(peer)
	wantFault(t, err, fault.DestroyedKey)
	_, err = k.ExportSecret()
	wantFault(t, err, fault.DestroyedKey)
	_, err = ecdh.Combined(k, peer, []byte("a"), []byte("b"))
	wantFault(t, err, fault.DestroyedKey)
	if len(k.Public().Bytes()) != 32 {
		t.Error("the public half is gone")
	}
	var zero ecdh.PrivateKey
	_, err = zero.Agree(peer)
	wantFault(t, err, fault.DestroyedKey)
	zero.Destroy()
	_, err = ecdh.Generate().Agree(zero.Public())
	wantFault(t, err, fault.Malformed)
}

func TestDestroyRacesWithAgree(t *testing.T) {
	peer := ecdh.Generate().Public()
	for range 50 {
		k := ecdh.Generate()
		want := agreed(t, k, peer)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				s, err := k.Agree(peer)
				if err != nil {
					wantFault(t, err, fault.DestroyedKey)
					return
				}
				if got, err := s.ExportSecret(); err != nil || !bytes.Equal(got, want) {
					t.Errorf("another secret while the key is destroyed: %v", err)
				}
			})
		}
		wg.Go(k.Destroy)
		wg.Wait()
	}
}

func TestHKDFBounds(t *testing.T) {
	s, err := ecdh.Generate().Agree(ecdh.Generate().Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{-1, 0, 8161} {
		_, err := s.HKDF(nil, nil, n)
		wantFault(t, err, fault.Misuse)
	}
	if b, err := s.HKDF(nil, nil, 8160); err != nil || len(b) != 8160 {
		t.Errorf("8160 bytes: %d, %v", len(b), err)
	}
}

// The value of two fixed keys, worked out with another implementation of HKDF and CBOR (docs/spec/keys.md).
func TestCombinedHasOneValue(t *testing.T) {
	alice, bob := private(t, bytes.Repeat([]byte{1}, 32)), private(t, bytes.Repeat([]byte{2}, 32))
	a, err := ecdh.Combined(alice, bob.Public(), []byte("alice"), []byte("bob"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.ExportSecret()
	if err != nil {
		t.Fatal(err)
	}
	if want := combinedValue; hex.EncodeToString(got) != want {
		t.Errorf("got %x, want %s", got, want)
	}
}

const combinedValue = "ec5aa80c5da5a978bf6388e8c46cbbb18409d09b414707afa9118d55ffe1709e"

func TestCombinedIsBoundToNamesAndKeys(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		alice, bob := ecdh.Generate(), ecdh.Generate()
		name := rapid.SliceOfN(rapid.Byte(), 1, 40)
		an, bn := name.Draw(rt, "alice"), name.Draw(rt, "bob")
		combined := func(me *ecdh.PrivateKey, peer *ecdh.PublicKey, myName, peerName []byte) string {
			s, err := ecdh.Combined(me, peer, myName, peerName)
			if err != nil {
				rt.Fatal(err)
			}
			b, err := s.ExportSecret()
			if err != nil {
				rt.Fatal(err)
			}
			return string(b)
		}
		want := combined(alice, bob.Public(), an, bn)
		if combined(bob, alice.Public(), bn, an) != want {
			rt.Fatal("the two sides differ")
		}
		if combined(alice, ecdh.Generate().Public(), an, bn) == want || combined(alice, bob.Public(), an, append(bn, 0)) == want {
			rt.Fatal("another key or name gives the same secret")
		}
		if !bytes.Equal(an, bn) && combined(alice, bob.Public(), bn, an) == want {
			rt.Fatal("swapped names give the same secret")
		}
	})
}

func TestCombinedRefuses(t *testing.T) {
	me, peer := ecdh.Generate(), ecdh.Generate().Public()
	long := make([]byte, ecdh.MaxName+1)
	for _, names := range [][2][]byte{{nil, []byte("b")}, {[]byte("a"), {}}, {long, []byte("b")}} {
		_, err := ecdh.Combined(me, peer, names[0], names[1])
		wantFault(t, err, fault.Misuse)
	}
	_, err := ecdh.Combined(me, me.Public(), []byte("a"), []byte("a"))
	wantFault(t, err, fault.Misuse)
	_, err = ecdh.Combined(nil, peer, []byte("a"), []byte("b"))
	wantFault(t, err, fault.Misuse)
}

func TestNothingPrintsASecret(t *testing.T) {
	b := bytes.Repeat([]byte("hush"), 8)
	k := private(t, b)
	s, err := k.Agree(ecdh.Generate().Public())
	if err != nil {
		t.Fatal(err)
	}
	shared, err := s.ExportSecret()
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		out := fmt.Sprintf(verb+" "+verb, k, s)
		for _, leak := range []string{"hush", hex.EncodeToString(b), hex.EncodeToString(shared), fmt.Sprint(shared[:4])[1:8]} {
			if strings.Contains(out, leak) {
				t.Errorf("%s prints a secret: %s", verb, out)
			}
		}
	}
}

func FuzzAgree(f *testing.F) {
	f.Add(make([]byte, 32), make([]byte, 32))
	f.Add(bytes.Repeat([]byte{1}, 32), append([]byte{9}, make([]byte, 31)...))
	f.Fuzz(func(t *testing.T, scalar, point []byte) {
		if len(scalar) != 32 || len(point) != 32 {
			if _, err := ecdh.NewPublicKey(point); err == nil && len(point) != 32 {
				t.Error("accepted a key of another length")
			}
			return
		}
		checkAgainstStandard(t, scalar, point)
	})
}

// BenchmarkAgree and BenchmarkGenerate run in turns with crypto/ecdh: x-bare says why the engine is what it is here.
func BenchmarkAgree(b *testing.B) {
	k, peer := ecdh.Generate(), ecdh.Generate().Public()
	std, err := stdecdh.X25519().GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	stdPeer, err := stdecdh.X25519().NewPublicKey(peer.Bytes())
	if err != nil {
		b.Fatal(err)
	}
	ratio.Run(b, func() {
		if _, err := k.Agree(peer); err != nil {
			b.Fatal(err)
		}
	}, func() {
		if _, err := std.ECDH(stdPeer); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkGenerate(b *testing.B) {
	ratio.Run(b, func() { ecdh.Generate() }, func() {
		k, err := stdecdh.X25519().GenerateKey(nil)
		if err != nil {
			b.Fatal(err)
		}
		k.PublicKey()
	})
}

func TestNilKeysAreDestroyedOnes(t *testing.T) {
	var k *ecdh.PrivateKey
	var h *ecdh.HybridPrivateKey
	_, err := k.ExportSecret()
	wantFault(t, err, fault.DestroyedKey)
	_, err = k.Agree(ecdh.Generate().Public())
	wantFault(t, err, fault.DestroyedKey)
	_, err = h.ExportSecret()
	wantFault(t, err, fault.DestroyedKey)
	if k.Equal(k) || h.Equal(h) || k.Equal(ecdh.Generate()) || h.Equal(ecdh.GenerateHybrid()) || ecdh.Generate().Equal(nil) {
		t.Error("a destroyed key equals something")
	}
	_, err = ecdh.Generate().Agree(k.Public())
	wantFault(t, err, fault.Malformed)
	if _, err = ecdh.NewHybridPublicKey(h.Public().Bytes()); err == nil {
		t.Error("the public half of no key is one")
	}
	k.Destroy()
	h.Destroy()
}
