package store_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// stored returns the one entry under n, whose value nobody else in the store has the length of.
func stored(t testing.TB, b store.Backend, size int) store.Entry {
	t.Helper()
	for _, e := range raw(t, b) {
		if len(e.Key) == 24 && len(e.Value) > size && len(e.Value) < size+100 {
			return e
		}
	}
	t.Fatal("no such value")
	return store.Entry{}
}

func wantDamaged(t testing.TB, d *store.DB, n store.Name) {
	t.Helper()
	err := d.View(t.Context(), func(tx *store.Tx) error {
		value, found, err := tx.Get(n)
		if value != nil || found {
			t.Errorf("%d bytes of a damaged value came out", len(value))
		}
		wantFault(t, tx.Range(n, func(uint64, []byte) error {
			t.Error("a damaged value was visited")
			return nil
		}), fault.Damaged)
		return err
	})
	wantFault(t, err, fault.Damaged)
	if !strings.Contains(err.Error(), `"test/note"`) {
		t.Errorf("the error does not name the room: %v", err)
	}
}

func TestEveryChangedByteIsDamage(t *testing.T) {
	b := store.Memory()
	d := open(t, b)
	put(t, d, note(1, "part"), strings.Repeat("value", 100))
	e := stored(t, b, 500)
	for i := range e.Value {
		bad := bytes.Clone(e.Value)
		bad[i] ^= 1
		write(t, b, e.Key, bad)
		wantDamaged(t, d, note(1, "part"))
	}
	for i := range e.Value {
		write(t, b, e.Key, e.Value[:i])
		wantDamaged(t, d, note(1, "part"))
	}
	write(t, b, e.Key, append(bytes.Clone(e.Value), 0))
	wantDamaged(t, d, note(1, "part"))
	write(t, b, e.Key, e.Value)
	want(t, d, note(1, "part"), strings.Repeat("value", 100))
}

func TestAValueMovedToAnotherNameIsDamage(t *testing.T) {
	for _, n := range []store.Name{note(2), note(1, "part"), {Room: "test/other", Seq: 1}} {
		b := store.Memory()
		d := open(t, b)
		put(t, d, note(1), strings.Repeat("a", 300))
		put(t, d, n, strings.Repeat("b", 600))
		first, second := stored(t, b, 300), stored(t, b, 600)
		write(t, b, first.Key, second.Value)
		wantDamaged(t, d, note(1))
	}
}

// The limits that the package comment names: whoever claims more must change this test.
func TestOlderAndDeletedValuesAreNotNoticed(t *testing.T) {
	b := store.Memory()
	d := open(t, b)
	put(t, d, note(1), strings.Repeat("a", 300))
	old := stored(t, b, 300)
	put(t, d, note(1), strings.Repeat("b", 300))
	write(t, b, old.Key, old.Value)
	want(t, d, note(1), strings.Repeat("a", 300))
	if err := b.Commit(t.Context(), store.Batch{Base: generation(t, b), Delete: [][]byte{old.Key}}); err != nil {
		t.Fatal(err)
	}
	want(t, d, note(1), "-")
}

// A store that was restored or copied seals the same value again: the IV must be another one.
func TestNoTwoSealsAreAlike(t *testing.T) {
	b := store.Memory()
	d := open(t, b)
	seen := map[string]bool{}
	for range 20 {
		put(t, d, note(1), "value")
		for _, e := range raw(t, b) {
			seen[string(e.Value)] = true
		}
	}
	if len(seen) != 20+1 { // the schema record is sealed once
		t.Errorf("%d different seals", len(seen))
	}
}

func TestTheBackendSeesNoNamesAndNoValues(t *testing.T) {
	b := store.Memory()
	d := open(t, b)
	update(t, d, func(tx *store.Tx) error {
		tx.Put(note(7, "alice", "bob"), []byte("geheim"))
		tx.Put(note(8, "alice", "bob"), []byte("geheim"))
		tx.Put(note(7, "carol"), []byte("geheim"))
		tx.SetHeader([]byte("in the clear"))
		return nil
	})
	prefixes := map[string]int{}
	for _, e := range raw(t, b) {
		all := string(e.Key) + string(e.Value)
		for _, s := range []string{"alice", "bob", "carol", "geheim", "test", "note"} {
			if strings.Contains(all, s) {
				t.Errorf("the backend sees %q", s)
			}
		}
		if len(e.Key) == 24 {
			prefixes[string(e.Key[:16])]++
		} else if string(e.Key) != "header" || string(e.Value) != "in the clear" {
			t.Errorf("key of %d bytes", len(e.Key))
		}
	}
	if len(prefixes) != 3 { // alice and bob, carol, the DB itself
		t.Errorf("%d collections", len(prefixes))
	}
}

func TestErrorsSayNothingOfPartsAndValues(t *testing.T) {
	b := store.Memory()
	d := open(t, b)
	secrets := []string{"geheim", hex.EncodeToString([]byte("geheim"))}
	part := strings.Repeat("geheim", 1000)
	n := note(1, "geheim")
	put(t, d, n, strings.Repeat("geheim", 100))
	write(t, b, stored(t, b, 600).Key, []byte("geheim"))
	for _, err := range []error{
		d.View(t.Context(), func(tx *store.Tx) error { _, _, err := tx.Get(n); return err }),
		d.View(t.Context(), func(tx *store.Tx) error { return tx.Range(n, nil) }),
		d.View(t.Context(), func(tx *store.Tx) error { tx.Put(n, []byte("geheim")); return nil }),
		d.Update(t.Context(), func(tx *store.Tx) error { tx.Put(note(1, part), nil); return nil }),
		d.Update(t.Context(), func(tx *store.Tx) error { tx.Put(n, bytes.Repeat([]byte("geheim"), 1<<22)); return nil }),
	} {
		if err == nil {
			t.Error("no error")
			continue
		}
		for _, s := range secrets {
			if strings.Contains(err.Error(), s) {
				t.Errorf("error says %v", err)
			}
		}
	}
}

// byHand computes from the spec alone what a store with root key 32 times 01 writes for note(5, "a", "b").
func byHand(t testing.TB) (storageKey []byte, value *cose.Key) {
	t.Helper()
	root := bytes.Repeat([]byte{1}, 32)
	names, err := hkdf.Key(sha256.New, root, nil, "\x81\x73sotto/v1.store-name", 32)
	if err != nil {
		t.Fatal(err)
	}
	values, err := hkdf.Key(sha256.New, root, nil, "\x81\x6esotto/v1.store", 32)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, names)
	mac.Write([]byte("\x83\x73sotto/v1.store-name\x69test/note\x82\x41a\x41b"))
	storageKey = append(mac.Sum(nil)[:16], 0, 0, 0, 0, 0, 0, 0, 5)
	mac = hmac.New(sha256.New, values)
	mac.Write(storageKey)
	if value, err = cose.NewKey(cose.A256GCM, mac.Sum(nil)); err != nil {
		t.Fatal(err)
	}
	return storageKey, value
}

func TestFormatIsThatOfTheSpec(t *testing.T) {
	b := store.Memory()
	d := open(t, b)
	n := note(5, "a", "b")
	put(t, d, n, "by the DB")
	storageKey, value := byHand(t)
	sealed, found, err := b.Get(t.Context(), storageKey)
	if err != nil || !found {
		t.Fatalf("nothing under %x, %v", storageKey, err)
	}
	place := cose.Context{Type: "sotto/v1.store", AAD: []byte("\x82\x6esotto/v1.store\x58\x18" + string(storageKey))}
	if got, err := value.Decrypt0(nil, sealed, place); err != nil || string(got) != "by the DB" {
		t.Errorf("opened %q, %v", got, err)
	}
	if sealed, err = value.Encrypt0(nil, []byte("by hand"), place); err != nil {
		t.Fatal(err)
	}
	write(t, b, storageKey, sealed)
	want(t, d, n, "by hand")

	place = cose.Bind("sotto/v2.store", storageKey)
	if sealed, err = value.Encrypt0(nil, []byte("of the future"), place); err != nil {
		t.Fatal(err)
	}
	write(t, b, storageKey, sealed)
	wantFault(t, d.View(t.Context(), func(tx *store.Tx) error { _, _, err := tx.Get(n); return err }), fault.UnsupportedVersion)

	// The example of docs/spec/store.md.
	secret, err := value.ExportSecret()
	if err != nil {
		t.Fatal(err)
	}
	if hex.EncodeToString(storageKey) != specStorageKey || hex.EncodeToString(secret) != specValueKey {
		t.Errorf("storage key %x, key of the value %x", storageKey, secret)
	}
}

const (
	specStorageKey = "9292ab2793a49a3a67d7ef6effbfcb360000000000000005"
	specValueKey   = "9637f15e3420cc406a2fca0dd2e0b29ebda86f060ea67272163222566ea24da5"
)
