package storetest

import (
	"context"
	"fmt"
	"sync"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// Broken is a Backend that stops working at one of its calls, as in a power cut.
type Broken struct {
	b       store.Backend
	at      int
	durable bool

	mu    sync.Mutex
	calls int
}

// Break returns b with a power cut at call number at, the first being 1: this call and all later ones fail with
// fault.StoreFailed. They do nothing, but when durable is set and that call is a Commit, it becomes durable before it fails.
// Whoever comes back after the power cut uses b itself.
func Break(b store.Backend, at int, durable bool) *Broken {
	return &Broken{b: b, at: at, durable: durable}
}

// Down reports whether the power cut has come.
func (b *Broken) Down() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls >= b.at
}

// call counts one call. last means that it is the one at which the power is cut.
func (b *Broken) call() (last bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if b.calls < b.at {
		return false, nil
	}
	return b.calls == b.at, fmt.Errorf("storetest: power cut at call %d: %w", b.at, fault.StoreFailed)
}

// Generation implements store.Backend.
func (b *Broken) Generation(ctx context.Context) (uint64, error) {
	if _, err := b.call(); err != nil {
		return 0, err
	}
	return b.b.Generation(ctx)
}

// Get implements store.Backend.
func (b *Broken) Get(ctx context.Context, key []byte) (value []byte, found bool, err error) {
	if _, err := b.call(); err != nil {
		return nil, false, err
	}
	return b.b.Get(ctx, key)
}

// Scan implements store.Backend.
func (b *Broken) Scan(ctx context.Context, prefix, after []byte, limit int) ([]store.Entry, error) {
	if _, err := b.call(); err != nil {
		return nil, err
	}
	return b.b.Scan(ctx, prefix, after, limit)
}

// Commit implements store.Backend.
func (b *Broken) Commit(ctx context.Context, batch store.Batch) error {
	last, err := b.call()
	if err == nil || last && b.durable {
		if failed := b.b.Commit(ctx, batch); failed != nil {
			return failed
		}
	}
	return err
}

var _ store.Backend = (*Broken)(nil)
