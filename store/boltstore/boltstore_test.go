//go:build !js && !wasip1

package boltstore_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/boltstore"
	"github.com/sottokit/sotto/store/storetest"
)

var wantFault = faulttest.Want

func TestKeepsTheContractOfBackend(t *testing.T) {
	storetest.Test(t, func(t *testing.T) func() store.Backend {
		path := filepath.Join(t.TempDir(), "store")
		return func() store.Backend { return boltstore.New(path) }
	})
}

func TestTheFileIsMadeByTheFirstCommitAndIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	s := boltstore.New(path)
	if _, err := s.Generation(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Get(t.Context(), []byte("a")); err != nil {
		t.Fatal(err)
	}
	wantFault(t, s.Commit(t.Context(), store.Batch{Base: 1}), fault.StoreConflict)
	if _, err := os.Stat(path); err == nil {
		t.Error("reading made a file")
	}
	if err := s.Commit(t.Context(), store.Batch{}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
}

func TestWhatTheOperatingSystemRefusesIsStoreFailed(t *testing.T) {
	s := boltstore.New(filepath.Join(t.TempDir(), "no folder", "store"))
	wantFault(t, s.Commit(t.Context(), store.Batch{}), fault.StoreFailed)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := boltstore.New(filepath.Join(file, "store")).Generation(t.Context())
	wantFault(t, err, fault.StoreFailed)
}

func TestKeysAndValuesHaveLimits(t *testing.T) {
	s := boltstore.New(filepath.Join(t.TempDir(), "store"))
	for _, b := range []store.Batch{
		{Put: []store.Entry{{}}},
		{Put: []store.Entry{{Key: make([]byte, store.MaxKey+1)}}},
		{Put: []store.Entry{{Key: []byte("a"), Value: make([]byte, store.MaxSealed+1)}}},
		{Delete: [][]byte{nil}},
	} {
		wantFault(t, s.Commit(t.Context(), b), fault.OverLimit)
	}
}

// hold locks the file as another process does. bbolt's lock belongs to the open file, also within one process, but on
// Android.
func hold(t *testing.T, path string) *bbolt.DB {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 1})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestNothingIsHeldBetweenCalls(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	s := boltstore.New(path)
	if err := s.Commit(t.Context(), batch(0, 3)); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"commit":     func() error { return s.Commit(t.Context(), batch(1, 3)) },
		"conflict":   func() error { wantFault(t, s.Commit(t.Context(), batch(0, 3)), fault.StoreConflict); return nil },
		"generation": func() error { _, err := s.Generation(t.Context()); return err },
		"get":        func() error { _, _, err := s.Get(t.Context(), []byte("a")); return err },
		"scan":       func() error { _, err := s.Scan(t.Context(), nil, nil, 3); return err },
		"panic":      func() error { wantFault(t, boltstore.OpenAndPanic(t.Context(), s), fault.Damaged); return nil },
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 1})
		if err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
		if err := db.Close(); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
}

// The processor's fault for memory that has no file behind it ends the call, not the process.
func TestAFileThatIsCutWhileItIsReadIsDamaged(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows cuts no file that is mapped")
	}
	s := boltstore.New(filepath.Join(t.TempDir(), "store"))
	if err := s.Commit(t.Context(), batch(0, 100)); err != nil {
		t.Fatal(err)
	}
	wantFault(t, boltstore.OpenAndCut(t.Context(), s), fault.Damaged)
	if _, err := s.Generation(t.Context()); err != nil {
		t.Errorf("the call after it: %v", err)
	}
}

func TestALockedFileIsWaitedForInBounds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	db := hold(t, path)
	if err := db.Update(func(tx *bbolt.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	hasty := boltstore.Hasty(path)
	_, err := hasty.Generation(t.Context())
	wantFault(t, err, fault.StoreFailed)

	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	s := boltstore.New(path)
	go func() { _, err := s.Generation(ctx); errs <- err }()    // waits for the lock
	go func() { errs <- s.Commit(ctx, store.Batch{Base: 7}) }() // waits for the lock, or for the other call
	cancel()
	wantFault(t, <-errs, fault.Canceled)
	wantFault(t, <-errs, fault.Canceled)

	go func() { errs <- s.Commit(t.Context(), store.Batch{}) }()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-errs; err != nil {
		t.Errorf("after the other process was done: %v", err)
	}
}

// late is a done context that says so from the second time on.
type late struct {
	context.Context
	asked bool
}

func (l *late) Err() error {
	if !l.asked {
		l.asked = true
		return nil
	}
	return l.Context.Err()
}

func TestADoneContextEndsTheWaitForAnotherCall(t *testing.T) {
	s := boltstore.New(filepath.Join(t.TempDir(), "store"))
	err := boltstore.Occupy(t.Context(), s, func() {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Generation(&late{Context: ctx})
		wantFault(t, err, fault.Canceled)
	})
	if err != nil {
		t.Error(err)
	}
}

// A deadline must end the wait although nobody cancels.
func TestADeadlineEndsTheWaitForTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	db := hold(t, path)
	defer db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	wantFault(t, boltstore.New(path).Commit(ctx, store.Batch{}), fault.Canceled)
}

// Whatever is put and deleted, the file is read as bbolt reads it, and is never taken for damaged.
func TestTheFileIsAlwaysReadRight(t *testing.T) {
	folder, files := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		files++
		path := filepath.Join(folder, string(rune('a'+files%26)))
		_ = os.Remove(path)
		s, model := boltstore.New(path), map[string][]byte{}
		size := rapid.SampledFrom([]int{0, 10, 100, 300, 5000}).Draw(rt, "size")
		for base := range uint64(rapid.IntRange(1, 8).Draw(rt, "commits")) {
			b := store.Batch{Base: base}
			changed := map[string]bool{}
			for range rapid.IntRange(0, 4).Draw(rt, "runs") { // of neighbouring keys, so that whole pages come and go
				first := rapid.IntRange(0, 2000).Draw(rt, "first")
				remove := rapid.Bool().Draw(rt, "remove")
				for i := range rapid.SampledFrom([]int{1, 3, 30, 600}).Draw(rt, "length") {
					key := string(binary.BigEndian.AppendUint32(nil, uint32(first+i)))
					if changed[key] {
						continue
					}
					changed[key] = true
					if remove {
						b.Delete = append(b.Delete, []byte(key))
						delete(model, key)
						continue
					}
					model[key] = bytes.Repeat([]byte{byte(base)}, (first+i*size)%(size+1))
					b.Put = append(b.Put, store.Entry{Key: []byte(key), Value: model[key]})
				}
			}
			if err := s.Commit(t.Context(), b); err != nil {
				rt.Fatal(err)
			}
			checkFile(rt, s, path, model)
		}
	})
}

func checkFile(rt *rapid.T, s *boltstore.Store, path string, model map[string][]byte) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		rt.Fatal(err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			rt.Errorf("bbolt: %v", err)
		}
		return nil
	})
	if err != nil {
		rt.Fatal(err)
	}
	if err := db.Close(); err != nil {
		rt.Fatal(err)
	}
	all, err := s.Scan(context.Background(), nil, nil, 1<<20)
	if err != nil || len(all) != len(model) {
		rt.Fatalf("%d of %d entries, %v", len(all), len(model), err)
	}
	for i, e := range all {
		if !bytes.Equal(model[string(e.Key)], e.Value) || i > 0 && bytes.Compare(all[i-1].Key, e.Key) >= 0 {
			rt.Fatalf("entry %d is wrong", i)
		}
	}
	for range 5 {
		key := binary.BigEndian.AppendUint32(nil, uint32(rapid.IntRange(0, 2700).Draw(rt, "key")))
		value, found, err := s.Get(context.Background(), key)
		expected, there := model[string(key)]
		if err != nil || found != there || !bytes.Equal(value, expected) {
			rt.Fatalf("got %d bytes, %v, %v", len(value), found, err)
		}
		from, _ := slices.BinarySearchFunc(all, key, func(e store.Entry, k []byte) int { return bytes.Compare(e.Key, k) })
		if there {
			from++
		}
		page, err := s.Scan(context.Background(), nil, key, 3)
		same := func(a, b store.Entry) bool { return bytes.Equal(a.Key, b.Key) }
		if err != nil || !slices.EqualFunc(page, all[from:min(from+3, len(all))], same) {
			rt.Fatalf("page of %d after key %x, %v", len(page), key, err)
		}
	}
}

func TestWhatIsNoStoreIsRefused(t *testing.T) {
	for _, s := range []*boltstore.Store{nil, {}} {
		_, err := s.Generation(t.Context())
		wantFault(t, err, fault.Misuse)
		wantFault(t, s.Commit(t.Context(), store.Batch{}), fault.Misuse)
	}
	folder := boltstore.New(t.TempDir())
	_, err := folder.Generation(t.Context())
	wantFault(t, err, fault.StoreFailed)
	wantFault(t, folder.Commit(t.Context(), store.Batch{}), fault.StoreFailed)
}
