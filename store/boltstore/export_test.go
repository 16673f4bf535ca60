//go:build !js && !wasip1

package boltstore

import (
	"context"
	"os"

	"go.etcd.io/bbolt"
)

// Hasty returns a Store that waits for no lock.
func Hasty(path string) *Store {
	s := New(path)
	s.patience = 0
	return s
}

// OpenAndPanic opens the file for writing and panics in the middle of a transaction.
func OpenAndPanic(ctx context.Context, s *Store) error {
	return s.open(ctx, false, func(db *bbolt.DB, _ *os.File) error {
		return db.Update(func(*bbolt.Tx) error { panic("damaged") })
	})
}

// OpenAndCut cuts the file short while it is mapped, and lets bbolt read on.
func OpenAndCut(ctx context.Context, s *Store) error {
	return s.open(ctx, true, func(db *bbolt.DB, _ *os.File) error {
		if err := os.Truncate(s.path, 0); err != nil {
			return err
		}
		return db.View(func(tx *bbolt.Tx) error {
			tx.Bucket([]byte(bucketName))
			return nil
		})
	})
}

// Occupy runs f while s is busy with it.
func Occupy(ctx context.Context, s *Store, f func()) error {
	return s.exclusively(ctx, func() error { f(); return nil })
}
