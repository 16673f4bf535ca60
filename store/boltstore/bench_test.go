//go:build !js && !wasip1

package boltstore_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/internal/ratio"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/boltstore"
)

// batch makes n puts of 200 bytes under keys of their own, in no order.
func batch(base uint64, n int) store.Batch {
	b := store.Batch{Base: base}
	for i := range n {
		key := binary.BigEndian.AppendUint64(make([]byte, 16), uint64(i)*0x9e3779b97f4a7c15)
		b.Put = append(b.Put, store.Entry{Key: key, Value: make([]byte, 200)})
	}
	return b
}

// commits returns a function that commits n puts to a new file, which has others of these many values before.
func commits(b *testing.B, before, n int) func() {
	s, base := boltstore.New(filepath.Join(b.TempDir(), "store")), uint64(0)
	if before > 0 {
		if err := s.Commit(b.Context(), batch(base, before)); err != nil {
			b.Fatal(err)
		}
		base++
	}
	return func() {
		if err := s.Commit(b.Context(), batch(base, n)); err != nil {
			b.Fatal(err)
		}
		base++
	}
}

// BenchmarkCommit is a commit of 4 puts of 200 bytes, to a new store and to one of 50,000 values; bare is bbolt alone: open,
// update, close. Both wait for the disk twice. Budget: 2.0.
func BenchmarkCommit(b *testing.B) {
	for _, before := range []int{0, 50_000} {
		b.Run(fmt.Sprint(before), func(b *testing.B) {
			ratio.Run(b, commits(b, before, 4), bareCommits(b, before, 4))
		})
	}
}

func bareCommits(b *testing.B, before, n int) func() {
	path := filepath.Join(b.TempDir(), "bare")
	commit := func(puts []store.Entry) {
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			b.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("bare"))
			for _, e := range puts {
				if err == nil {
					err = bucket.Put(e.Key, e.Value)
				}
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
	commit(batch(0, before).Put)
	puts := batch(0, n).Put
	return func() { commit(puts) }
}

// BenchmarkBatch is one commit of 100 puts; bare are three commits of one. Budget: below 1.
func BenchmarkBatch(b *testing.B) {
	one := commits(b, 0, 1)
	ratio.Run(b, commits(b, 0, 100), func() { one(); one(); one() })
}

// BenchmarkUpdate is a DB.Update of 4 values of 200 bytes that exist; bare is the commit alone.
func BenchmarkUpdate(b *testing.B) {
	root, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		b.Fatal(err)
	}
	db, err := store.Open(b.Context(), boltstore.New(filepath.Join(b.TempDir(), "db")), root, store.Schema{Version: 1})
	if err != nil {
		b.Fatal(err)
	}
	value := make([]byte, 200)
	ratio.Run(b, func() {
		err := db.Update(b.Context(), func(tx *store.Tx) error {
			for i := range uint64(4) {
				tx.Put(store.Name{Room: "bench/value", Seq: i}, value)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}, commits(b, 0, 4))
}

// BenchmarkGet reads one of 10,000 values; bare is bbolt alone: open, get, close.
func BenchmarkGet(b *testing.B) {
	path, large := filepath.Join(b.TempDir(), "store"), batch(0, 10_000)
	s, key := boltstore.New(path), large.Put[5000].Key
	if err := s.Commit(b.Context(), large); err != nil {
		b.Fatal(err)
	}
	ratio.Run(b, func() {
		if _, found, err := s.Get(context.Background(), key); !found || err != nil {
			b.Fatal(found, err)
		}
	}, func() {
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
		if err != nil {
			b.Fatal(err)
		}
		err = db.View(func(tx *bbolt.Tx) error {
			bytes.Clone(tx.Bucket([]byte("sotto")).Get(key))
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	})
}
