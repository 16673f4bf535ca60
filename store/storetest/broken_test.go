package storetest_test

import (
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/storetest"
)

func TestBreakFailsFromTheChosenCallOn(t *testing.T) {
	for _, durable := range []bool{false, true} {
		inner := store.Memory()
		b := storetest.Break(inner, 3, durable)
		for i := range uint64(2) {
			if err := b.Commit(t.Context(), store.Batch{Base: i}); err != nil || b.Down() {
				t.Errorf("call %d: %v", i+1, err)
			}
		}
		for range 2 { // only the third call can become durable
			faulttest.Want(t, b.Commit(t.Context(), store.Batch{Base: 2}), fault.StoreFailed)
		}
		_, err := b.Generation(t.Context())
		faulttest.Want(t, err, fault.StoreFailed)
		_, _, err = b.Get(t.Context(), []byte("a"))
		faulttest.Want(t, err, fault.StoreFailed)
		_, err = b.Scan(t.Context(), nil, nil, 1)
		faulttest.Want(t, err, fault.StoreFailed)
		if !b.Down() {
			t.Error("not down")
		}
		want := uint64(2)
		if durable {
			want = 3
		}
		if n, err := inner.Generation(t.Context()); n != want || err != nil {
			t.Errorf("durable %v: %d commits, %v", durable, n, err)
		}
	}
}
