// Command account keeps the keys of a device in one file: a lockbox in its header opens by password or by the printed
// recovery key, and everything else is sealed under the lockbox's root. Each change is one commit, made before anything
// leaves the device.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/mk"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/boltstore"
)

const user = "alice"

var (
	params = mk.Params{Time: 2, MemoryKiB: 19456, Threads: 1} // mk.Calibrate finds better ones
	schema = store.Schema{Version: 1}
	keys   = store.Name{Room: "example/keys"}
)

func main() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "sotto-account-")
	check(err)
	defer os.RemoveAll(dir)
	file := boltstore.New(filepath.Join(dir, "account"))

	// Sign-up: one root, two ways to it.
	paper := recovery.Generate() // paper.ExportSecretText is what is printed
	box, root, err := lockbox.New(ctx, []byte(user), lockbox.Password([]byte("correct horse"), params), lockbox.Recovery(paper))
	check(err)
	db, err := store.Open(ctx, file, root, schema)
	check(err)

	// The first device founds the log. Its keys hold the entry as pending until the server has it.
	me, err := device.Generate(user, device.Classical, time.Now())
	check(err)
	entry, err := me.Found(paper, time.Now())
	check(err)
	check(db.Update(ctx, func(tx *store.Tx) error {
		tx.SetHeader(box.Bytes())
		return put(tx, me)
	}))
	served := [][]byte{entry} // now it may leave; here it comes straight back
	me.Destroy()
	db.Destroy()

	// Next start: the header says how to open, the password opens the box, the root opens the store.
	header, _, err := store.Header(ctx, file)
	check(err)
	box, err = lockbox.Parse(header, []byte(user)) // fault.Damaged: the file is, not the password
	check(err)
	root, err = box.Open(ctx, lockbox.Password([]byte("correct horse"), params)) // fault.WrongSecret: ask again
	check(err)
	db, err = store.Open(ctx, file, root, schema)
	check(err)
	check(db.View(ctx, func(tx *store.Tx) error {
		state, _, err := tx.Get(keys)
		check(err)
		me, err = device.ParseKeys(state)
		return err
	}))

	// The server has the entry: nothing is pending any more, and the device makes its first messaging key.
	own, err := device.Verify(user, served)
	check(err)
	settled, err := me.Settle(own)
	check(err)
	_, err = me.Rotate(own, nil, time.Now())
	check(err)
	check(db.Update(ctx, func(tx *store.Tx) error { return put(tx, me) }))
	fmt.Println("settled:", settled, "active devices:", len(own.Active()), "messaging keys:", len(me.KeyIDs()))
}

func put(tx *store.Tx, k *device.Keys) error {
	state, err := k.ExportSecretState()
	tx.Put(keys, state)
	clear(state)
	return err
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
