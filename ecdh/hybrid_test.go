package ecdh_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
)

func hybrid(t testing.TB, seed []byte) *ecdh.HybridPrivateKey {
	t.Helper()
	k, err := ecdh.NewHybridPrivateKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestHybridPublicKeyFollowsFromTheSeed(t *testing.T) {
	b, err := os.ReadFile("testdata/xwing.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Keys []struct{ Seed, Public string }
	}
	if err := json.Unmarshal(b, &vectors); err != nil || len(vectors.Keys) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, v := range vectors.Keys {
		public := hybrid(t, unhex(t, v.Seed)).Public()
		if hex.EncodeToString(public.Bytes()) != v.Public {
			t.Errorf("seed %s: another public key", v.Seed)
		}
		again, err := ecdh.NewHybridPublicKey(unhex(t, v.Public))
		if err != nil || !again.Equal(public) || public.String() != v.Public[:16] {
			t.Errorf("public key read as %v: %v", again, err)
		}
	}
}

func TestHybridKeysHaveOneLength(t *testing.T) {
	for _, n := range []int{0, 31, 33, 64} {
		_, err := ecdh.NewHybridPrivateKey(make([]byte, n))
		wantFault(t, err, fault.Malformed)
	}
	good := ecdh.GenerateHybrid().Public().Bytes()
	if len(good) != ecdh.HybridPublicSize || ecdh.HybridPublicSize != 1216 {
		t.Errorf("a public key of %d bytes", len(good))
	}
	for _, b := range [][]byte{nil, good[:32], good[:1184], good[:1215], append(bytes.Clone(good), 0)} {
		_, err := ecdh.NewHybridPublicKey(b)
		wantFault(t, err, fault.Malformed)
	}
}

// lowOrder are the 14 encodings of the points of low order.
func lowOrder(t testing.TB) (points [][]byte) {
	t.Helper()
	for _, point := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		for _, top := range []byte{0, 0x80} {
			p := unhex(t, point)
			p[31] |= top
			points = append(points, p)
		}
	}
	return points
}

// Both halves are checked when the key comes in, not when it is used.
func TestHybridPublicKeyWithABadHalfIsRefused(t *testing.T) {
	good := ecdh.GenerateHybrid().Public().Bytes()
	for _, point := range lowOrder(t) {
		_, err := ecdh.NewHybridPublicKey(append(bytes.Clone(good[:1184]), point...))
		wantFault(t, err, fault.Malformed)
	}
	// A coefficient of 12 bits must be below q = 3329 (FIPS 203 §7.2): at the start, in the middle and at the end.
	for _, i := range []int{0, 3 * 100, 1149} {
		for _, c := range []int{3329, 4095} {
			bad := bytes.Clone(good)
			bad[i], bad[i+1] = byte(c), bad[i+1]&0xf0|byte(c>>8)
			_, err := ecdh.NewHybridPublicKey(bad)
			wantFault(t, err, fault.Malformed)
			bad[i], bad[i+1] = byte(c-3329), bad[i+1]&0xf0|byte((c-3329)>>8)
			if _, err := ecdh.NewHybridPublicKey(bad); err != nil {
				t.Errorf("the canonical coefficient: %v", err)
			}
		}
	}
}

func TestHybridKeyKeepsACopyAndDies(t *testing.T) {
	seed := bytes.Repeat([]byte{0x5e}, ecdh.Size)
	k := hybrid(t, seed)
	public := k.Public()
	clear(seed)
	got, err := k.ExportSecret()
	if err != nil || !bytes.Equal(got, bytes.Repeat([]byte{0x5e}, ecdh.Size)) {
		t.Errorf("seed %x, %v", got, err)
	}
	clear(got)
	if again, err := k.ExportSecret(); err != nil || again[0] != 0x5e {
		t.Errorf("the key changed with the bytes that it gave out: %v", err)
	}
	same := hybrid(t, bytes.Repeat([]byte{0x5e}, ecdh.Size))
	if !k.Equal(same) || k.Equal(ecdh.GenerateHybrid()) || k.Equal(nil) || public.Equal(nil) {
		t.Error("wrong comparison")
	}
	clear(k.Public().Bytes())
	k.Destroy()
	k.Destroy()
	_, err = k.ExportSecret()
	wantFault(t, err, fault.DestroyedKey)
	if k.Equal(same) || same.Equal(k) || k.Equal(k) {
		t.Error("a destroyed key equals something")
	}
	if !k.Public().Equal(same.Public()) {
		t.Error("the public half is gone")
	}
}

func TestZeroHybridKeyIsDestroyed(t *testing.T) {
	k := &ecdh.HybridPrivateKey{}
	_, err := k.ExportSecret()
	wantFault(t, err, fault.DestroyedKey)
	k.Destroy()
	if k.Equal(ecdh.GenerateHybrid()) || k.String() != "destroyed key" {
		t.Error("a zero key is one")
	}
	_, err = ecdh.NewHybridPublicKey(k.Public().Bytes())
	wantFault(t, err, fault.Malformed)
}

func TestGeneratedHybridKeysDiffer(t *testing.T) {
	a, b := ecdh.GenerateHybrid(), ecdh.GenerateHybrid()
	if a.Equal(b) || a.Public().Equal(b.Public()) {
		t.Error("two keys are one")
	}
	seed, err := a.ExportSecret()
	if err != nil {
		t.Fatal(err)
	}
	if !hybrid(t, seed).Equal(a) || !hybrid(t, seed).Public().Equal(a.Public()) {
		t.Error("the seed gives another key")
	}
}

func TestNothingPrintsAHybridKey(t *testing.T) {
	k := hybrid(t, []byte("hush hush hush hush hush hush!!!"))
	type holder struct{ k *ecdh.HybridPrivateKey }
	for _, v := range []any{k, *k, holder{k}, []*ecdh.HybridPrivateKey{k}, map[string]*ecdh.HybridPrivateKey{"k": k}} {
		for verb := 'A'; verb <= 'z'; verb++ {
			for _, flag := range []string{"", "+", "#"} {
				out := strings.ToLower(fmt.Sprintf("%"+flag+string(verb), v))
				for _, form := range []string{"hush", "68757368", "104 117", "0x68, 0x75"} {
					if strings.Contains(out, form) {
						t.Fatalf("%%%s%c of %T: %.200s", flag, verb, v, out)
					}
				}
			}
		}
	}
	if want := "ecdh.HybridPrivateKey(" + k.Public().String() + ")"; fmt.Sprint(k) != want {
		t.Errorf("printed as %v, want %s", k, want)
	}
	asJSON, err := json.Marshal(k)
	if err != nil || !strings.HasPrefix(string(asJSON), `"ecdh.HybridPrivateKey(`) {
		t.Errorf("encoded as %s, %v", asJSON, err)
	}
}

func TestHybridDestroyMayRaceWithAUse(t *testing.T) {
	for range 50 {
		k := ecdh.GenerateHybrid()
		var wg sync.WaitGroup
		wg.Go(func() {
			seed, err := k.ExportSecret()
			if err == nil && bytes.Equal(seed, make([]byte, ecdh.Size)) {
				t.Error("a use saw a wiped secret")
			}
			if err != nil {
				wantFault(t, err, fault.DestroyedKey)
			}
		})
		wg.Go(k.Destroy)
		wg.Wait()
	}
}
