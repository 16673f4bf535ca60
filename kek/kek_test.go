package kek_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/dek"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/kek"
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

func TestWrappedKeyIsBoundToPlaceAndRole(t *testing.T) {
	w, k := wrapper(t, cose.A256GCM), kek.Generate()
	wrapped, err := k.Wrap(w, []byte("channel"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := kek.Unwrap(w, wrapped, []byte("channel")); err != nil || !got.Equal(k) || !bytes.Equal(got.ID(), k.ID()) {
		t.Errorf("unwrapped: %v", err)
	}
	_, err = kek.Unwrap(w, wrapped, []byte("another"))
	wantFault(t, err, fault.Damaged)
	_, err = kek.Unwrap(wrapper(t, cose.A256GCM), wrapped, []byte("channel"))
	wantFault(t, err, fault.WrongSecret)
	_, err = dek.Unwrap(w, wrapped, []byte("channel")) // a channel key is no content key
	wantFault(t, err, fault.Damaged)
	_, err = kek.Unwrap(nil, wrapped, nil)
	wantFault(t, err, fault.Misuse)
	_, err = k.Wrap(nil, nil)
	wantFault(t, err, fault.Misuse)

	// One with a kid would outgrow the next wrap around it.
	withID, err := cose.ParseKey(append([]byte{0xa4, 1, 4, 2, 0x41, 7, 3, 3, 0x20, 0x58, 0x20}, make([]byte, 32)...))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := w.WrapKey(withID, kek.AAD([]byte("channel")))
	if err != nil {
		t.Fatal(err)
	}
	_, err = kek.Unwrap(w, raw, []byte("channel"))
	wantFault(t, err, fault.Malformed)
	raw, err = w.WrapKey(wrapper(t, cose.A256KW), kek.AAD([]byte("channel")))
	if err != nil {
		t.Fatal(err)
	}
	_, err = kek.Unwrap(w, raw, []byte("channel"))
	wantFault(t, err, fault.Malformed)
}

func TestRotationRewrapsEveryContentKey(t *testing.T) {
	old := kek.Generate()
	var keys []*dek.Key
	var wrapped []kek.WrappedDEK
	for i := range 5 {
		k, aad := dek.Generate(), append([]byte("channel "), byte(i))
		w, err := k.Wrap(old, aad)
		if err != nil {
			t.Fatal(err)
		}
		keys, wrapped = append(keys, k), append(wrapped, kek.WrappedDEK{Key: w, AAD: aad})
	}
	next, renewed, err := old.Rotate(wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if next.Equal(old) {
		t.Error("the channel key is the old one")
	}
	for i, k := range keys {
		if got, err := dek.Unwrap(next, renewed[i], wrapped[i].AAD); err != nil || !got.Equal(k) {
			t.Errorf("content key %d under the new channel key: %v", i, err)
		}
		if _, err := dek.Unwrap(old, wrapped[i].Key, wrapped[i].AAD); err != nil {
			t.Errorf("content key %d under the old one: %v", i, err)
		}
		_, err = dek.Unwrap(old, renewed[i], wrapped[i].AAD)
		wantFault(t, err, fault.WrongSecret)
	}
}

func TestRotationIsAllOrNothing(t *testing.T) {
	old, here := kek.Generate(), []byte("channel")
	good, err := dek.Generate().Wrap(old, here)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := dek.Generate().Wrap(old, []byte("another"))
	if err != nil {
		t.Fatal(err)
	}
	strange, err := dek.Generate().Wrap(kek.Generate(), here)
	if err != nil {
		t.Fatal(err)
	}
	notDEK, err := kek.Generate().Wrap(old, here)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		bad  []byte
		want fault.Code
	}{{elsewhere, fault.Damaged}, {strange, fault.WrongSecret}, {notDEK, fault.Damaged}, {nil, fault.Malformed}} {
		next, renewed, err := old.Rotate([]kek.WrappedDEK{{Key: good, AAD: here}, {Key: c.bad, AAD: here}})
		wantFault(t, err, c.want)
		if err == nil || !strings.Contains(err.Error(), "content key 1") || next != nil || renewed != nil {
			t.Errorf("got a key (%v), %d wraps and %v", next != nil, len(renewed), err)
		}
	}
	if next, renewed, err := old.Rotate(nil); err != nil || next == nil || len(renewed) != 0 {
		t.Errorf("a channel without content keys: %v", err)
	}
	_, _, err = old.Rotate(make([]kek.WrappedDEK, kek.MaxRotate+1))
	wantFault(t, err, fault.OverLimit)
}

func TestDestroyedKeyRefuses(t *testing.T) {
	k := kek.Generate()
	wrapped, err := dek.Generate().Wrap(k, nil)
	if err != nil {
		t.Fatal(err)
	}
	k.Destroy()
	k.Destroy()
	_, err = dek.Unwrap(k, wrapped, nil)
	wantFault(t, err, fault.DestroyedKey)
	_, err = dek.Generate().Wrap(k, nil)
	wantFault(t, err, fault.DestroyedKey)
	_, err = k.Wrap(wrapper(t, cose.A256GCM), nil)
	wantFault(t, err, fault.DestroyedKey)
	_, _, err = k.Rotate([]kek.WrappedDEK{{Key: wrapped}})
	wantFault(t, err, fault.DestroyedKey)
	_, err = k.ExportSecret()
	wantFault(t, err, fault.DestroyedKey)
}

func TestZeroAndNilKeysAreDestroyedOnes(t *testing.T) {
	x := newExchange(t)
	wrapped, err := dek.Generate().Wrap(kek.Generate(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []*kek.Key{nil, {}} {
		_, err := k.Wrap(wrapper(t, cose.A256GCM), nil)
		wantFault(t, err, fault.DestroyedKey)
		_, err = dek.Generate().Wrap(k, nil)
		wantFault(t, err, fault.DestroyedKey)
		_, err = dek.Unwrap(k, wrapped, nil)
		wantFault(t, err, fault.DestroyedKey)
		_, err = k.Grant(x.request, x.member.Verifier(), x.manager, x.channel)
		wantFault(t, err, fault.DestroyedKey)
		_, _, err = k.Rotate(nil)
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
	k := kek.Generate()
	secret, err := k.ExportSecret()
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		out := fmt.Sprintf(verb, k)
		if strings.Contains(out, hex.EncodeToString(secret)[:16]) || strings.Contains(out, fmt.Sprint(secret)[1:20]) ||
			!strings.Contains(out, "kek.Key(") {
			t.Errorf("%s prints %q", verb, out)
		}
	}
}
