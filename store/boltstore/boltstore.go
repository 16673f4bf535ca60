//go:build !js && !wasip1

// Package boltstore is a store.Backend in one file, of the format of bbolt (go.etcd.io/bbolt).
//
// Nothing is held between calls: each opens the file, locks it, does its work and closes it. So an app and its notification
// extension, two processes, share one file, and a phone may put either to sleep. A call that finds the file locked waits
// for up to 30 seconds.
//
// Within one process use one Store for a file, and open the file by no other way: on Android closing any handle of a file
// drops all locks that the process has on it. The file must be on a disk of the machine, not on a network. It grows and does
// not shrink; deleted values are overwritten only when their pages are used again.
package boltstore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// bucketName is the one bucket of the file. Its sequence number is the generation.
const bucketName = "sotto"

// Store is a file that holds a store. It is safe for concurrent use; one call runs at a time.
type Store struct {
	path     string
	turn     chan struct{} // holds one token while a call runs
	patience time.Duration // how long a call waits for the lock of the file
}

// New returns the store in the file at path. It does no I/O. A file that does not exist is an empty store, and is made by
// the first commit, with mode 0600, in a folder that must exist.
//
// Errors of all methods: fault.StoreFailed where the operating system refuses, for example because the disk is full, or the
// file stays locked; fault.Damaged for a file that is not of bbolt's format or breaks its rules. A power cut or a full disk
// during the very first commit may leave a file that is damaged and has never held anything.
func New(path string) *Store {
	return &Store{path: path, turn: make(chan struct{}, 1), patience: 30 * time.Second}
}

var _ store.Backend = (*Store)(nil)

// Generation implements store.Backend.
func (s *Store) Generation(ctx context.Context) (n uint64, err error) {
	err = s.read(ctx, func(t *tree) error {
		n = t.generation
		return nil
	})
	return n, err
}

// Get implements store.Backend.
func (s *Store) Get(ctx context.Context, key []byte) (value []byte, found bool, err error) {
	err = s.read(ctx, func(t *tree) (err error) {
		value, found, err = t.get(key)
		return err
	})
	return value, found, err
}

// Scan implements store.Backend.
func (s *Store) Scan(ctx context.Context, prefix, after []byte, limit int) (entries []store.Entry, err error) {
	err = s.read(ctx, func(t *tree) (err error) {
		entries, err = t.scan(prefix, after, limit)
		return err
	})
	return entries, err
}

// Commit implements store.Backend. An empty key, and more than store.MaxKey or store.MaxSealed bytes, are fault.OverLimit.
func (s *Store) Commit(ctx context.Context, b store.Batch) error {
	keys, err := keysOf(b)
	if err != nil {
		return err
	}
	return s.exclusively(ctx, func() error {
		err := s.readFile(ctx, func(t *tree) error {
			if t.generation != b.Base {
				return conflict(t.generation, b.Base)
			}
			return t.checkForCommit(keys, len(b.Delete))
		})
		if err != nil {
			return err
		}
		if err := s.write(ctx, b); err != nil {
			return err
		}
		if b.Base <= 1 { // whoever made the file may have died before it came here
			syncFolder(filepath.Dir(s.path))
		}
		return nil
	})
}

// keysOf returns the keys of a batch in ascending order.
func keysOf(b store.Batch) ([][]byte, error) {
	keys := slices.Clone(b.Delete)
	for _, e := range b.Put {
		if len(e.Value) > store.MaxSealed {
			return nil, fmt.Errorf("boltstore: value of %d bytes: %w", len(e.Value), fault.OverLimit)
		}
		keys = append(keys, e.Key)
	}
	for _, k := range keys {
		if len(k) == 0 || len(k) > store.MaxKey {
			return nil, fmt.Errorf("boltstore: key of %d bytes: %w", len(k), fault.OverLimit)
		}
	}
	slices.SortFunc(keys, bytes.Compare)
	return keys, nil
}

// write commits b to a file that was found sound. Another process may have committed since: then the generation tells.
func (s *Store) write(ctx context.Context, b store.Batch) error {
	err := s.open(ctx, false, func(db *bbolt.DB, _ *os.File) error {
		return db.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte(bucketName))
			if err != nil {
				return err
			}
			if n := bucket.Sequence(); n != b.Base {
				return conflict(n, b.Base)
			}
			for _, k := range b.Delete {
				if err := bucket.Delete(k); err != nil {
					return err
				}
			}
			for _, e := range b.Put {
				if err := bucket.Put(e.Key, e.Value); err != nil {
					return err
				}
			}
			_, err = bucket.NextSequence()
			return err
		})
	})
	if err != nil && fault.Of(err) == 0 {
		return fmt.Errorf("boltstore: commit: %w: %w", fault.StoreFailed, err)
	}
	return err
}

func conflict(have, want uint64) error {
	return fmt.Errorf("boltstore: generation is %d, not %d: %w", have, want, fault.StoreConflict)
}

// syncFolder makes the name of a new file durable. Where a folder cannot be synced the operating system does it.
func syncFolder(path string) {
	if dir, err := os.Open(path); err == nil {
		_ = dir.Sync()
		_ = dir.Close()
	}
}
