package cose_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

func signerWithID(t testing.TB, keyID []byte) *cose.Signer {
	t.Helper()
	s, err := cose.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)), keyID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSign1WritesTheOneForm(t *testing.T) {
	for _, c := range []struct {
		keyID   []byte
		context cose.Context
		want    string // up to the signature
	}{
		{[]byte("kid"), place, "d284" + "56a3012704436b6964106c61636d652f76312e6e6f7465" + "a0" + "426869" + "5840"},
		{nil, place, "d284" + "51a20127106c61636d652f76312e6e6f7465" + "a0" + "426869" + "5840"},
		{[]byte("kid"), cose.Context{}, "d284" + "43a10127" + "a104436b6964" + "426869" + "5840"},
		{nil, cose.Context{Untagged: true}, "84" + "43a10127" + "a0" + "426869" + "5840"},
	} {
		got, err := signerWithID(t, c.keyID).Sign1(nil, []byte("hi"), c.context)
		if err != nil {
			t.Fatal(err)
		}
		if head := hex.EncodeToString(got[:len(got)-64]); head != c.want {
			t.Errorf("starts with %s, want %s", head, c.want)
		}
	}
}

func TestSign1RoundTrips(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		bytesOf := rapid.SliceOfN(rapid.Byte(), 0, 300)
		s := signerWithID(t, bytesOf.Draw(rt, "kid"))
		payload := bytesOf.Draw(rt, "payload")
		c := cose.Context{AAD: bytesOf.Draw(rt, "aad"), Untagged: rapid.Bool().Draw(rt, "untagged")}
		if rapid.Bool().Draw(rt, "own") {
			untagged := c.Untagged
			c = cose.Bind("a/b", c.AAD)
			c.Untagged = untagged
		}
		message, err := s.Sign1([]byte("before"), payload, c)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := s.Verifier().Verify1(bytes.TrimPrefix(message, []byte("before")), c)
		if err != nil || !bytes.Equal(got, payload) {
			rt.Fatalf("verified %x, %v", got, err)
		}
	})
}

func TestVerify1RefusesEveryFlippedByteAndEveryCut(t *testing.T) {
	s := signerWithID(t, []byte("kid"))
	for _, c := range []cose.Context{place, {AAD: []byte("aad")}} {
		message, err := s.Sign1(nil, []byte("low voice"), c)
		if err != nil {
			t.Fatal(err)
		}
		for i := range message {
			bad := bytes.Clone(message)
			bad[i] ^= 1
			got, err := s.Verifier().Verify1(bad, c)
			if kidLabel := c.Type == "" && i == 7; kidLabel {
				continue // the kid of a standard message is not protected: as another label it is ignored
			}
			if err == nil || got != nil {
				t.Errorf("byte %d flipped: verified", i)
			}
		}
		for i := range message {
			if _, err := s.Verifier().Verify1(message[:i], c); err == nil {
				t.Errorf("cut at %d: verified", i)
			}
		}
		_, err = s.Verifier().Verify1(append(message, 0), c)
		wantFault(t, err, fault.Malformed)
	}
}

func TestSignatureHoldsInOnePlaceForOneKey(t *testing.T) {
	s := signerWithID(t, []byte("kid"))
	message, err := s.Sign1(nil, []byte("hi"), place)
	if err != nil {
		t.Fatal(err)
	}
	otherID, err := cose.NewVerifier(s.Verifier().PublicKey(), []byte("other"))
	if err != nil {
		t.Fatal(err)
	}
	noID, err := cose.NewVerifier(s.Verifier().PublicKey(), nil)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := cose.NewVerifier(cose.GenerateSigner().Verifier().PublicKey(), []byte("kid"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		v    *cose.Verifier
		c    cose.Context
		want fault.Code
	}{
		{"another part", s.Verifier(), cose.Bind("acme/v1.note", []byte("x")), fault.UntrustedSigner},
		{"another type", s.Verifier(), cose.Bind("acme/v1.file"), fault.Malformed},
		{"no type", s.Verifier(), cose.Context{}, fault.UntrustedSigner},
		{"untagged", s.Verifier(), cose.Context{Type: place.Type, AAD: place.AAD, Untagged: true}, fault.Malformed},
		{"another key", stranger, place, fault.UntrustedSigner},
		{"another key ID", otherID, place, fault.UntrustedSigner},
		{"no key ID expected", noID, place, fault.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.v.Verify1(message, c.c)
			wantFault(t, err, c.want)
			if got != nil {
				t.Error("a payload beside the error")
			}
		})
	}
	// A message of ours without the kid that we expect is not from whom we expect.
	bare, err := signerWithID(t, nil).Sign1(nil, []byte("hi"), place)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Verifier().Verify1(bare, place)
	wantFault(t, err, fault.UntrustedSigner)
}

func TestSign1FormIsChecked(t *testing.T) {
	s := signerWithID(t, nil)
	sign := func(protected, unprotected, payload []byte) []byte {
		sigStructure := wire.AppendText([]byte{0x84}, "Signature1")
		sigStructure = wire.AppendBytes(wire.AppendBytes(sigStructure, protected), nil)
		var content []byte
		r := wire.NewReader(payload)
		if r.Major() == wire.MajorBytes {
			content = r.Bytes("payload", 100)
		}
		sigStructure = wire.AppendBytes(sigStructure, content)
		seed, err := s.ExportSecretSeed()
		if err != nil {
			t.Fatal(err)
		}
		message := append(wire.AppendBytes([]byte{0xd2, 0x84}, protected), unprotected...)
		return wire.AppendBytes(append(message, payload...), ed25519.Sign(ed25519.NewKeyFromSeed(seed), sigStructure))
	}
	eddsa := field(1, []byte{0x27})
	if _, err := s.Verifier().Verify1(sign(mapOf(eddsa), mapOf(), []byte{0x41, 1}), cose.Context{}); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for name, c := range map[string]struct {
		message []byte
		want    fault.Code
	}{
		"detached":              {sign(mapOf(eddsa), mapOf(), []byte{0xf6}), fault.Malformed},
		"payload an array":      {sign(mapOf(eddsa), mapOf(), []byte{0x80}), fault.Malformed},
		"no algorithm":          {sign(nil, mapOf(), []byte{0x40}), fault.Malformed},
		"algorithm unprotected": {sign(nil, mapOf(eddsa), []byte{0x40}), fault.Malformed},
		"another algorithm":     {sign(mapOf(field(1, []byte{0x26})), mapOf(), []byte{0x40}), fault.Malformed},
		"empty map":             {sign(mapOf(), mapOf(eddsa), []byte{0x40}), fault.Malformed},
		"crit unknown": {sign(mapOf(eddsa, field(2, []byte{0x81, 0x18, 0x63}), field(99, []byte{0})), mapOf(), []byte{0x40}),
			fault.UnsupportedVersion},
		"kid null": {sign(mapOf(eddsa, field(4, []byte{0xf6})), mapOf(), []byte{0x40}), fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Verifier().Verify1(c.message, cose.Context{})
			wantFault(t, err, c.want)
		})
	}
	for name, message := range map[string][]byte{
		"extra unprotected": sign(mapOf(eddsa, field(16, wire.AppendText(nil, "a/b"))), mapOf(field(99, []byte{0})), []byte{0x40}),
		"extra protected":   sign(mapOf(eddsa, field(16, wire.AppendText(nil, "a/b")), field(99, []byte{0})), mapOf(), []byte{0x40}),
		"header order":      sign(mapOf(field(16, wire.AppendText(nil, "a/b")), eddsa), mapOf(), []byte{0x40}),
	} {
		_, err := s.Verifier().Verify1(message, cose.Bind("a/b"))
		if !errors.Is(err, fault.Malformed) {
			t.Errorf("own message with %s: %v", name, err)
		}
	}
}

// The 14 encodings of the points of small order, under which one signature verifies for many messages.
func TestSmallOrderKeysAreRefused(t *testing.T) {
	for _, s := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, sign := range []byte{0, 0x80} {
			b[31] = b[31]&0x7f | sign
			_, err := cose.NewVerifier(b, nil)
			wantFault(t, err, fault.Malformed)
		}
	}
}

func TestSignerKeysAreChecked(t *testing.T) {
	for _, n := range []int{0, 31, 33} {
		_, err := cose.NewVerifier(make(ed25519.PublicKey, n), nil)
		wantFault(t, err, fault.Malformed)
	}
	for _, n := range []int{0, 32, 63} {
		_, err := cose.NewSigner(make(ed25519.PrivateKey, n), nil)
		wantFault(t, err, fault.Malformed)
	}
	_, err := cose.NewSigner(nil, nil)
	wantFault(t, err, fault.Misuse)
	foreignHalf := ed25519.NewKeyFromSeed(make([]byte, 32))
	foreignHalf[63] ^= 1
	_, err = cose.NewSigner(foreignHalf, nil)
	wantFault(t, err, fault.Malformed)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, err = cose.NewSigner(p256, nil)
	wantFault(t, err, fault.Malformed)
}

// hardware is a signer outside of memory that answers as it is told.
type hardware struct {
	public ed25519.PublicKey
	sig    []byte
	err    error
}

func (h hardware) Public() crypto.PublicKey { return h.public }
func (h hardware) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return h.sig, h.err
}

func TestSignerInHardware(t *testing.T) {
	public := cose.GenerateSigner().Verifier().PublicKey()
	for _, h := range []hardware{{public, nil, errors.New("locked")}, {public, make([]byte, 63), nil}, {public, make([]byte, 64), nil}} {
		s, err := cose.NewSigner(h, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Sign1(nil, nil, place)
		wantFault(t, err, fault.StoreFailed)
		_, err = s.ExportSecretSeed()
		wantFault(t, err, fault.Misuse)
		s.Destroy()
		_, err = s.Sign1(nil, nil, place)
		wantFault(t, err, fault.DestroyedKey)
	}
}

func TestSignerKeepsACopy(t *testing.T) {
	for _, byPointer := range []bool{false, true} {
		key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
		var from crypto.Signer = key
		if byPointer {
			from = &key
		}
		s, err := cose.NewSigner(from, nil)
		if err != nil {
			t.Fatal(err)
		}
		clear(key)
		message, err := s.Sign1(nil, nil, place)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Verifier().Verify1(message, place); err != nil {
			t.Error(err)
		}
		if seed, err := s.ExportSecretSeed(); err != nil || !bytes.Equal(seed, bytes.Repeat([]byte{7}, 32)) {
			t.Errorf("seed: %v", err)
		}
	}
}

// A device may take the key away in the middle of a signature.
type fleeting struct {
	hardware
	s *cose.Signer
}

func (f *fleeting) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	f.s.Destroy()
	return nil, errors.New("gone")
}

func TestDestroyFromWithinTheDeviceDoesNotBlock(t *testing.T) {
	f := &fleeting{hardware: hardware{public: cose.GenerateSigner().Verifier().PublicKey()}}
	var err error
	if f.s, err = cose.NewSigner(f, nil); err != nil {
		t.Fatal(err)
	}
	_, err = f.s.Sign1(nil, nil, place)
	wantFault(t, err, fault.StoreFailed)
}
