package store

import (
	"bytes"
	"context"
	"fmt"

	"github.com/sottokit/sotto/fault"
)

// checked holds a Backend to its contract, whoever wrote it: nothing is begun when the context is done, every error has a
// code, and a Scan is what was asked for.
type checked struct{ b Backend }

func (c checked) generation(ctx context.Context) (uint64, error) {
	if err := canceled(ctx); err != nil {
		return 0, err
	}
	n, err := c.b.Generation(ctx)
	return n, backendError(err)
}

func (c checked) get(ctx context.Context, key []byte) (value []byte, found bool, err error) {
	if err := canceled(ctx); err != nil {
		return nil, false, err
	}
	value, found, err = c.b.Get(ctx, key)
	return value, found, backendError(err)
}

// scan fails with fault.StoreFailed when the entries are not in order, of another collection or of another kind. Range
// relies on the order: it ends because keys ascend.
func (c checked) scan(ctx context.Context, prefix, after []byte, limit int) ([]Entry, error) {
	if err := canceled(ctx); err != nil {
		return nil, err
	}
	entries, err := c.b.Scan(ctx, prefix, after, limit)
	if err != nil {
		return nil, backendError(err)
	}
	for i, e := range entries {
		if len(e.Key) != keySize || !bytes.HasPrefix(e.Key, prefix) || after != nil && bytes.Compare(e.Key, after) <= 0 {
			return nil, fmt.Errorf("store: entry %d of a scan is out of place: %w", i, fault.StoreFailed)
		}
		after = e.Key
	}
	return entries, nil
}

func (c checked) commit(ctx context.Context, b Batch) error {
	if err := canceled(ctx); err != nil {
		return err
	}
	return backendError(c.b.Commit(ctx, b))
}

func backendError(err error) error {
	if err == nil {
		return nil
	}
	if fault.Of(err) == 0 {
		return fmt.Errorf("store: backend: %w: %w", fault.StoreFailed, err)
	}
	return fmt.Errorf("store: %w", err)
}

func canceled(ctx context.Context) error {
	if ctx == nil {
		return fmt.Errorf("store: no context: %w", fault.Misuse)
	}
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("store: %w: %w", fault.Canceled, ctx.Err())
}
