package lockbox_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
)

// A root that a password and a printed recovery key open; then the password is forgotten.
func Example() {
	ctx, owner := context.Background(), []byte("alice@example.org")
	params := mk.Params{Time: 2, MemoryKiB: 19456, Threads: 1} // see mk.Calibrate

	key := recovery.Generate()
	paper, err := key.ExportSecretText() // print it
	if err != nil {
		log.Fatal(err)
	}
	box, root, err := lockbox.New(ctx, owner, lockbox.Password([]byte("correct horse"), params), lockbox.Recovery(key))
	if err != nil {
		log.Fatal(err)
	}
	stored := box.Bytes()

	// Later, on a new phone.
	box, err = lockbox.Parse(stored, owner)
	if err != nil {
		log.Fatal(err) // fault.Damaged: fetch it again, no password was wrong
	}
	_, err = box.Open(ctx, lockbox.Password([]byte("wrong horse"), params))
	fmt.Println("wrong password:", errors.Is(err, fault.WrongSecret))

	typed, err := recovery.Parse(paper)
	if err != nil {
		log.Fatal(err) // *recovery.GroupError: which group is mistyped
	}
	again, err := box.Open(ctx, lockbox.Recovery(typed))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("recovery key:", again.Equal(root))

	if box, err = box.Add(ctx, again, lockbox.Password([]byte("new horse"), params)); err != nil {
		log.Fatal(err)
	}
	box, err = box.Remove(again, 0) // the slot of the password that was forgotten
	fmt.Println("slots:", len(box.Slots()), err)
	// Output:
	// wrong password: true
	// recovery key: true
	// slots: 2 <nil>
}
