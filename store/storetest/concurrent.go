package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// testWriters counts up from several Backends at once.
func testWriters(t *testing.T, open func() store.Backend) {
	const writers, each = 4, 20
	var wg sync.WaitGroup
	for range writers {
		b := open()
		wg.Go(func() {
			for range each {
				increment(t, b)
			}
		})
	}
	wg.Wait()
	b := open()
	want(t, b, "count", string(make([]byte, writers*each)))
	wantGeneration(t, b, writers*each)
}

// increment makes the value of "count" one byte longer.
func increment(t *testing.T, b store.Backend) {
	ctx := context.WithoutCancel(t.Context())
	for {
		base, err := b.Generation(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		value, _, err := b.Get(ctx, []byte("count"))
		if err != nil {
			t.Error(err)
			return
		}
		err = b.Commit(ctx, store.Batch{Base: base, Put: entries("count", string(append(value, 0)))})
		if err == nil {
			return
		}
		if !errors.Is(err, fault.StoreConflict) {
			t.Error(err)
			return
		}
	}
}

// testAtomic reads while commits are made that always change two keys together.
func testAtomic(t *testing.T, open func() store.Backend) {
	writer, reader := open(), open()
	put(t, writer, 0, "pair/1", "0", "pair/2", "0")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := uint64(1); i <= 50; i++ {
			v := fmt.Sprint(i)
			if err := writer.Commit(t.Context(), store.Batch{Base: i, Put: entries("pair/1", v, "pair/2", v)}); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	defer func() { <-done }()
	for range 500 {
		found := scan(t, reader, "pair/", nil, 2)
		if len(found) != 2 || !bytes.Equal(found[0].Value, found[1].Value) {
			t.Fatalf("scan saw %v", found)
		}
	}
}
