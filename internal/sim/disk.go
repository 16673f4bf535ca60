package sim

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// Disk is a store.Backend that remembers every state it was in.
type Disk struct {
	mu     sync.Mutex
	states []map[string]string // by generation; a state that was committed is never written again
	power  Power
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
func NewDisk() *Disk { return &Disk{states: []map[string]string{{}}} }

// Copy returns a disk of its own in the same state.
func (d *Disk) Copy() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Disk{states: slices.Clone(d.states)}
}

// Cut says when power fails; from then on every call fails, until PowerOn.
func (d *Disk) Cut(p Power) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.power = p
}

// Restore puts the disk back to the state after an earlier commit. What came later is gone.
func (d *Disk) Restore(generation int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.states = d.states[: generation+1 : generation+1]
}

// States counts the states that the disk was in, the empty one included.
func (d *Disk) States() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.states)
}

// now is the present state. d.mu is held.
func (d *Disk) now(ctx context.Context) (map[string]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("sim: %w: %w", fault.Canceled, err)
	}
	if d.power == PowerOffNow {
		return nil, fmt.Errorf("sim: power is off: %w", fault.StoreFailed)
	}
	return d.states[len(d.states)-1], nil
}

// Generation implements store.Backend.
func (d *Disk) Generation(ctx context.Context) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.now(ctx)
	return uint64(len(d.states) - 1), err
}

// Get implements store.Backend.
func (d *Disk) Get(ctx context.Context, key []byte) ([]byte, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	state, err := d.now(ctx)
	if err != nil {
		return nil, false, err
	}
	value, found := state[string(key)]
	return []byte(value), found, nil
}

// Scan implements store.Backend.
func (d *Disk) Scan(ctx context.Context, prefix, after []byte, limit int) ([]store.Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	state, err := d.now(ctx)
	if err != nil {
		return nil, err
	}
	var found []store.Entry
	for _, key := range slices.Sorted(maps.Keys(state)) {
		if strings.HasPrefix(key, string(prefix)) && (after == nil || bytes.Compare([]byte(key), after) > 0) && len(found) < limit {
			found = append(found, store.Entry{Key: []byte(key), Value: []byte(state[key])})
		}
	}
	return found, nil
}

// Commit implements store.Backend.
func (d *Disk) Commit(ctx context.Context, b store.Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	state, err := d.now(ctx)
	if err != nil {
		return err
	}
	if b.Base != uint64(len(d.states)-1) {
		return fmt.Errorf("sim: %w", fault.StoreConflict)
	}
	was := d.power
	if was != PowerOn {
		d.power = PowerOffNow
	}
	if was != CutBefore {
		next := maps.Clone(state)
		for _, e := range b.Put {
			next[string(e.Key)] = string(e.Value)
		}
		for _, key := range b.Delete {
			delete(next, string(key))
		}
		d.states = append(d.states, next)
	}
	if was != PowerOn {
		return fmt.Errorf("sim: power failed: %w", fault.StoreFailed)
	}
	return nil
}

var _ store.Backend = (*Disk)(nil)
