package cose_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
)

func TestWrappedKeyOpensUnderTheSameKeyAndPlaceOnly(t *testing.T) {
	for _, outer := range []cose.Algorithm{cose.A256GCM, cose.ChaCha20Poly1305, cose.A256KW} {
		for _, alg := range []cose.Algorithm{cose.A256GCM, cose.ChaCha20Poly1305, cose.A256KW} {
			k, inner := generate(t, outer), generate(t, alg)
			wrapped, err := k.WrapKey(inner, []byte("here"))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := k.UnwrapKey(wrapped, []byte("here")); err != nil || !got.Equal(inner) {
				t.Errorf("%v under %v: %v", alg, outer, err)
			}
			_, err = k.UnwrapKey(wrapped, []byte("there"))
			wantFault(t, err, fault.Damaged)
			_, err = generate(t, outer).UnwrapKey(wrapped, []byte("here"))
			wantFault(t, err, fault.WrongSecret)
		}
	}
}

// The same 32 bytes as a key of another algorithm are another key here, too.
func TestWrappingIsBoundToTheAlgorithmOfTheKey(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 32)
	gcm, err := cose.NewKey(cose.A256GCM, secret)
	if err != nil {
		t.Fatal(err)
	}
	kw, err := cose.NewKey(cose.A256KW, secret)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := gcm.WrapKey(generate(t, cose.A256GCM), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = kw.UnwrapKey(wrapped, nil)
	wantFault(t, err, fault.WrongSecret)
}

func TestWrappedKeyHasOneForm(t *testing.T) {
	k, inner := generate(t, cose.A256GCM), generate(t, cose.A256GCM)
	wrapped, err := k.WrapKey(inner, nil)
	if err != nil {
		t.Fatal(err)
	}
	// 16([<<{1: 3, 16: "sotto/v1.key-wrap", -70004: bytes(32)}>>, {5: bytes(12)}, bytes(40 + 16)])
	const start = "d083" + "583d" + "a3" + "0103" + "1071736f74746f2f76312e6b65792d77726170" + "3a00011173" + "5820"
	if got := hex.EncodeToString(wrapped[:len(start)/2]); got != start {
		t.Errorf("starts with %s, want %s", got, start)
	}
	if rest := wrapped[len(start)/2+32:]; len(rest) != 3+12+2+56 || !bytes.HasPrefix(rest, []byte{0xa1, 0x05, 0x4c}) {
		t.Errorf("after the commitment stand %d bytes", len(rest))
	}
	for i := range wrapped {
		bad := bytes.Clone(wrapped)
		bad[i] ^= 1
		if _, err := k.UnwrapKey(bad, nil); err == nil {
			t.Errorf("byte %d flipped: opened", i)
		}
		if _, err := k.UnwrapKey(wrapped[:i], nil); err == nil {
			t.Errorf("cut at %d: opened", i)
		}
	}
	_, err = k.UnwrapKey(append(wrapped, 0), nil)
	wantFault(t, err, fault.Malformed)
	_, err = k.UnwrapKey(make([]byte, 2000), nil)
	wantFault(t, err, fault.OverLimit)
	_, err = k.WrapKey(nil, nil)
	wantFault(t, err, fault.DestroyedKey)
}

// A commitment that is missing, short or of another key must be told apart from damage, and a message of the same key
// must not pass for a wrapped key.
func TestUnwrapKeyTellsWrongFromDamaged(t *testing.T) {
	k := generate(t, cose.A256GCM)
	wrapped, err := k.WrapKey(generate(t, cose.A256GCM), nil)
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(wrapped)
	bad[40] ^= 1 // in the commitment
	_, err = k.UnwrapKey(bad, nil)
	wantFault(t, err, fault.WrongSecret)
	bad = bytes.Clone(wrapped)
	bad[len(bad)-1] ^= 1 // in the tag
	_, err = k.UnwrapKey(bad, nil)
	wantFault(t, err, fault.Damaged)

	for name, header := range map[string][]coseimpl.Field{
		"no commitment": {coseimpl.IntField(1, 3), coseimpl.TextField(16, "sotto/v1.key-wrap")},
		"short commitment": {coseimpl.IntField(1, 3), coseimpl.TextField(16, "sotto/v1.key-wrap"),
			coseimpl.BytesField(-70004, make([]byte, 31))},
		"extra": {coseimpl.IntField(1, 3), coseimpl.TextField(16, "sotto/v1.key-wrap"), coseimpl.IntField(99, 0),
			coseimpl.BytesField(-70004, make([]byte, 32))},
		"another type": {coseimpl.IntField(1, 3), coseimpl.TextField(16, "sotto/v1.sealed")},
	} {
		t.Run(name, func(t *testing.T) {
			message := coseimpl.AppendEncrypt0Start(nil, true, coseimpl.AppendHeader(nil, header...))
			message = coseimpl.AppendHeader(message, coseimpl.BytesField(5, make([]byte, 12)))
			message = append(message, 0x40)
			_, err := k.UnwrapKey(message, nil)
			wantFault(t, err, fault.Malformed)
		})
	}
	extra := bytes.Replace(wrapped, []byte{0xa1, 0x05, 0x4c}, []byte{0xa2, 0x04, 0x40, 0x05, 0x4c}, 1) // a kid before the IV
	_, err = k.UnwrapKey(extra, nil)
	wantFault(t, err, fault.Malformed)

	message, err := k.Encrypt0(nil, make([]byte, 40), cose.Bind("sotto/v1.key-wrap"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.UnwrapKey(message, nil)
	wantFault(t, err, fault.Malformed)
}

// What is inside must be a key, and its parameters survive.
func TestUnwrapKeyKeepsTheKeyID(t *testing.T) {
	withID := coseimpl.SymmetricKey{Alg: 3, KID: []byte("kid"), K: make([]byte, 32)}
	inner, err := cose.ParseKey(withID.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	k := generate(t, cose.A256GCM)
	wrapped, err := k.WrapKey(inner, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := k.UnwrapKey(wrapped, nil)
	if err != nil || string(got.KeyID()) != "kid" {
		t.Errorf("kid %q, %v", got.KeyID(), err)
	}
}

// What is inside of a wrapped key is our own structure: one form.
func TestWrappedKeyHasOneFormInside(t *testing.T) {
	k := generate(t, cose.A256KW)
	good, err := k.WrapKey(k, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.UnwrapKey(good, nil); err != nil {
		t.Fatal(err)
	}
	for name, coseKey := range map[string][]byte{
		"order":   append([]byte{0xa3, 0x03, 0x03, 0x01, 0x04, 0x20, 0x58, 0x20}, make([]byte, 32)...),
		"unknown": append([]byte{0xa4, 0x01, 0x04, 0x03, 0x03, 0x06, 0x00, 0x20, 0x58, 0x20}, make([]byte, 32)...),
	} {
		if _, err := cose.ParseKey(coseKey); err != nil {
			t.Fatalf("%s: a key from elsewhere may have it: %v", name, err)
		}
		wrapped, err := cose.WrapBytes(k, coseKey)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.UnwrapKey(wrapped, nil)
		if !errors.Is(err, fault.Malformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// device is a Wrapper that somebody else wrote, and that answers as it is told.
type device struct {
	wrapped []byte
	inner   *cose.Key
	err     error
}

func (d device) WrapKey(*cose.Key, []byte) ([]byte, error) { return d.wrapped, d.err }
func (d device) UnwrapKey(_, _ []byte) (*cose.Key, error)  { return d.inner, d.err }

func TestForeignWrappersAreHeldToTheirContract(t *testing.T) {
	k := generate(t, cose.A256GCM)
	for name, c := range map[string]struct {
		w    cose.Wrapper
		want fault.Code
	}{
		"no wrapper":     {nil, fault.Misuse},
		"plain error":    {device{err: errors.New("unplugged")}, fault.StoreFailed},
		"error and more": {device{[]byte{1}, k, errors.New("unplugged")}, fault.StoreFailed},
		"coded error":    {device{err: fault.WrongSecret}, fault.WrongSecret},
		"nothing":        {device{}, fault.StoreFailed},
	} {
		wrapped, err := cose.Wrap(c.w, k, nil)
		wantFault(t, err, c.want)
		inner, err := cose.Unwrap(c.w, nil, nil)
		wantFault(t, err, c.want)
		if wrapped != nil || inner != nil {
			t.Errorf("%s: a result beside the error", name)
		}
	}
}
