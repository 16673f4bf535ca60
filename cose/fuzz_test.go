package cose_test

import (
	"bytes"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/faulttest"
)

var wantCode = faulttest.FromInput

func FuzzDecrypt0(f *testing.F) {
	k, err := cose.NewKey(cose.A256GCM, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range []cose.Context{place, {}, {Untagged: true}} {
		message, err := k.Encrypt0(nil, []byte("low voice"), c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
	}
	f.Add(foreign{protected: mapOf(algGCM), unprotected: mapOf(kidField, goodIV)}.seal(f, k))
	f.Fuzz(func(t *testing.T, message []byte) {
		for _, c := range []cose.Context{place, {}, {Untagged: true}} {
			_, err := k.Decrypt0(nil, message, c)
			wantCode(t, err)
		}
	})
}

func FuzzDecrypt(f *testing.F) {
	me, err := ecdh.NewPrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		f.Fatal(err)
	}
	peer, err := ecdh.NewPrivateKey(bytes.Repeat([]byte{8}, 32))
	if err != nil {
		f.Fatal(err)
	}
	kw, err := cose.NewKey(cose.A256KW, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		f.Fatal(err)
	}
	openers := []cose.Opener{
		cose.WithX25519(me, []byte("kid"), parties), cose.WithX25519(me, nil, direct(parties)),
		cose.WithStatic(me, peer.Public(), nil, parties), cose.WithKey(kw, []byte("kid")),
	}
	for _, to := range []cose.Recipient{
		cose.ToX25519(me.Public(), []byte("kid"), parties), cose.ToX25519(me.Public(), nil, direct(parties)),
		cose.ToStatic(peer, me.Public(), nil, parties), cose.ToKey(kw, []byte("kid")),
	} {
		for _, c := range []cose.Context{place, {}} {
			message, err := cose.Encrypt(nil, []byte("low voice"), []cose.Recipient{to}, c)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(message)
		}
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		for _, with := range openers {
			for _, c := range []cose.Context{place, {}} {
				_, err := cose.Decrypt(nil, message, with, c)
				wantCode(t, err)
			}
		}
	})
}

func FuzzVerify1(f *testing.F) {
	s := signerWithID(f, []byte("kid"))
	for _, c := range []cose.Context{place, {}} {
		message, err := s.Sign1(nil, []byte("low voice"), c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		for _, c := range []cose.Context{place, {}} {
			_, err := s.Verifier().Verify1(message, c)
			wantCode(t, err)
		}
	})
}

func FuzzUnwrapKey(f *testing.F) {
	k, err := cose.NewKey(cose.A256GCM, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		f.Fatal(err)
	}
	wrapped, err := k.WrapKey(k, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wrapped)
	f.Fuzz(func(t *testing.T, wrapped []byte) {
		_, err := k.UnwrapKey(wrapped, nil)
		wantCode(t, err)
	})
}

// FuzzParseKey reads every kind of COSE_Key; what is accepted is written back as the same key.
func FuzzParseKey(f *testing.F) {
	k, err := cose.NewKey(cose.A256GCM, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		f.Fatal(err)
	}
	symmetric, err := k.ExportSecretCOSEKey()
	if err != nil {
		f.Fatal(err)
	}
	okp, err := signerWithID(f, []byte("kid")).ExportSecretCOSEKey()
	if err != nil {
		f.Fatal(err)
	}
	x25519, err := ecdh.NewPrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(symmetric)
	f.Add(okp)
	f.Add(cose.PublicX25519(x25519.Public(), nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := cose.ParseKey(b)
		wantCode(t, err)
		if err == nil {
			again, err := k.ExportSecretCOSEKey()
			if err != nil {
				t.Fatal(err)
			}
			if k2, err := cose.ParseKey(again); err != nil || !k2.Equal(k) {
				t.Errorf("written back as another key: %v", err)
			}
		}
		_, _, err = cose.ParsePublicX25519(b)
		wantCode(t, err)
		_, _, err = cose.ParseSecretX25519(b)
		wantCode(t, err)
		_, err = cose.ParseVerifier(b)
		wantCode(t, err)
		_, err = cose.ParseSigner(b)
		wantCode(t, err)
	})
}

func FuzzInspect(f *testing.F) {
	message, err := signerWithID(f, []byte("kid")).Sign1(nil, []byte("hi"), place)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(message)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := cose.Inspect(b)
		wantCode(t, err)
	})
}
