//go:build !js && !wasip1

package boltstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/sottokit/sotto/fault"
)

// The waits between two attempts to lock the file.
const (
	firstWait = time.Millisecond
	longWait  = 16 * time.Millisecond
)

// exclusively runs f while no other call of this Store runs.
func (s *Store) exclusively(ctx context.Context, f func() error) error {
	if s == nil || s.turn == nil {
		return fmt.Errorf("boltstore: not made by New: %w", fault.Misuse)
	}
	if ctx.Err() != nil {
		return canceled(ctx)
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
		return f()
	case <-ctx.Done():
		return canceled(ctx)
	}
}

func canceled(ctx context.Context) error {
	return fmt.Errorf("boltstore: %w: %w", fault.Canceled, ctx.Err())
}

func (s *Store) read(ctx context.Context, f func(*tree) error) error {
	return s.exclusively(ctx, func() error { return s.readFile(ctx, f) })
}

// readFile runs f on the file under a shared lock. A file that does not exist, or has no bytes because its first commit did
// not get further, is an empty tree.
func (s *Store) readFile(ctx context.Context, f func(*tree) error) error {
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return f(&tree{})
	}
	if err != nil {
		return fmt.Errorf("boltstore: %w: %w", fault.StoreFailed, err)
	}
	if info.IsDir() {
		return fmt.Errorf("boltstore: the path is a folder: %w", fault.StoreFailed)
	}
	err = s.open(ctx, true, func(db *bbolt.DB, file *os.File) error {
		t, err := newTree(file, db.Info().PageSize)
		if err != nil {
			return err
		}
		return f(t)
	})
	// What the operating system refuses has a number of its own; what bbolt has to complain about is the file.
	var errno syscall.Errno
	switch {
	case err == nil || fault.Of(err) != 0:
		return err
	case errors.As(err, &errno):
		return fmt.Errorf("boltstore: open: %w: %w", fault.StoreFailed, err)
	default:
		return fmt.Errorf("boltstore: open: %w: %w", fault.Damaged, err)
	}
}

// open opens and locks the file, runs f and closes it. bbolt maps the file into memory and trusts it: a page that is not
// there is a fault of the processor, a page that makes no sense a panic. Both become fault.Damaged.
func (s *Store) open(ctx context.Context, readOnly bool, f func(*bbolt.DB, *os.File) error) (err error) {
	var file *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			// The bbolt.DB may hold its own locks, so closing it could wait for ever. The lock that others wait for is freed,
			// and the mapping stays behind.
			if file != nil {
				unlock(file)
				_ = file.Close()
			}
			err = fmt.Errorf("boltstore: bbolt cannot go on with this file: %w", fault.Damaged)
		}
	}()
	db, err := s.lock(ctx, &bbolt.Options{
		Timeout:      1, // nanosecond: bbolt waits 50 ms at a time, so it is told to give up at once
		ReadOnly:     readOnly,
		NoStatistics: true,
		OpenFile: func(path string, flag int, mode os.FileMode) (*os.File, error) {
			var err error
			file, err = os.OpenFile(path, flag, mode)
			return file, err
		},
	})
	if err != nil {
		return err
	}
	err = f(db, file)
	if failed := db.Close(); err == nil && failed != nil {
		err = fmt.Errorf("boltstore: close: %w: %w", fault.StoreFailed, failed)
	}
	return err
}

// lock opens the file as soon as no other process has it locked.
func (s *Store) lock(ctx context.Context, o *bbolt.Options) (*bbolt.DB, error) {
	waited, wait := time.Duration(0), firstWait
	for {
		db, err := bbolt.Open(s.path, 0o600, o)
		if !errors.Is(err, bbolterrors.ErrTimeout) {
			return db, err
		}
		if waited >= s.patience {
			return nil, fmt.Errorf("boltstore: locked by others for %v: %w", waited, fault.StoreFailed)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, canceled(ctx)
		}
		waited, wait = waited+wait, min(2*wait, longWait)
	}
}
