// Package store keeps an app's state: sealed values under hidden names, one operation = one commit. Most people need Open,
// DB.Update and DB.View, over Memory or package boltstore. Who brings a storage of their own implements Backend and proves
// it with package storetest.
//
// Who reads the storage learns how many values there are, how long they are, when each was written, which of them form a
// collection (names that differ in Seq alone) and their Seq; also the header, which is not sealed. Who writes to it can make
// no value out of nothing and move none to another name: that is fault.Damaged. They can delete a value, bring back an
// older one of the same name, or put the whole storage back to an earlier state, and the store does not notice. State that
// must not go back is compared with something outside, for example with the log that a server keeps. Deleting is no
// erasure: who has the root key and an old copy of the storage reads what was deleted since.
package store

import "context"

// Backend is a storage: four methods, no callbacks, bytes only. Keys have 1 to MaxKey bytes, values 0 to MaxSealed; keys
// are compared bytewise. All methods may be called at the same time by several goroutines, and several Backends, also in
// different processes, may share one storage.
//
// What is given to a Backend stays the caller's: it copies what it keeps. What it returns is the caller's: it does not touch
// that again, nor share it with anybody. An error should carry a fault.Code; one without counts as fault.StoreFailed. The
// context is never nil; when it is done before something was begun, the error is fault.Canceled.
type Backend interface {
	// Generation returns the number of commits so far: 0 for an empty storage, one more with each Commit.
	Generation(ctx context.Context) (uint64, error)

	// Get returns the value of a key, and whether there is one.
	Get(ctx context.Context, key []byte) (value []byte, found bool, err error)

	// Scan returns entries in ascending order of their keys: those whose key starts with prefix and is greater than after
	// (nil: from the first on), at most limit, which is 1 or more. Fewer than limit means that there are no more.
	Scan(ctx context.Context, prefix, after []byte, limit int) ([]Entry, error)

	// Commit makes all of b durable, or nothing, and adds one to the generation; before it returns without error, everything
	// is where a power cut does not reach it. When the generation is not b.Base, it changes nothing and fails with
	// fault.StoreConflict. A Commit that fails otherwise may have become durable all the same: whoever must know asks for
	// the generation. Deleting what is not there is no error. No key stands in b twice: a Backend may do what it likes then.
	Commit(ctx context.Context, b Batch) error
}

// Entry is a key with its value.
type Entry struct{ Key, Value []byte }

// Batch is what one Commit changes.
type Batch struct {
	Base   uint64 // the generation that the changes start from
	Put    []Entry
	Delete [][]byte
}

// Sizes that a Backend must take, in bytes. It may refuse more as fault.OverLimit.
const (
	MaxKey    = 64
	MaxSealed = MaxValue + 1<<10
)
