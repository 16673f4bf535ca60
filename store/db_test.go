package store_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/storetest"
)

func TestAnUpdateIsOneCommit(t *testing.T) {
	b := store.Memory()
	d := open(t, b)
	update(t, d, func(tx *store.Tx) error {
		for i := range uint64(10) {
			tx.Put(note(i), []byte("a"))
		}
		tx.SetHeader([]byte("header"))
		return nil
	})
	if n := generation(t, b); n != 1 {
		t.Errorf("%d commits", n)
	}
	d.Destroy()
	d = open(t, b)
	want(t, d, note(9), "a")
	update(t, d, func(tx *store.Tx) error {
		tx.Delete(note(9))
		tx.Delete(note(99))
		return nil
	})
	want(t, d, note(9), "-")
	want(t, d, note(8), "a")
	header, found, err := store.Header(t.Context(), b)
	if string(header) != "header" || !found || err != nil {
		t.Errorf("header %q, %v, %v", header, found, err)
	}
}

func TestAnUpdateThatFailsWritesNothing(t *testing.T) {
	b := store.Memory()
	d := open(t, b)
	mine := errors.New("mine")
	err := d.Update(t.Context(), func(tx *store.Tx) error {
		tx.Put(note(1), []byte("a"))
		return mine
	})
	if !errors.Is(err, mine) {
		t.Errorf("error is %v", err)
	}
	if generation(t, b) != 0 {
		t.Error("something was committed")
	}
}

func TestAnUpdateThatWritesNothingCommitsNothing(t *testing.T) {
	b := store.Memory()
	d := open(t, b)
	update(t, d, func(tx *store.Tx) error {
		_, _, err := tx.Get(note(1))
		return err
	})
	if generation(t, b) != 0 {
		t.Error("something was committed")
	}
}

func TestAWriteInAViewIsMisuse(t *testing.T) {
	b := store.Memory()
	d := open(t, b)
	put(t, d, note(1), "a")
	for name, f := range map[string]func(*store.Tx){
		"put":    func(tx *store.Tx) { tx.Put(note(1), nil) },
		"delete": func(tx *store.Tx) { tx.Delete(note(1)) },
		"header": func(tx *store.Tx) { tx.SetHeader(nil) },
	} {
		err := d.View(t.Context(), func(tx *store.Tx) error {
			f(tx)
			return nil
		})
		if !errors.Is(err, fault.Misuse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if generation(t, b) != 1 {
		t.Error("something was committed")
	}
}

func TestUpdateIsRunAgainWhenOthersCommitted(t *testing.T) {
	b := store.Memory()
	d, other := open(t, b), open(t, b)
	put(t, d, note(1), "a")
	for name, fails := range map[string]bool{"at the commit": false, "after an error": true} {
		runs, after := 0, 0
		err := d.Update(t.Context(), func(tx *store.Tx) error {
			runs++
			tx.AfterCommit(func() { after++ })
			if runs == 1 {
				put(t, other, note(1), name)
				if fails {
					return fault.Malformed
				}
			}
			tx.Put(note(2), []byte(get(t, tx, note(1))))
			return nil
		})
		if err != nil || runs != 2 || after != 1 {
			t.Errorf("%s: %d runs, %d calls after the commit, %v", name, runs, after, err)
		}
		want(t, d, note(2), name)
	}
}

func TestViewSeesOneState(t *testing.T) {
	b := store.Memory()
	d, other := open(t, b), open(t, b)
	pair := func(value string) func(tx *store.Tx) error {
		return func(tx *store.Tx) error {
			tx.Put(note(1), []byte(value))
			tx.Put(note(2), []byte(value))
			return nil
		}
	}
	update(t, d, pair("old"))
	runs, seen := 0, ""
	err := d.View(t.Context(), func(tx *store.Tx) error {
		runs++
		first := get(t, tx, note(1))
		if runs == 1 {
			update(t, other, pair("new"))
		}
		seen = first + " " + get(t, tx, note(2))
		return nil
	})
	if err != nil || runs != 2 || seen != "new new" {
		t.Errorf("%d runs, saw %q, %v", runs, seen, err)
	}
}

func TestAnUpdateWithoutWritesSeesOneState(t *testing.T) {
	b := store.Memory()
	d, other := open(t, b), open(t, b)
	runs := 0
	update(t, d, func(tx *store.Tx) error {
		if runs++; runs == 1 {
			put(t, other, note(1), "a")
		}
		return nil
	})
	if runs != 2 {
		t.Errorf("%d runs", runs)
	}
}

// busy is a storage that somebody else commits to all the time.
type busy struct{ store.Backend }

func (b busy) Commit(ctx context.Context, batch store.Batch) error { return fault.StoreConflict }

func TestRetriesAreBounded(t *testing.T) {
	d := open(t, busy{store.Memory()})
	runs := 0
	err := d.Update(t.Context(), func(tx *store.Tx) error {
		runs++
		tx.Put(note(1), nil)
		return nil
	})
	wantFault(t, err, fault.StoreConflict)
	if runs != 100 {
		t.Errorf("%d runs", runs)
	}
}

func TestConcurrentUpdatesAndViews(t *testing.T) {
	b := store.Memory()
	first := open(t, b)
	count := func(tx *store.Tx) error {
		for i := range uint64(2) {
			value, _, err := tx.Get(note(i))
			if err != nil {
				return err
			}
			tx.Put(note(i), append(value, 'x'))
		}
		return nil
	}
	update(t, first, count)
	var wg sync.WaitGroup
	for _, d := range []*store.DB{first, first, open(t, b), open(t, b)} {
		wg.Go(func() {
			for range 25 {
				if err := d.Update(t.Context(), count); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 25 {
				var a, b string
				err := d.View(t.Context(), func(tx *store.Tx) error {
					a, b = get(t, tx, note(0)), get(t, tx, note(1))
					return nil
				})
				if err != nil || a != b {
					t.Errorf("saw %d and %d, %v", len(a), len(b), err)
				}
			}
		})
	}
	wg.Wait()
	want(t, first, note(0), strings.Repeat("x", 101))
}

func TestSchemaMigratesInOneCommit(t *testing.T) {
	b, root := store.Memory(), rootKey(t, 1)
	put(t, open(t, b), note(1), "one")
	migrate := func(tx *store.Tx, from uint64) error {
		if from != 1 {
			t.Errorf("migrate from %d", from)
		}
		tx.Put(note(1), []byte(get(t, tx, note(1))+" two"))
		return nil
	}
	old := open(t, b)

	_, err := store.Open(t.Context(), b, root, store.Schema{Version: 2})
	wantFault(t, err, fault.Misuse)
	_, err = store.Open(t.Context(), b, root, store.Schema{Version: 2, Migrate: func(tx *store.Tx, _ uint64) error {
		tx.Put(note(1), []byte("half"))
		return fault.Malformed
	}})
	wantFault(t, err, fault.Malformed)
	if generation(t, b) != 1 {
		t.Error("a migration that failed was committed")
	}

	for range 2 { // the second time there is nothing to migrate
		d, err := store.Open(t.Context(), b, root, store.Schema{Version: 2, Migrate: migrate})
		if err != nil {
			t.Fatal(err)
		}
		want(t, d, note(1), "one two")
		if generation(t, b) != 2 {
			t.Errorf("%d commits", generation(t, b))
		}
	}

	// The code before the migration, in a process that is still running or starts now.
	_, err = store.Open(t.Context(), b, root, schema)
	wantFault(t, err, fault.UnsupportedVersion)
	wantFault(t, old.View(t.Context(), func(*store.Tx) error { return nil }), fault.UnsupportedVersion)
	wantFault(t, old.Update(t.Context(), func(tx *store.Tx) error {
		tx.Put(note(1), nil)
		return nil
	}), fault.UnsupportedVersion)
	if generation(t, b) != 2 {
		t.Error("old code wrote to a new store")
	}
}

func TestAMigrationWithoutWritesIsRemembered(t *testing.T) {
	b, root := store.Memory(), rootKey(t, 1)
	put(t, open(t, b), note(1), "one")
	runs := 0
	s := store.Schema{Version: 7, Migrate: func(*store.Tx, uint64) error { runs++; return nil }}
	for range 2 {
		if _, err := store.Open(t.Context(), b, root, s); err != nil {
			t.Fatal(err)
		}
	}
	if runs != 1 {
		t.Errorf("migrated %d times", runs)
	}
}

func TestAStoreUnderAnOpenDBMayNotGoBackToAnOlderSchema(t *testing.T) {
	b, root := store.Memory(), rootKey(t, 1)
	d, err := store.Open(t.Context(), b, root, store.Schema{Version: 2})
	if err != nil {
		t.Fatal(err)
	}
	put(t, open(t, b), note(1), "of schema 1")
	wantFault(t, d.Update(t.Context(), func(*store.Tx) error { return nil }), fault.Rollback)
}

func TestAStoreOfAnotherKeyIsToldFromDamage(t *testing.T) {
	b := store.Memory()
	stranger, err := store.Open(t.Context(), b, rootKey(t, 2), schema) // both find the store empty
	if err != nil {
		t.Fatal(err)
	}
	put(t, open(t, b), note(1), "a")
	_, err = store.Open(t.Context(), b, rootKey(t, 2), schema)
	wantFault(t, err, fault.WrongSecret)
	wantFault(t, stranger.Update(t.Context(), func(tx *store.Tx) error {
		tx.Put(note(2), nil)
		return nil
	}), fault.WrongSecret)
	wantFault(t, stranger.View(t.Context(), func(*store.Tx) error { return nil }), fault.WrongSecret)
	if generation(t, b) != 1 {
		t.Error("something was written")
	}
}

func TestOpenLeavesAnEmptyStoreEmpty(t *testing.T) {
	b := store.Memory()
	open(t, b)
	if generation(t, b) != 0 {
		t.Error("something was committed")
	}
}

func TestDestroyedDBDoesNothing(t *testing.T) {
	b := store.Memory()
	d := open(t, b)
	err := d.Update(t.Context(), func(tx *store.Tx) error {
		tx.AfterCommit(func() { t.Error("called without a commit") })
		tx.Put(note(1), nil)
		d.Destroy() // as another goroutine may
		d.Destroy()
		return nil
	})
	wantFault(t, err, fault.DestroyedKey)
	for _, d := range []*store.DB{d, nil, {}} {
		d.Destroy()
		wantFault(t, d.Update(t.Context(), func(*store.Tx) error { return nil }), fault.DestroyedKey)
		wantFault(t, d.View(t.Context(), func(*store.Tx) error { return nil }), fault.DestroyedKey)
	}
	if generation(t, b) != 0 {
		t.Error("something was committed")
	}
	_, err = store.Open(t.Context(), b, nil, schema)
	wantFault(t, err, fault.DestroyedKey)
	_, err = store.Open(t.Context(), b, &cose.Key{}, schema)
	wantFault(t, err, fault.DestroyedKey)
}

func TestBrokenPreconditionsAreMisuse(t *testing.T) {
	root, f := rootKey(t, 1), func(*store.Tx) error { return nil }
	d := open(t, store.Memory())
	var none context.Context
	_, err := store.Open(t.Context(), nil, root, schema)
	wantFault(t, err, fault.Misuse)
	_, err = store.Open(t.Context(), store.Memory(), root, store.Schema{})
	wantFault(t, err, fault.Misuse)
	_, err = store.Open(none, store.Memory(), root, schema)
	wantFault(t, err, fault.Misuse)
	wantFault(t, d.Update(none, f), fault.Misuse)
	wantFault(t, d.View(none, f), fault.Misuse)
	_, _, err = store.Header(none, store.Memory())
	wantFault(t, err, fault.Misuse)
	_, _, err = store.Header(t.Context(), nil)
	wantFault(t, err, fault.Misuse)
}

// deaf is a Backend that takes no notice of contexts.
type deaf struct{ store.Backend }

func (d deaf) Generation(context.Context) (uint64, error) { return d.Backend.Generation(noContext) }

func (d deaf) Get(_ context.Context, key []byte) ([]byte, bool, error) {
	return d.Backend.Get(noContext, key)
}

func (d deaf) Scan(_ context.Context, prefix, after []byte, limit int) ([]store.Entry, error) {
	return d.Backend.Scan(noContext, prefix, after, limit)
}

func (d deaf) Commit(_ context.Context, b store.Batch) error { return d.Backend.Commit(noContext, b) }

func TestADoneContextEndsEverything(t *testing.T) {
	b := deaf{store.Memory()}
	d := open(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	wantFault(t, d.View(ctx, func(*store.Tx) error { cancel(); return nil }), fault.Canceled)
	ctx, cancel = context.WithCancel(t.Context())
	err := d.Update(ctx, func(tx *store.Tx) error {
		tx.Put(note(1), nil)
		cancel()
		_, _, err := tx.Get(note(2))
		wantFault(t, err, fault.Canceled)
		wantFault(t, tx.Range(note(0), nil), fault.Canceled)
		return nil
	})
	wantFault(t, err, fault.Canceled)
	wantFault(t, d.Update(ctx, func(*store.Tx) error { return nil }), fault.Canceled)
	wantFault(t, d.View(ctx, func(*store.Tx) error { return nil }), fault.Canceled)
	_, err = store.Open(ctx, b, rootKey(t, 1), schema)
	wantFault(t, err, fault.Canceled)
	_, _, err = store.Header(ctx, b)
	wantFault(t, err, fault.Canceled)
	if generation(t, b) != 0 {
		t.Error("something was committed")
	}
}

// An Update inside of an Update waits for itself; the context ends that.
func TestWaitingForTheOtherWriterEndsWithTheContext(t *testing.T) {
	d := open(t, store.Memory())
	ctx, cancel := context.WithCancel(t.Context())
	update(t, d, func(*store.Tx) error {
		done := make(chan error)
		go func() { done <- d.Update(ctx, func(*store.Tx) error { return errors.New("two writers at once") }) }()
		cancel()
		wantFault(t, <-done, fault.Canceled)
		return nil
	})
}

func TestOneUpdateRunsAtATime(t *testing.T) {
	d := open(t, store.Memory())
	var running atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				err := d.Update(t.Context(), func(*store.Tx) error {
					if running.Add(1) > 1 {
						t.Error("two Updates at once")
					}
					runtime.Gosched()
					running.Add(-1)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// What was read is worth nothing when it cannot be told whether it was one state.
func TestAViewWhoseStateCannotBeConfirmedFails(t *testing.T) {
	b := store.Memory()
	put(t, open(t, b), note(1), "a")
	const calls = 3 + 3 // of Open, and of the View: generation, schema, generation
	cut := storetest.Break(b, calls, false)
	err := open(t, cut).View(t.Context(), func(*store.Tx) error { return nil })
	if !cut.Down() {
		t.Fatal("the power cut came too late")
	}
	wantFault(t, err, fault.StoreFailed)
}

// liar is a Backend whose Scan returns what it likes.
type liar struct {
	store.Backend
	lie func(honest []store.Entry) []store.Entry
}

func (l *liar) Scan(ctx context.Context, prefix, after []byte, limit int) ([]store.Entry, error) {
	honest, err := l.Backend.Scan(ctx, prefix, after, limit)
	if l.lie != nil {
		honest = l.lie(honest)
	}
	return honest, err
}

func TestAScanThatIsNotWhatWasAskedForIsStoreFailed(t *testing.T) {
	l := &liar{Backend: store.Memory()}
	d := open(t, l)
	update(t, d, func(tx *store.Tx) error {
		for i := range uint64(100) {
			tx.Put(note(i), nil)
			tx.Put(note(i, "another"), nil)
		}
		return nil
	})
	var first []store.Entry
	for name, lie := range map[string]func(honest []store.Entry) []store.Entry{
		"out of order":    func(h []store.Entry) []store.Entry { h[0], h[1] = h[1], h[0]; return h },
		"one twice":       func(h []store.Entry) []store.Entry { h[1] = h[0]; return h },
		"of another name": func(h []store.Entry) []store.Entry { h[0].Key[0] ^= 1; return h[:1] },
		"a short key":     func(h []store.Entry) []store.Entry { h[0].Key = h[0].Key[:20]; return h[:1] },
		"a long key":      func(h []store.Entry) []store.Entry { h[0].Key = append(h[0].Key, 0); return h[:1] },
		"the first for ever": func(h []store.Entry) []store.Entry {
			if first == nil {
				first = h
			}
			return first
		},
	} {
		l.lie = lie
		err := d.View(t.Context(), func(tx *store.Tx) error {
			return tx.Range(note(0), func(uint64, []byte) error { return nil })
		})
		if fault.Of(err) != fault.StoreFailed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// careless is a Backend whose errors have no code.
type careless struct{ store.Backend }

func (careless) Commit(context.Context, store.Batch) error { return errors.New("no code") }

func TestErrorsOfABackendHaveACode(t *testing.T) {
	d := open(t, careless{store.Memory()})
	err := d.Update(t.Context(), func(tx *store.Tx) error {
		tx.AfterCommit(func() { t.Error("called without a commit") })
		tx.Put(note(1), nil)
		return nil
	})
	if fault.Of(err) != fault.StoreFailed || !strings.Contains(err.Error(), "no code") {
		t.Errorf("error is %v", err)
	}
}

func TestNothingPrintsSecrets(t *testing.T) {
	d := open(t, store.Memory())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		if s := fmt.Sprintf(verb, d); !strings.HasPrefix(s, "store.DB(") || len(s) != len("store.DB()")+16 {
			t.Errorf("%s prints %s", verb, s)
		}
	}
}
