package mk_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk"
)

func newKey(t testing.TB, b byte) *mk.Key {
	t.Helper()
	k, err := mk.NewKey(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newRing(t testing.TB, newest *mk.Key, older ...*mk.Key) *mk.Ring {
	t.Helper()
	r, err := mk.NewRing(newest, older...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRingOpensWithAnyKeyAndWrapsWithTheNewest(t *testing.T) {
	oldest, older, newest := newKey(t, 1), newKey(t, 2), newKey(t, 3)
	ring, inner := newRing(t, newest, older, oldest), content(t)
	for _, k := range []*mk.Key{oldest, older, newest} {
		wrapped, err := k.WrapKey(inner, []byte("here"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ring.UnwrapKey(wrapped, []byte("here")); err != nil || !got.Equal(inner) {
			t.Errorf("under %v: %v", k, err)
		}
		_, err = ring.UnwrapKey(wrapped, []byte("there"))
		wantFault(t, err, fault.Damaged)
	}
	wrapped, err := ring.WrapKey(inner, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newest.UnwrapKey(wrapped, nil); err != nil {
		t.Errorf("not under the newest: %v", err)
	}
	strange, err := newKey(t, 9).WrapKey(inner, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ring.UnwrapKey(strange, nil)
	wantFault(t, err, fault.WrongSecret)
	_, err = ring.UnwrapKey(nil, nil)
	wantFault(t, err, fault.Malformed)
}

func TestRingSkipsDestroyedKeys(t *testing.T) {
	oldest, newest := newKey(t, 1), newKey(t, 2)
	ring, inner := newRing(t, newest, oldest), content(t)
	wrapped, err := oldest.WrapKey(inner, nil)
	if err != nil {
		t.Fatal(err)
	}
	newest.Destroy()
	if _, err := ring.UnwrapKey(wrapped, nil); err != nil {
		t.Errorf("the older key is hidden by a destroyed one: %v", err)
	}
	_, err = ring.WrapKey(inner, nil)
	wantFault(t, err, fault.DestroyedKey)
	oldest.Destroy()
	_, err = ring.UnwrapKey(wrapped, nil)
	wantFault(t, err, fault.DestroyedKey)
}

func TestRewrapReportsOnEveryItem(t *testing.T) {
	older, newest := newKey(t, 1), newKey(t, 2)
	ring, inner := newRing(t, newest, older), content(t)
	wrap := func(k *mk.Key, aad string) []byte {
		wrapped, err := k.WrapKey(inner, []byte(aad))
		if err != nil {
			t.Fatal(err)
		}
		return wrapped
	}
	old := []mk.Wrapped{
		{wrap(older, "a"), []byte("a")},
		{wrap(newest, "b"), []byte("b")},
		{wrap(newKey(t, 9), "c"), []byte("c")},
		{wrap(older, "d"), []byte("e")},
		{nil, nil},
	}
	got := ring.Rewrap(context.Background(), old)
	if len(got) != len(old) {
		t.Fatalf("%d reports on %d keys", len(got), len(old))
	}
	for i, want := range []fault.Code{0, 0, fault.WrongSecret, fault.Damaged, fault.Malformed} {
		if want != 0 {
			wantFault(t, got[i].Err, want)
			if got[i].Key != nil {
				t.Errorf("item %d: bytes beside the error", i)
			}
			continue
		}
		if got[i].Err != nil {
			t.Errorf("item %d: %v", i, got[i].Err)
			continue
		}
		if k, err := newest.UnwrapKey(got[i].Key, old[i].AAD); err != nil || !k.Equal(inner) {
			t.Errorf("item %d under the newest key: %v", i, err)
		}
	}
	if !bytes.Equal(got[1].Key, old[1].Key) {
		t.Error("what was under the newest key changed")
	}

	done, cancel := context.WithCancel(context.Background())
	cancel()
	for i, r := range ring.Rewrap(done, old) {
		if r.Key != nil {
			t.Errorf("item %d renewed after the end", i)
		}
		wantFault(t, r.Err, fault.Canceled)
	}
}

func TestRingRefuses(t *testing.T) {
	_, err := mk.NewRing(nil)
	wantFault(t, err, fault.Misuse)
	_, err = mk.NewRing(newKey(t, 1), nil)
	wantFault(t, err, fault.Misuse)
	_, err = mk.NewRing(newKey(t, 1), make([]*mk.Key, mk.MaxRing)...)
	wantFault(t, err, fault.OverLimit)
}

func TestRingWithoutKeysIsADestroyedOne(t *testing.T) {
	inner, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*mk.Ring{nil, {}} {
		_, err := r.WrapKey(inner, nil)
		wantFault(t, err, fault.DestroyedKey)
		_, err = r.UnwrapKey([]byte("anything"), nil)
		wantFault(t, err, fault.DestroyedKey)
		for _, renewed := range r.Rewrap(t.Context(), []mk.Wrapped{{Key: []byte("anything")}}) {
			wantFault(t, renewed.Err, fault.DestroyedKey)
		}
	}
}
