package store_test

import (
	"context"
	"fmt"
	"log"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/store"
)

// A draft is kept and found again.
func Example() {
	ctx := context.Background()
	root, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		log.Fatal(err)
	}
	db, err := store.Open(ctx, store.Memory(), root, store.Schema{Version: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Destroy()

	draft := store.Name{Room: "example/draft", Parts: [][]byte{[]byte("bob")}}
	err = db.Update(ctx, func(tx *store.Tx) error {
		tx.Put(draft, []byte("low voice"))
		tx.AfterCommit(func() { fmt.Println("saved") })
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	err = db.View(ctx, func(tx *store.Tx) error {
		text, found, err := tx.Get(draft)
		fmt.Println(string(text), found)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// saved
	// low voice true
}
