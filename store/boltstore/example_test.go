//go:build !js && !wasip1

package boltstore_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/boltstore"
)

// A store in a file, opened twice.
func Example() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	root, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		log.Fatal(err)
	}
	ctx, visits := context.Background(), store.Name{Room: "example/visits"}
	for range 2 {
		db, err := store.Open(ctx, boltstore.New(filepath.Join(folder, "store")), root, store.Schema{Version: 1})
		if err != nil {
			log.Fatal(err)
		}
		err = db.Update(ctx, func(tx *store.Tx) error {
			value, _, err := tx.Get(visits)
			if err != nil {
				return err
			}
			tx.Put(visits, append(value, 'I'))
			return nil
		})
		if err != nil {
			log.Fatal(err)
		}
		err = db.View(ctx, func(tx *store.Tx) error {
			value, _, err := tx.Get(visits)
			fmt.Println(string(value))
			return err
		})
		if err != nil {
			log.Fatal(err)
		}
		db.Destroy()
	}
	// Output:
	// I
	// II
}
