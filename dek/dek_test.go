package dek_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/dek"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
)

var wantFault = faulttest.Want

func wrapper(t testing.TB, a cose.Algorithm) *cose.Key {
	t.Helper()
	k, err := cose.GenerateKey(a)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealedContentOpensWithItsKeyAndPlaceOnly(t *testing.T) {
	k := dek.Generate()
	rapid.Check(t, func(rt *rapid.T) {
		plaintext := rapid.SliceOfN(rapid.Byte(), 0, 400).Draw(rt, "plaintext")
		aad := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(rt, "aad")
		sealed, err := k.Seal([]byte("x"), plaintext, aad)
		if err != nil {
			rt.Fatal(err)
		}
		sealed = sealed[1:]
		if len(sealed) > len(plaintext)+dek.Overhead {
			rt.Fatalf("%d bytes became %d", len(plaintext), len(sealed))
		}
		if got, err := k.Open([]byte("y"), sealed, aad); err != nil || !bytes.Equal(got[1:], plaintext) || got[0] != 'y' {
			rt.Fatalf("opened %x, %v", got, err)
		}
		if _, err := k.Open(nil, sealed, append(aad, 0)); !errors.Is(err, fault.Damaged) {
			rt.Fatalf("another place: %v", err)
		}
	})
	sealed, err := k.Seal(nil, []byte("hi"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = dek.Generate().Open(nil, sealed, nil)
	wantFault(t, err, fault.Damaged)
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := k.Open(nil, bad, nil); err == nil {
			t.Errorf("byte %d flipped: opened", i)
		}
		if _, err := k.Open(nil, sealed[:i], nil); err == nil {
			t.Errorf("cut at %d: opened", i)
		}
	}
}

func TestContentOfAnotherTypeDoesNotOpen(t *testing.T) {
	k := dek.Generate()
	b, err := k.ExportSecret()
	if err != nil {
		t.Fatal(err)
	}
	same, err := cose.NewKey(cose.A256GCM, b)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []cose.Context{{}, cose.Bind("sotto/v1.dek", nil), cose.Bind("acme/v1.x", nil)} {
		message, err := same.Encrypt0(nil, []byte("hi"), c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.Open(nil, message, nil)
		wantFault(t, err, fault.Malformed)
	}
	message, err := same.Encrypt0(nil, []byte("hi"), cose.Bind("sotto/v2.sealed", nil))
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.Open(nil, message, nil)
	wantFault(t, err, fault.UnsupportedVersion)
}

func TestWrappedKeyIsBoundToPlaceAndRole(t *testing.T) {
	w, k := wrapper(t, cose.A256GCM), dek.Generate()
	wrapped, err := k.Wrap(w, []byte("channel"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := dek.Unwrap(w, wrapped, []byte("channel")); err != nil || !got.Equal(k) || !bytes.Equal(got.ID(), k.ID()) {
		t.Errorf("unwrapped: %v", err)
	}
	_, err = dek.Unwrap(w, wrapped, []byte("another"))
	wantFault(t, err, fault.Damaged)
	_, err = dek.Unwrap(wrapper(t, cose.A256GCM), wrapped, []byte("channel"))
	wantFault(t, err, fault.WrongSecret)
	_, err = dek.Unwrap(w, wrapped[:len(wrapped)-1], []byte("channel"))
	wantFault(t, err, fault.Malformed)
	_, err = dek.Unwrap(nil, wrapped, nil)
	wantFault(t, err, fault.Misuse)
	_, err = k.Wrap(nil, nil)
	wantFault(t, err, fault.Misuse)

	// A key that was wrapped as something else, and a key of another algorithm in the right place.
	raw, err := w.WrapKey(wrapper(t, cose.A256GCM), []byte("channel"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = dek.Unwrap(w, raw, []byte("channel"))
	wantFault(t, err, fault.Damaged)
	// One with a kid would outgrow the next wrap around it.
	withID, err := cose.ParseKey(append([]byte{0xa4, 1, 4, 2, 0x41, 7, 3, 3, 0x20, 0x58, 0x20}, make([]byte, 32)...))
	if err != nil {
		t.Fatal(err)
	}
	raw, err = w.WrapKey(withID, dek.AAD([]byte("channel")))
	if err != nil {
		t.Fatal(err)
	}
	_, err = dek.Unwrap(w, raw, []byte("channel"))
	wantFault(t, err, fault.Malformed)
	raw, err = w.WrapKey(wrapper(t, cose.A256KW), dek.AAD([]byte("channel")))
	if err != nil {
		t.Fatal(err)
	}
	_, err = dek.Unwrap(w, raw, []byte("channel"))
	wantFault(t, err, fault.Malformed)
}

func TestSizesAreLimited(t *testing.T) {
	k := dek.Generate()
	big := make([]byte, dek.MaxSeal+1)
	_, err := k.Seal(nil, big, nil)
	wantFault(t, err, fault.OverLimit)
	_, err = k.Seal(nil, nil, make([]byte, dek.MaxAAD+1))
	wantFault(t, err, fault.OverLimit)
	_, err = k.Open(nil, make([]byte, dek.MaxSeal+dek.Overhead+1), nil)
	wantFault(t, err, fault.OverLimit)
	_, err = k.Open(nil, nil, make([]byte, dek.MaxAAD+1))
	wantFault(t, err, fault.OverLimit)

	sealed, err := k.Seal(nil, big[1:], nil)
	if err != nil || len(sealed) != dek.MaxSeal+dek.Overhead {
		t.Errorf("the largest: %d bytes, %v", len(sealed), err)
	}
	if got, err := k.Open(nil, sealed, nil); err != nil || len(got) != dek.MaxSeal {
		t.Errorf("the largest: %d bytes opened, %v", len(got), err)
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	k, plaintext, aad := dek.Generate(), make([]byte, 1024), make([]byte, 64)
	sealed, opened := make([]byte, 0, 1024+250), make([]byte, 0, 1024+250)
	message, err := k.Seal(nil, plaintext, aad)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = k.Seal(sealed, plaintext, aad) }); n > 0 {
		t.Errorf("Seal allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = k.Open(opened, message, aad) }); n > 0 {
		t.Errorf("Open allocates %v times", n)
	}
}

func TestDestroyedKeyRefuses(t *testing.T) {
	k := dek.Generate()
	sealed, err := k.Seal(nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	k.Destroy()
	k.Destroy()
	_, err = k.Seal(nil, nil, nil)
	wantFault(t, err, fault.DestroyedKey)
	_, err = k.Open(nil, sealed, nil)
	wantFault(t, err, fault.DestroyedKey)
	_, err = k.Wrap(wrapper(t, cose.A256GCM), nil)
	wantFault(t, err, fault.DestroyedKey)
	_, err = k.ExportSecret()
	wantFault(t, err, fault.DestroyedKey)
}

func TestZeroAndNilKeysAreDestroyedOnes(t *testing.T) {
	for _, k := range []*dek.Key{nil, {}} {
		_, err := k.Wrap(wrapper(t, cose.A256GCM), nil)
		wantFault(t, err, fault.DestroyedKey)
		_, err = k.Seal(nil, nil, nil)
		wantFault(t, err, fault.DestroyedKey)
		_, err = k.Open(nil, nil, nil)
		wantFault(t, err, fault.DestroyedKey)
		_, err = k.ExportSecret()
		wantFault(t, err, fault.DestroyedKey)
		if k.Equal(k) || len(k.ID()) != 8 {
			t.Error("a destroyed key is somebody")
		}
		k.Destroy()
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	k := dek.Generate()
	secret, err := k.ExportSecret()
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		out := fmt.Sprintf(verb, k)
		if strings.Contains(out, hex.EncodeToString(secret)[:16]) || strings.Contains(out, fmt.Sprint(secret)[1:20]) ||
			!strings.Contains(out, "dek.Key(") {
			t.Errorf("%s prints %q", verb, out)
		}
	}
}

// fixedKey is the same key in every run, so that a fuzz corpus keeps its meaning.
func fixedKey(t testing.TB) *dek.Key {
	t.Helper()
	w, err := cose.NewKey(cose.A256GCM, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := w.WrapKey(w, cose.Bind("sotto/v1.dek", nil).AAD)
	if err != nil {
		t.Fatal(err)
	}
	k, err := dek.Unwrap(w, wrapped, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func FuzzOpen(f *testing.F) {
	k := fixedKey(f)
	sealed, err := k.Seal(nil, []byte("low voice"), []byte("here"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, []byte("here"))
	f.Fuzz(func(t *testing.T, sealed, aad []byte) {
		if _, err := k.Open(nil, sealed, aad); err != nil {
			faulttest.FromInput(t, err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	k, plaintext, aad, buf := dek.Generate(), make([]byte, 1024), []byte("channel"), make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Seal(buf, plaintext, aad); err != nil {
			b.Fatal(err)
		}
	}
}
