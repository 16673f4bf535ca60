package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

func TestATransactionSeesItsOwnWrites(t *testing.T) {
	d := open(t, store.Memory())
	put(t, d, note(1), "stored")
	put(t, d, note(2), "stored")
	update(t, d, func(tx *store.Tx) error {
		value := []byte("own")
		tx.Put(note(1), value)
		value[0] = 'x'
		got, _, err := tx.Get(note(1))
		if err != nil || string(got) != "own" {
			t.Errorf("own write is %q, %v", got, err)
		}
		got[0] = 'x'
		if err := tx.Range(note(1), func(_ uint64, value []byte) error { clear(value); return nil }); err != nil {
			t.Error(err)
		}
		tx.Delete(note(2))
		if get(t, tx, note(1)) != "own" || get(t, tx, note(2)) != "-" {
			t.Error("own writes are not seen, or shared")
		}
		tx.Put(note(2), nil)
		if get(t, tx, note(2)) != "" {
			t.Error("an empty value is not there")
		}
		return nil
	})
	want(t, d, note(1), "own")
	want(t, d, note(2), "")
}

func TestNamesAreTold(t *testing.T) {
	d := open(t, store.Memory())
	names := []store.Name{
		note(1), note(2), note(1, "a"), note(1, "a", ""), note(1, "", "a"), note(1, "a", "b"), note(1, "ab"), note(1<<63, "a"),
		{Room: "test/notes", Seq: 1}, {Room: "test/not", Parts: [][]byte{[]byte("e")}, Seq: 1},
	}
	update(t, d, func(tx *store.Tx) error {
		for i, n := range names {
			tx.Put(n, []byte{byte(i)})
		}
		return nil
	})
	for i, n := range names {
		want(t, d, n, string([]byte{byte(i)}))
	}
}

func TestNestedDropsWhatFailed(t *testing.T) {
	d := open(t, store.Memory())
	put(t, d, note(1), "stored")
	mine := errors.New("mine")
	var calls []string
	update(t, d, func(tx *store.Tx) error {
		tx.Put(note(2), []byte("outer"))
		tx.AfterCommit(func() { calls = append(calls, "outer") })
		err := tx.Nested(func() error {
			tx.Put(note(1), []byte("inner"))
			tx.Put(note(2), []byte("inner"))
			tx.Put(note(2), []byte("inner again"))
			tx.Put(note(3), []byte("inner"))
			tx.SetHeader([]byte("inner"))
			tx.AfterCommit(func() { calls = append(calls, "dropped") })
			if err := tx.Nested(func() error { tx.Delete(note(1)); return nil }); err != nil {
				t.Error(err)
			}
			return mine
		})
		if err != mine {
			t.Errorf("error is %v", err)
		}
		if a, b, c := get(t, tx, note(1)), get(t, tx, note(2)), get(t, tx, note(3)); a != "stored" || b != "outer" || c != "-" {
			t.Errorf("after the failure: %q %q %q", a, b, c)
		}
		return tx.Nested(func() error {
			tx.Put(note(4), []byte("kept"))
			tx.AfterCommit(func() { calls = append(calls, "kept") })
			return nil
		})
	})
	want(t, d, note(1), "stored")
	want(t, d, note(2), "outer")
	want(t, d, note(3), "-")
	want(t, d, note(4), "kept")
	if !slices.Equal(calls, []string{"outer", "kept"}) {
		t.Errorf("called %v", calls)
	}
}

func TestNestedFailsWhenAWriteInItCouldNotBeDone(t *testing.T) {
	d := open(t, store.Memory())
	update(t, d, func(tx *store.Tx) error {
		wantFault(t, tx.Nested(func() error {
			tx.Put(note(1), nil)
			tx.Put(note(2), make([]byte, store.MaxValue+1))
			return nil
		}), fault.OverLimit)
		tx.Put(note(3), nil)
		return nil
	})
	want(t, d, note(1), "-")
	want(t, d, note(3), "")
	err := d.Update(t.Context(), func(tx *store.Tx) error {
		tx.Delete(store.Name{})
		return tx.Nested(func() error { return nil }) // does not make the error before it forgotten
	})
	wantFault(t, err, fault.Misuse)
}

func TestNestedDropsWhatPanicked(t *testing.T) {
	d := open(t, store.Memory())
	update(t, d, func(tx *store.Tx) error {
		defer func() { _ = recover() }()
		return tx.Nested(func() error {
			tx.Put(note(1), nil)
			panic("app")
		})
	})
	want(t, d, note(1), "-")
	put(t, d, note(2), "the DB goes on")
}

func TestAPanicInAnUpdateLeavesTheDBUsable(t *testing.T) {
	d := open(t, store.Memory())
	func() {
		defer func() { _ = recover() }()
		_ = d.Update(t.Context(), func(tx *store.Tx) error {
			tx.Put(note(1), nil)
			panic("app")
		})
	}()
	want(t, d, note(1), "-")
	put(t, d, note(2), "next")
}

func TestAfterCommitRunsOnceInOrderAndOnlyAfterACommit(t *testing.T) {
	b := store.Memory()
	d := open(t, b)
	var calls []int
	f := func(tx *store.Tx) error {
		calls = nil
		for i := range 3 {
			tx.AfterCommit(func() {
				if generation(t, b) != 1 {
					t.Error("called before the commit")
				}
				calls = append(calls, i)
			})
		}
		tx.Put(note(1), nil)
		return nil
	}
	update(t, d, f)
	if !slices.Equal(calls, []int{0, 1, 2}) {
		t.Errorf("called %v", calls)
	}
	called := false
	err := d.View(t.Context(), func(tx *store.Tx) error {
		tx.AfterCommit(func() { called = true })
		return nil
	})
	if err != nil || called {
		t.Errorf("called in a View: %v, %v", called, err)
	}
	update(t, d, func(tx *store.Tx) error {
		tx.AfterCommit(func() { called = true })
		return nil
	})
	if !called {
		t.Error("not called after an Update without writes")
	}
}

func TestATransactionThatEndedNeitherReadsNorWrites(t *testing.T) {
	b := store.Memory()
	d := open(t, b)
	var kept *store.Tx
	update(t, d, func(tx *store.Tx) error {
		kept = tx
		tx.Put(note(1), []byte("a"))
		return nil
	})
	for _, tx := range []*store.Tx{kept, {}} {
		_, _, err := tx.Get(note(1))
		wantFault(t, err, fault.Misuse)
		wantFault(t, tx.Range(note(0), func(uint64, []byte) error { return nil }), fault.Misuse)
		tx.Put(note(2), nil)
		tx.Delete(note(1))
		tx.SetHeader(nil)
	}
	update(t, d, func(*store.Tx) error { return nil })
	want(t, d, note(1), "a")
	want(t, d, note(2), "-")
}

func TestLimits(t *testing.T) {
	b := store.Memory()
	d := open(t, b)
	part := make([]byte, store.MaxName-len("test/note")-9)
	longest := store.Name{Room: "test/note", Parts: [][]byte{part}}
	tooLong := store.Name{Room: "test/note", Parts: [][]byte{append(part, 0)}}
	update(t, d, func(tx *store.Tx) error {
		tx.Put(longest, make([]byte, store.MaxValue))
		tx.SetHeader(make([]byte, store.MaxHeader))
		return nil
	})
	want(t, d, longest, string(make([]byte, store.MaxValue)))
	for name, c := range map[string]struct {
		f    func(tx *store.Tx) error
		want fault.Code
	}{
		"value":  {func(tx *store.Tx) error { tx.Put(note(1), make([]byte, store.MaxValue+1)); return nil }, fault.OverLimit},
		"header": {func(tx *store.Tx) error { tx.SetHeader(make([]byte, store.MaxHeader+1)); return nil }, fault.OverLimit},
		"put":    {func(tx *store.Tx) error { tx.Put(tooLong, nil); return nil }, fault.OverLimit},
		"get":    {func(tx *store.Tx) error { _, _, err := tx.Get(tooLong); return err }, fault.OverLimit},
		"delete": {func(tx *store.Tx) error { tx.Delete(tooLong); return nil }, fault.OverLimit},
		"range":  {func(tx *store.Tx) error { return tx.Range(tooLong, nil) }, fault.OverLimit},
		"parts": {func(tx *store.Tx) error {
			_, _, err := tx.Get(store.Name{Room: "test/note", Parts: make([][]byte, 1<<20)})
			return err
		}, fault.OverLimit},
		"no room":     {func(tx *store.Tx) error { tx.Put(store.Name{}, nil); return nil }, fault.Misuse},
		"get no room": {func(tx *store.Tx) error { _, _, err := tx.Get(store.Name{}); return err }, fault.Misuse},
		"not UTF-8":   {func(tx *store.Tx) error { tx.Put(store.Name{Room: "\xff"}, nil); return nil }, fault.Misuse},
	} {
		t.Run(name, func(t *testing.T) {
			wantFault(t, d.Update(t.Context(), func(tx *store.Tx) error {
				tx.Put(note(9), nil)
				return c.f(tx)
			}), c.want)
		})
	}
	if generation(t, b) != 1 {
		t.Error("something was committed")
	}
	write(t, b, []byte("header"), make([]byte, store.MaxHeader+1))
	_, _, err := store.Header(t.Context(), b)
	wantFault(t, err, fault.OverLimit)
}

func TestRangeStopsAtTheFirstError(t *testing.T) {
	d := open(t, store.Memory())
	mine, visited := errors.New("mine"), 0
	update(t, d, func(tx *store.Tx) error {
		for i := range uint64(3) {
			tx.Put(note(i), nil)
		}
		return nil
	})
	err := d.Update(t.Context(), func(tx *store.Tx) error {
		tx.Put(note(9), nil)
		return tx.Range(note(1), func(uint64, []byte) error {
			visited++
			return mine
		})
	})
	if !errors.Is(err, mine) || visited != 1 {
		t.Errorf("%d visited, %v", visited, err)
	}
}

func TestRangeIsNotChangedByWhatItsFunctionWrites(t *testing.T) {
	d := open(t, store.Memory())
	update(t, d, func(tx *store.Tx) error {
		for i := range uint64(100) {
			tx.Put(note(i), []byte{byte(i)})
		}
		return nil
	})
	update(t, d, func(tx *store.Tx) error {
		var seen []uint64
		err := tx.Range(note(0), func(seq uint64, value []byte) error {
			seen = append(seen, seq)
			tx.Delete(note(seq))
			tx.Delete(note(seq + 1))
			tx.Put(note(seq+100), value)
			return nil
		})
		if len(seen) != 100 || seen[99] != 99 {
			t.Errorf("visited %v", seen)
		}
		return err
	})
	want(t, d, note(99), "-")
	want(t, d, note(199), "c")
}

// A DB behaves as a map does: through transactions that fail or not, nested ones, ranges, other collections beside it.
func TestDBBehavesAsAMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := open(t, store.Memory())
		model := map[uint64]string{}
		edges := []uint64{0, 1, 1<<63 - 1, 1 << 63, 1<<64 - 2, 1<<64 - 1}
		seqs := rapid.OneOf(rapid.SampledFrom(edges), rapid.Uint64Range(0, 99))
		for range rapid.IntRange(1, 5).Draw(rt, "updates") {
			next := map[uint64]string{}
			fails := rapid.Bool().Draw(rt, "fails")
			err := d.Update(t.Context(), func(tx *store.Tx) error {
				next = clone(model)
				for range rapid.IntRange(0, 3).Draw(rt, "parts") {
					before := clone(next)
					part := func() error {
						for range rapid.IntRange(0, 60).Draw(rt, "writes") {
							seq := seqs.Draw(rt, "seq")
							tx.Put(note(seq, "another"), []byte("noise"))
							if rapid.IntRange(0, 2).Draw(rt, "delete") == 0 {
								tx.Delete(note(seq))
								delete(next, seq)
								continue
							}
							next[seq] = fmt.Sprint("value ", len(next))
							tx.Put(note(seq), []byte(next[seq]))
						}
						checkRange(rt, tx, next, seqs.Draw(rt, "from"))
						if rapid.Bool().Draw(rt, "nested fails") {
							return fault.Malformed
						}
						return nil
					}
					if tx.Nested(part) != nil {
						next = before
					}
					checkRange(rt, tx, next, seqs.Draw(rt, "from"))
				}
				if fails {
					return fault.Malformed
				}
				return nil
			})
			if (err != nil) != fails {
				rt.Fatal(err)
			}
			if !fails {
				model = next
			}
			if err := d.View(t.Context(), func(tx *store.Tx) error {
				checkRange(rt, tx, model, seqs.Draw(rt, "from"))
				return nil
			}); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

func clone(m map[uint64]string) map[uint64]string {
	c := map[uint64]string{}
	for k, v := range m {
		c[k] = v
	}
	return c
}

func checkRange(rt *rapid.T, tx *store.Tx, model map[uint64]string, from uint64) {
	var expected []uint64
	for seq := range model {
		if seq >= from {
			expected = append(expected, seq)
		}
	}
	slices.Sort(expected)
	var seen []uint64
	err := tx.Range(note(from), func(seq uint64, value []byte) error {
		seen = append(seen, seq)
		again, found, err := tx.Get(note(seq))
		if string(value) != model[seq] || !found || !bytes.Equal(again, value) {
			rt.Fatalf("value %d is %q in the range, %q alone, want %q", seq, value, again, model[seq])
		}
		return err
	})
	if err != nil || !slices.Equal(seen, expected) {
		rt.Fatalf("range from %d visited %v, want %v, %v", from, seen, expected, err)
	}
}

// A transaction holds plain values until it ends.
func TestNothingPrintsATransaction(t *testing.T) {
	d := open(t, store.Memory())
	err := d.Update(t.Context(), func(tx *store.Tx) error {
		tx.Put(store.Name{Room: "room"}, []byte("hush hush"))
		for _, v := range []any{tx, *tx, struct{ tx *store.Tx }{tx}, []*store.Tx{tx}} {
			for verb := 'A'; verb <= 'z'; verb++ {
				for _, flag := range []string{"", "+", "#"} {
					out := fmt.Sprintf("%"+flag+string(verb), v)
					if strings.Contains(out, "hush") || strings.Contains(out, "104 117") || strings.Contains(out, "0x68, 0x75") {
						t.Fatalf("%%%s%c of %T: %s", flag, verb, v, out)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoFunctionIsMisuse(t *testing.T) {
	d := open(t, store.Memory())
	wantFault(t, d.Update(t.Context(), nil), fault.Misuse)
	wantFault(t, d.View(t.Context(), nil), fault.Misuse)
	wantFault(t, d.Update(t.Context(), func(tx *store.Tx) error {
		tx.AfterCommit(nil)
		return nil
	}), fault.Misuse)
}
