package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/secret"
)

// redacted keeps secrets out of everything that prints.
type redacted = secret.Redacted

// DB is an open store. It is safe for concurrent use: one Update at a time, any number of Views beside it. Other DBs, also
// in other processes, may use the same storage at the same time. The zero value and nil are destroyed ones.
type DB struct {
	_ [0]func()
	redacted
	backend checked
	schema  Schema
	keys    keys
	turn    chan struct{} // holds one token while an Update runs
}

// maxTries bounds how often a transaction is run while others commit first.
const maxTries = 100

// Open opens the store in b. root is any key of 32 bytes, and stays the caller's. An empty store is left empty: the first
// Update writes the schema. One of an older schema is migrated.
//
// A store of another root key is fault.WrongSecret (a store whose schema record was deleted looks the same), one of a newer
// schema fault.UnsupportedVersion, and in both nothing is written. No backend, schema 0, and an older schema without Migrate
// are fault.Misuse. Other errors are those of Update.
func Open(ctx context.Context, b Backend, root *cose.Key, s Schema) (*DB, error) {
	if b == nil || s.Version == 0 {
		return nil, fmt.Errorf("store: no backend or no schema: %w", fault.Misuse)
	}
	k, err := deriveKeys(root)
	if err != nil {
		return nil, err
	}
	d := &DB{
		redacted: secret.Redact("store.DB", root.ID()),
		backend:  checked{b}, schema: s, keys: k, turn: make(chan struct{}, 1),
	}
	if err := d.update(ctx, (*Tx).migrate); err != nil {
		d.Destroy()
		return nil, err
	}
	return d, nil
}

// Update runs f and commits what it wrote, all of it or nothing. f sees one state of the store, and its own writes. It is
// run again from the start when somebody else committed meanwhile: what it does outside of tx must bear that, and whatever
// leaves goes through Tx.AfterCommit. f must not call Update of the same DB: that waits for itself, until ctx is done.
//
// An error of f is returned and nothing is written. A Put that could not be done is returned too, although f did not see
// it. Where the backend fails it is fault.StoreFailed as a rule, and fault.StoreConflict when others committed first 100
// times. A commit that reported failure may have become durable: operations are made so that doing them again is harmless.
func (d *DB) Update(ctx context.Context, f func(*Tx) error) error {
	if f == nil {
		return errNoFunction
	}
	return d.update(ctx, settled(f))
}

var errNoFunction = fmt.Errorf("store: no function: %w", fault.Misuse)

// settled runs f when the store is still the one that Open saw.
func settled(f func(*Tx) error) func(*Tx) error {
	return func(t *Tx) error {
		if err := t.settled(); err != nil {
			return err
		}
		return f(t)
	}
}

func (d *DB) update(ctx context.Context, f func(*Tx) error) error {
	if err := d.ready(ctx); err != nil {
		return err
	}
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return fmt.Errorf("store: while another Update of this DB ran, or this one was called inside of it: %w", canceled(ctx))
	}
	return d.run(ctx, false, f)
}

// View runs f on one state of the store. It is run again when somebody committed meanwhile, so f must not call Update of the
// same DB: it would be run for ever, and is 100 times. A write in it makes the View
// fail with fault.Misuse; functions given to AfterCommit are never called. Other errors are those of Update.
func (d *DB) View(ctx context.Context, f func(*Tx) error) error {
	if f == nil {
		return errNoFunction
	}
	if err := d.ready(ctx); err != nil {
		return err
	}
	return d.run(ctx, true, settled(f))
}

// Destroy wipes the keys. It is idempotent and may race with a use; later uses fail with fault.DestroyedKey.
func (d *DB) Destroy() {
	if d != nil {
		d.keys.destroy()
	}
}

// ready refuses what no transaction can begin with.
func (d *DB) ready(ctx context.Context) error {
	if d == nil {
		return fmt.Errorf("store: %w", fault.DestroyedKey)
	}
	if err := d.keys.alive(); err != nil {
		return err
	}
	return canceled(ctx)
}

// run attempts f until nobody else commits in between.
func (d *DB) run(ctx context.Context, view bool, f func(*Tx) error) error {
	for range maxTries {
		after, moved, err := d.attempt(ctx, view, f)
		if moved {
			continue
		}
		for _, call := range after {
			call()
		}
		return err
	}
	return fmt.Errorf("store: others committed first %d times: %w", maxTries, fault.StoreConflict)
}

// attempt runs f once. moved means that what f saw was not one state of the store, or is no longer the present one: nothing
// was written, and what f returned counts for nothing. after is to be called when there is no error.
func (d *DB) attempt(ctx context.Context, view bool, f func(*Tx) error) (after []func(), moved bool, err error) {
	base, err := d.backend.generation(ctx)
	if err != nil {
		return nil, false, err
	}
	t := &Tx{redacted: secret.Redact("store.Tx", nil), db: d, ctx: ctx, base: base, view: view, live: true, writes: map[string]*write{}}
	defer t.end()
	err = f(t)
	if err == nil {
		err = t.err
	}
	if err == nil && len(t.writes) > 0 {
		err = t.commit()
		moved = errors.Is(err, fault.StoreConflict)
	} else {
		// Reads are calls of their own, so f saw one state only if the generation stood still.
		now, failed := d.backend.generation(ctx)
		moved = failed == nil && now != base
		if err == nil {
			err = failed
		}
	}
	if err != nil || moved || view {
		return nil, moved, err
	}
	return t.after, false, nil
}
