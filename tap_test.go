package sotto_test

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
)

// tap is a backend that asks before each call what is to become of it. What it asks may use the same backend.
type tap struct {
	store.Backend
	mu     sync.Mutex
	before func(call string) error // an error is that of the call, which does nothing; errDurable of a Commit comes after it
	asking bool
}

var (
	errPower   = fmt.Errorf("power cut: %w", fault.StoreFailed)
	errDurable = fmt.Errorf("power cut after the commit: %w", fault.StoreFailed)
)

func (b *tap) call(name string) error {
	b.mu.Lock()
	f := b.before
	if b.asking || f == nil {
		b.mu.Unlock()
		return nil
	}
	b.asking = true
	b.mu.Unlock()
	err := f(name)
	b.mu.Lock()
	b.asking = false
	b.mu.Unlock()
	return err
}

func (b *tap) Generation(ctx context.Context) (uint64, error) {
	if err := b.call("Generation"); err != nil {
		return 0, err
	}
	return b.Backend.Generation(ctx)
}

func (b *tap) Get(ctx context.Context, key []byte) ([]byte, bool, error) {
	if err := b.call("Get"); err != nil {
		return nil, false, err
	}
	return b.Backend.Get(ctx, key)
}

func (b *tap) Scan(ctx context.Context, prefix, after []byte, limit int) ([]store.Entry, error) {
	if err := b.call("Scan"); err != nil {
		return nil, err
	}
	return b.Backend.Scan(ctx, prefix, after, limit)
}

func (b *tap) Commit(ctx context.Context, batch store.Batch) error {
	err := b.call("Commit")
	if err == nil || errors.Is(err, errDurable) {
		if failed := b.Backend.Commit(ctx, batch); failed != nil {
			return failed
		}
	}
	return err
}

// tapped puts a tap on a peer's store.
func tapped(p *sottotest.Peer) *tap {
	b := &tap{Backend: p.Backend}
	p.Backend = b
	p.Restart()
	return b
}

func newTap() *tap { return &tap{Backend: store.Memory()} }
