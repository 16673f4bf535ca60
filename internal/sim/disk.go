package sim

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// Disk is a store.Backend that can be put back to every state it was in. It keeps what it holds in a store.Memory, and of
// each commit the one that undoes it.
type Disk struct {
	mu    sync.Mutex
	below store.Backend
	inner uint64        // generation of below, which counts what is undone, too
	undo  []store.Batch // by generation
	power Power
}

// Power says what becomes of the next commit.
type Power int

const (
	PowerOn     Power = iota // it works
	CutBefore                // nothing is written, and it reports failure
	CutAfter                 // it becomes durable, and reports failure
	PowerOffNow              // every call fails
)

// NewDisk returns an empty disk.
func NewDisk() *Disk { return &Disk{below: store.Memory()} }

// Copy returns a disk of its own in the same state.
func (d *Disk) Copy() (*Disk, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	const all = 1 << 30
	entries, err := d.below.Scan(context.Background(), nil, nil, all)
	if err != nil {
		return nil, err
	}
	c := &Disk{below: store.Memory(), undo: slices.Clone(d.undo)}
	return c, c.write(context.Background(), store.Batch{Put: entries})
}

// Cut says when power fails; from then on every call fails, until PowerOn.
func (d *Disk) Cut(p Power) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.power = p
}

// Restore puts the disk back to the state after an earlier commit. What came later is gone.
func (d *Disk) Restore(generation int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.undo) > generation {
		last := len(d.undo) - 1
		if err := d.write(context.Background(), d.undo[last]); err != nil {
			return err
		}
		d.undo = d.undo[:last:last]
	}
	return nil
}

// States counts the states that the disk was in, the empty one included.
func (d *Disk) States() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.undo) + 1
}

// ready fails when power is off. d.mu is held.
func (d *Disk) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("sim: %w: %w", fault.Canceled, err)
	}
	if d.power == PowerOffNow {
		return fmt.Errorf("sim: power is off: %w", fault.StoreFailed)
	}
	return nil
}

// write commits to what lies below. d.mu is held.
func (d *Disk) write(ctx context.Context, b store.Batch) error {
	b.Base = d.inner
	err := d.below.Commit(ctx, b)
	if err == nil {
		d.inner++
	}
	return err
}

// Generation implements store.Backend.
func (d *Disk) Generation(ctx context.Context) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return uint64(len(d.undo)), d.ready(ctx)
}

// Get implements store.Backend.
func (d *Disk) Get(ctx context.Context, key []byte) ([]byte, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ready(ctx); err != nil {
		return nil, false, err
	}
	return d.below.Get(ctx, key)
}

// Scan implements store.Backend.
func (d *Disk) Scan(ctx context.Context, prefix, after []byte, limit int) ([]store.Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ready(ctx); err != nil {
		return nil, err
	}
	return d.below.Scan(ctx, prefix, after, limit)
}

// Commit implements store.Backend.
func (d *Disk) Commit(ctx context.Context, b store.Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ready(ctx); err != nil {
		return err
	}
	if b.Base != uint64(len(d.undo)) {
		return fmt.Errorf("sim: %w", fault.StoreConflict)
	}
	was := d.power
	if was != PowerOn {
		d.power = PowerOffNow
	}
	if was != CutBefore {
		undo, err := d.inverse(ctx, b)
		if err != nil {
			return err
		}
		if err := d.write(ctx, b); err != nil {
			return err
		}
		d.undo = append(d.undo, undo)
	}
	if was != PowerOn {
		return fmt.Errorf("sim: power failed: %w", fault.StoreFailed)
	}
	return nil
}

// inverse is the commit that undoes b. d.mu is held.
func (d *Disk) inverse(ctx context.Context, b store.Batch) (undo store.Batch, err error) {
	keys := slices.Clone(b.Delete)
	for _, e := range b.Put {
		keys = append(keys, e.Key)
	}
	for _, key := range keys {
		value, found, err := d.below.Get(ctx, key)
		if err != nil {
			return store.Batch{}, err
		}
		if found {
			undo.Put = append(undo.Put, store.Entry{Key: slices.Clone(key), Value: value})
		} else {
			undo.Delete = append(undo.Delete, slices.Clone(key))
		}
	}
	return undo, nil
}

var _ store.Backend = (*Disk)(nil)
