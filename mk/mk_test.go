package mk_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/ratio"
	"github.com/sottokit/sotto/mk"
)

// cheap keeps the tests fast; it is the least that Check allows.
var cheap = mk.Params{Time: mk.MinTime, MemoryKiB: mk.MinMemoryKiB, Threads: 1}

var id = []byte("alice@example.org")

var wantFault = faulttest.Want

func stretch(t testing.TB, password string) *mk.Stretched {
	t.Helper()
	s, err := mk.Stretch(context.Background(), []byte(password), id, cheap)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keyI(t testing.TB, password string) *mk.Key {
	t.Helper()
	k, err := stretch(t, password).KeyI(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func content(t testing.TB) *cose.Key {
	t.Helper()
	k, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestStretchIsArgon2id(t *testing.T) {
	p := mk.Params{Time: 2, MemoryKiB: 19456, Threads: 1}
	s, err := mk.Stretch(context.Background(), []byte("123456"), id, p)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.ExportSecret()
	if err != nil {
		t.Fatal(err)
	}
	if want := argon2.IDKey([]byte("123456"), id, 2, 19456, 1, 32); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// The published values of the three kinds are in the conformance files; here each input must count.
func TestEveryInputOfAMasterKeyCounts(t *testing.T) {
	salt := bytes.Repeat([]byte{1}, 32)
	seen := map[string]string{}
	add := func(name string, k *mk.Key, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, err := k.ExportSecret()
		if err != nil {
			t.Fatal(err)
		}
		if other, twice := seen[string(b)]; twice {
			t.Errorf("%s gives the same key as %s", name, other)
		}
		seen[string(b)] = name
	}
	s := stretch(t, "password")
	k, err := s.KeyI(salt)
	add("kind I", k, err)
	k, err = s.KeyI(bytes.Repeat([]byte{2}, 32))
	add("another IV", k, err)
	k, err = s.KeyIII(append(salt, bytes.Repeat([]byte{3}, 16)...))
	add("kind III, vetKey", k, err)
	k, err = stretch(t, "Password").KeyI(salt)
	add("another password", k, err)
	k, err = stretch(t, "").KeyIII(salt)
	add("kind III, empty password", k, err)
	k, err = mk.KeyIIIWithoutPassword(salt)
	add("kind III, no password", k, err)
	other, err := mk.Stretch(context.Background(), []byte("password"), []byte("bob@example.org"), cheap)
	if err != nil {
		t.Fatal(err)
	}
	k, err = other.KeyI(salt)
	add("another ID", k, err)
	more := cheap
	more.Time++
	if other, err = mk.Stretch(context.Background(), []byte("password"), id, more); err != nil {
		t.Fatal(err)
	}
	k, err = other.KeyI(salt)
	add("other parameters", k, err)

	// Kinds I and II differ in who keeps the salt, not in the formula.
	one, err := s.KeyI(salt)
	if err != nil {
		t.Fatal(err)
	}
	two, err := s.KeyII(salt)
	if err != nil || !one.Equal(two) {
		t.Errorf("kind II of the same salt: %v", err)
	}
}

func TestStretchRefuses(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		password, id []byte
		p            mk.Params
		want         fault.Code
	}{
		"4 GiB":                   {[]byte("x"), id, mk.Params{Time: 1, MemoryKiB: 4 << 20, Threads: 1}, fault.OverLimit},
		"largest memory":          {[]byte("x"), id, mk.Params{Time: 1, MemoryKiB: 1<<32 - 1, Threads: 1}, fault.OverLimit},
		"a million passes":        {[]byte("x"), id, mk.Params{Time: 1e6, MemoryKiB: 8 << 10, Threads: 1}, fault.OverLimit},
		"17 lanes":                {[]byte("x"), id, mk.Params{Time: 1, MemoryKiB: 8 << 10, Threads: 17}, fault.OverLimit},
		"no passes":               {[]byte("x"), id, mk.Params{Time: 0, MemoryKiB: 8 << 10, Threads: 1}, fault.Misuse},
		"no lanes":                {[]byte("x"), id, mk.Params{Time: 1, MemoryKiB: 8 << 10, Threads: 0}, fault.Misuse},
		"no memory":               {[]byte("x"), id, mk.Params{Time: 1, MemoryKiB: 0, Threads: 1}, fault.Misuse},
		"too little memory":       {[]byte("x"), id, mk.Params{Time: 1, MemoryKiB: mk.MinMemoryKiB - 1, Threads: 1}, fault.Misuse},
		"a short ID":              {[]byte("x"), []byte("seven b"), cheap, fault.Misuse},
		"a long ID":               {[]byte("x"), make([]byte, mk.MaxID+1), cheap, fault.OverLimit},
		"a long password":         {make([]byte, mk.MaxPassword+1), id, cheap, fault.OverLimit},
		"too costly comes before": {nil, nil, mk.Params{Time: 1, MemoryKiB: 4 << 20, Threads: 0}, fault.OverLimit},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mk.Stretch(ctx, c.password, c.id, c.p)
			wantFault(t, err, c.want)
		})
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	_, err := mk.Stretch(done, []byte("x"), id, cheap)
	wantFault(t, err, fault.Canceled)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not context.Canceled", err)
	}
	if got := (mk.Params{MemoryKiB: 4 << 20}).Memory(); got != 4<<30 {
		t.Errorf("4 GiB are reported as %d bytes", got)
	}
}

// lateCancel is a context that is cancelled while Argon2id runs: alive when first asked, done later.
type lateCancel struct {
	context.Context
	asked int
}

func (c *lateCancel) Err() error {
	if c.asked++; c.asked > 1 {
		return context.Canceled
	}
	return nil
}

func TestStretchLooksAtTheContextAfterwardsToo(t *testing.T) {
	s, err := mk.Stretch(&lateCancel{Context: context.Background()}, []byte("x"), id, cheap)
	wantFault(t, err, fault.Canceled)
	if s != nil {
		t.Error("a key beside the error")
	}
}

func TestSaltsAreChecked(t *testing.T) {
	s, empty := stretch(t, "password"), stretch(t, "")
	good := make([]byte, 32)
	for _, n := range []int{0, 31, 33, 48} {
		_, err := s.KeyI(make([]byte, n))
		wantFault(t, err, fault.Malformed)
		_, err = s.KeyII(make([]byte, n))
		wantFault(t, err, fault.Malformed)
	}
	for _, n := range []int{0, 31, 33, 47, 49, 96} {
		_, err := s.KeyIII(make([]byte, n))
		wantFault(t, err, fault.Malformed)
		_, err = mk.KeyIIIWithoutPassword(make([]byte, n))
		wantFault(t, err, fault.Malformed)
	}
	_, err := empty.KeyI(good)
	wantFault(t, err, fault.Misuse)
	_, err = empty.KeyII(good)
	wantFault(t, err, fault.Misuse)
	for _, n := range []int{0, 31, 33} {
		_, err := mk.NewKey(make([]byte, n))
		wantFault(t, err, fault.Malformed)
	}
}

func TestWrongPasswordIsKnownAtTheFirstWrap(t *testing.T) {
	k, inner := keyI(t, "password"), content(t)
	wrapped, err := k.WrapKey(inner, []byte("here"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := keyI(t, "password").UnwrapKey(wrapped, []byte("here")); err != nil || !got.Equal(inner) {
		t.Errorf("the right password: %v", err)
	}
	_, err = keyI(t, "passwort").UnwrapKey(wrapped, []byte("here"))
	wantFault(t, err, fault.WrongSecret)
	_, err = k.UnwrapKey(wrapped, []byte("there"))
	wantFault(t, err, fault.Damaged)
	_, err = k.UnwrapKey(wrapped[:len(wrapped)-1], []byte("here"))
	wantFault(t, err, fault.Malformed)
}

func TestDestroyedKeysRefuse(t *testing.T) {
	s, k := stretch(t, "password"), keyI(t, "password")
	s.Destroy()
	s.Destroy()
	_, err := s.KeyI(make([]byte, 32))
	wantFault(t, err, fault.DestroyedKey)
	_, err = s.ExportSecret()
	wantFault(t, err, fault.DestroyedKey)
	k.Destroy()
	k.Destroy()
	_, err = k.WrapKey(content(t), nil)
	wantFault(t, err, fault.DestroyedKey)
	_, err = k.ExportSecret()
	wantFault(t, err, fault.DestroyedKey)
	var zero mk.Stretched
	_, err = zero.KeyIII(make([]byte, 48))
	wantFault(t, err, fault.DestroyedKey)
}

func TestZeroAndNilKeysAreDestroyedOnes(t *testing.T) {
	wrapped, err := keyI(t, "password").WrapKey(content(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []*mk.Key{nil, {}} {
		_, err := k.WrapKey(content(t), nil)
		wantFault(t, err, fault.DestroyedKey)
		_, err = k.UnwrapKey(wrapped, nil)
		wantFault(t, err, fault.DestroyedKey)
		_, err = k.ExportSecret()
		wantFault(t, err, fault.DestroyedKey)
		if k.Equal(k) || len(k.ID()) != 8 {
			t.Error("a destroyed key is somebody")
		}
		k.Destroy()
	}
	var ring mk.Ring
	_, err = ring.WrapKey(content(t), nil)
	wantFault(t, err, fault.DestroyedKey)
	_, err = ring.UnwrapKey(wrapped, nil)
	wantFault(t, err, fault.DestroyedKey)
	_, err = mk.Stretch(nil, []byte("x"), id, cheap) //lint:ignore SA1012 that is what is tested
	wantFault(t, err, fault.Misuse)
}

func TestNothingPrintsASecret(t *testing.T) {
	s, k := stretch(t, "password"), keyI(t, "password")
	a, err := s.ExportSecret()
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.ExportSecret()
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		out := fmt.Sprintf(verb+" "+verb, s, k)
		for _, secret := range [][]byte{a, b} {
			if strings.Contains(out, hex.EncodeToString(secret)[:16]) || strings.Contains(out, fmt.Sprint(secret)[1:20]) {
				t.Errorf("%s prints a secret", verb)
			}
		}
	}
}

func TestSpellings(t *testing.T) {
	nfc, nfd := "p\u00e4ss", "pa\u0308ss"
	for in, want := range map[string][]string{
		"ascii":       {"ascii"},
		nfc:           {nfc, nfd},
		nfd:           {nfd, nfc},
		"":            {""},
		nfc + nfd:     {nfc + nfd, nfc + nfc, nfd + nfd},
		"\xff\x00raw": {"\xff\x00raw"},
	} {
		var got []string
		for _, b := range mk.Spellings([]byte(in)) {
			got = append(got, string(b))
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzUnwrapKey(f *testing.F) {
	k := keyI(f, "password")
	wrapped, err := k.WrapKey(content(f), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wrapped)
	f.Fuzz(func(t *testing.T, wrapped []byte) {
		if _, err := k.UnwrapKey(wrapped, nil); err != nil {
			faulttest.FromInput(t, err)
		}
	})
}

// BenchmarkStretch runs in turns with the bare Argon2id of x/crypto with the same parameters. Budget: 1.01 (x-bare).
func BenchmarkStretch(b *testing.B) {
	p := mk.Params{Time: 2, MemoryKiB: 19456, Threads: 1}
	password := []byte("correct horse")
	ratio.Run(b, func() {
		if _, err := mk.Stretch(context.Background(), password, id, p); err != nil {
			b.Fatal(err)
		}
	}, func() { argon2.IDKey(password, id, p.Time, p.MemoryKiB, p.Threads, 32) })
}
