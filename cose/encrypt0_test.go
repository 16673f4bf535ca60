package cose_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

var place = cose.Bind("acme/v1.note", []byte("alice"), []byte("bob"))

// The bytes of one message, worked out by hand from RFC 9052 §5.2: a change of the format shows here first.
func TestEncrypt0WritesTheOneForm(t *testing.T) {
	for _, c := range []struct {
		alg     cose.Algorithm
		context cose.Context
		want    string // up to the IV
	}{
		{cose.A256GCM, cose.Context{}, "d0" + "83" + "43a10103" + "a1054c"},
		{cose.A256GCM, cose.Context{Untagged: true}, "83" + "43a10103" + "a1054c"},
		{cose.ChaCha20Poly1305, cose.Context{}, "d0" + "83" + "44a1011818" + "a1054c"},
		{cose.A256GCM, place, "d0" + "83" + "51a20103106c" + hex.EncodeToString([]byte("acme/v1.note")) + "a1054c"},
	} {
		message, err := generate(t, c.alg).Encrypt0(nil, nil, c.context)
		if err != nil {
			t.Fatal(err)
		}
		head := len(c.want) / 2
		if got := hex.EncodeToString(message[:head]); got != c.want {
			t.Errorf("starts with %s, want %s", got, c.want)
		}
		if rest := message[head+12:]; len(rest) != 17 || rest[0] != 0x50 {
			t.Errorf("after the IV stands %x, want a byte string of 16", rest)
		}
	}
	if got := hex.EncodeToString(place.AAD); got != "836c61636d652f76312e6e6f746545616c69636543626f62" {
		t.Errorf("external_aad is %s", got)
	}
}

func TestEncrypt0RoundTrips(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		k := generate(t, rapid.SampledFrom([]cose.Algorithm{cose.A256GCM, cose.ChaCha20Poly1305}).Draw(rt, "alg"))
		plaintext := rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(rt, "plaintext")
		c := cose.Context{AAD: rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(rt, "aad")}
		if rapid.Bool().Draw(rt, "own") {
			c = cose.Bind("a/"+strings.Repeat("b", rapid.IntRange(1, 120).Draw(rt, "type")), c.AAD)
		}
		c.Untagged = rapid.Bool().Draw(rt, "untagged")
		dst := append(make([]byte, 0, rapid.IntRange(0, 900).Draw(rt, "room")), "before"...)

		message, err := k.Encrypt0(dst, plaintext, c)
		if err != nil {
			rt.Fatal(err)
		}
		message, ok := bytes.CutPrefix(message, []byte("before"))
		if !ok || !wire.Deterministic(message) {
			rt.Fatal("dst was not appended to, or the message is not deterministic")
		}
		got, err := k.Decrypt0([]byte("before"), message, c)
		if err != nil || !bytes.Equal(got, append([]byte("before"), plaintext...)) {
			rt.Fatalf("opened %x, %v", got, err)
		}
	})
}

// A key keeps the form it used last; going back and forth between forms must not confuse it.
func TestOneKeyServesManyForms(t *testing.T) {
	k := generate(t, cose.A256GCM)
	forms := []cose.Context{place, cose.Bind("acme/v1.file"), {}, {Untagged: true}, {Type: place.Type, AAD: place.AAD, Untagged: true}}
	for range 3 {
		for i, c := range forms {
			message, err := k.Encrypt0(nil, []byte("hi"), c)
			if err != nil {
				t.Fatal(err)
			}
			for j, other := range forms {
				if got, err := k.Decrypt0(nil, message, other); (err == nil) != (i == j) || i == j && string(got) != "hi" {
					t.Errorf("form %d as form %d: %q, %v", i, j, got, err)
				}
			}
		}
	}
}

func TestDecrypt0RefusesEveryFlippedBitAndEveryCut(t *testing.T) {
	for _, c := range []cose.Context{place, {AAD: []byte("aad")}} {
		k := generate(t, cose.A256GCM)
		message, err := k.Encrypt0(nil, []byte("low voice"), c)
		if err != nil {
			t.Fatal(err)
		}
		for i := range message {
			for bit := range 8 {
				bad := bytes.Clone(message)
				bad[i] ^= 1 << bit
				if got, err := k.Decrypt0(nil, bad, c); err == nil || got != nil {
					t.Errorf("bit %d of byte %d flipped: opened", bit, i)
				}
			}
			if _, err := k.Decrypt0(nil, message[:i], c); err == nil {
				t.Errorf("cut at %d: opened", i)
			}
		}
		_, err = k.Decrypt0(nil, append(message, 0), c)
		wantFault(t, err, fault.Malformed)
	}
}

func TestNothingOpensInAnotherPlace(t *testing.T) {
	k := generate(t, cose.A256GCM)
	message, err := k.Encrypt0(nil, []byte("low voice"), place)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		k    *cose.Key
		c    cose.Context
		want fault.Code
	}{
		{"another part", k, cose.Bind("acme/v1.note", []byte("alice"), []byte("eve")), fault.Damaged},
		{"parts joined", k, cose.Bind("acme/v1.note", []byte("alicebob")), fault.Damaged},
		{"parts swapped", k, cose.Bind("acme/v1.note", []byte("bob"), []byte("alice")), fault.Damaged},
		{"another type", k, cose.Bind("acme/v1.file", []byte("alice"), []byte("bob")), fault.Malformed},
		{"no type", k, cose.Context{}, fault.Damaged},
		{"untagged", k, cose.Context{Type: place.Type, AAD: place.AAD, Untagged: true}, fault.Malformed},
		{"another key", generate(t, cose.A256GCM), place, fault.Damaged},
		{"another algorithm", generate(t, cose.ChaCha20Poly1305), place, fault.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.k.Decrypt0([]byte("dst"), message, c.c)
			wantFault(t, err, c.want)
			if got != nil {
				t.Error("bytes beside the error")
			}
		})
	}
}

// The same secret under two algorithms is two keys.
func TestAnAlgorithmIsForLife(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 32)
	gcm, err := cose.NewKey(cose.A256GCM, secret)
	if err != nil {
		t.Fatal(err)
	}
	chacha, err := cose.NewKey(cose.ChaCha20Poly1305, secret)
	if err != nil {
		t.Fatal(err)
	}
	message, err := gcm.Encrypt0(nil, []byte("x"), place)
	if err != nil {
		t.Fatal(err)
	}
	_, err = chacha.Decrypt0(nil, message, place)
	wantFault(t, err, fault.Malformed)
	if gcm.Equal(chacha) || bytes.Equal(gcm.ID(), chacha.ID()) {
		t.Error("the two keys count as one")
	}
}

func TestANewerVersionOfOurTypesIsToldApart(t *testing.T) {
	k := generate(t, cose.A256GCM)
	message, err := k.Encrypt0(nil, nil, cose.Bind("sotto/v2.note"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.Decrypt0(nil, message, cose.Bind("sotto/v1.note"))
	wantFault(t, err, fault.UnsupportedVersion)
}

func TestEncrypt0ChecksItsContext(t *testing.T) {
	k := generate(t, cose.A256GCM)
	long := "a/" + strings.Repeat("b", cose.MaxType)
	for name, c := range map[string]cose.Context{
		"no slash":         cose.Bind("note"),
		"two slashes":      cose.Bind("a/b/c"),
		"space before":     cose.Bind(" a/b"),
		"space after":      cose.Bind("a/b "),
		"too long":         cose.Bind(long),
		"no AAD":           {Type: "a/b"},
		"AAD of another":   {Type: "a/b", AAD: cose.Bind("a/c").AAD},
		"AAD of a longer":  {Type: "a/b", AAD: cose.Bind("a/bcd").AAD},
		"AAD, long head":   {Type: "a/b", AAD: append([]byte{0x81, 0x78, 0x03}, "a/b"...)},
		"AAD, other head":  {Type: "a/" + strings.Repeat("b", 30), AAD: append([]byte{0x81, 0x78, 33}, "a/"+strings.Repeat("b", 31)...)},
		"AAD cut":          {Type: "a/b", AAD: cose.Bind("a/b").AAD[:4]},
		"AAD not an array": {Type: "a/b", AAD: wire.AppendText(nil, "a/b")},
		"AAD empty array":  {Type: "a/b", AAD: append([]byte{0x80}, cose.Bind("a/b").AAD[1:]...)},
		"AAD a map":        {Type: "a/b", AAD: append([]byte{0xa1}, cose.Bind("a/b").AAD[1:]...)},
		"AAD bytes":        {Type: "a/b", AAD: append([]byte{0x81}, wire.AppendBytes(nil, []byte("a/b"))...)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := k.Encrypt0(nil, nil, c)
			wantFault(t, err, fault.Misuse)
			_, err = k.Decrypt0(nil, nil, c)
			wantFault(t, err, fault.Misuse)
		})
	}
}

func TestOverlapIsRefused(t *testing.T) {
	k := generate(t, cose.A256GCM)
	b := make([]byte, 100, 300)
	_, err := k.Encrypt0(b[:0], b, place)
	wantFault(t, err, fault.Misuse)
	message, err := k.Encrypt0(nil, b, place)
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.Decrypt0(message[:0], message, place)
	wantFault(t, err, fault.Misuse)
	_, err = cose.Encrypt(b[:0], b, []cose.Recipient{cose.ToKey(k, nil)}, place)
	wantFault(t, err, fault.Misuse)
	_, err = cose.GenerateSigner().Sign1(b[:0], b, place)
	wantFault(t, err, fault.Misuse)

	// The AAD is read while dst is written, too.
	c := place
	c.AAD = append(make([]byte, 0, 400), place.AAD...)
	for _, dst := range [][]byte{c.AAD[:0], c.AAD[5:5]} {
		_, err = k.Encrypt0(dst, nil, c)
		wantFault(t, err, fault.Misuse)
		_, err = k.Decrypt0(dst, message, c)
		wantFault(t, err, fault.Misuse)
		_, err = cose.GenerateSigner().Sign1(dst, nil, c)
		wantFault(t, err, fault.Misuse)
	}
	_, err = cose.Decrypt(b[:0], b, cose.WithKey(k, nil), place)
	wantFault(t, err, fault.Misuse)
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	k, plaintext := generate(t, cose.A256GCM), make([]byte, 1024)
	sealed, opened := make([]byte, 0, 1024+150), make([]byte, 0, 1024+150)
	message, err := k.Encrypt0(nil, plaintext, place)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = k.Encrypt0(sealed, plaintext, place) }); n > 0 {
		t.Errorf("Encrypt0 allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = k.Decrypt0(opened, message, place) }); n > 0 {
		t.Errorf("Decrypt0 allocates %v times", n)
	}
}

func TestPlaintextIsLimited(t *testing.T) {
	k, big := generate(t, cose.A256GCM), make([]byte, cose.MaxPlaintext+1)
	_, err := k.Encrypt0(nil, big, place)
	wantFault(t, err, fault.OverLimit)
	_, err = cose.Encrypt(nil, big, []cose.Recipient{cose.ToKey(k, nil)}, place)
	wantFault(t, err, fault.OverLimit)
	_, err = cose.GenerateSigner().Sign1(nil, big, place)
	wantFault(t, err, fault.OverLimit)
	message := wire.AppendBytes(coseimpl.AppendEncrypt0Start(nil, true, coseimpl.AppendProtected(nil, 3, "")), nil)
	message = append(message[:len(message)-1], 0xa1, 0x05, 0x4c)
	message = append(message, make([]byte, 12)...)
	_, err = k.Decrypt0(nil, wire.AppendBytes(message, make([]byte, cose.MaxPlaintext+17)), cose.Context{})
	wantFault(t, err, fault.OverLimit)
}
