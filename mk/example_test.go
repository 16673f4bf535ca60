package mk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/kek"
	"github.com/sottokit/sotto/mk"
)

// A password opens a channel key; a wrong one is told apart from damage.
func Example() {
	ctx := context.Background()
	params := mk.Params{Time: 2, MemoryKiB: 19456, Threads: 1} // kept beside the wrapped key; see Calibrate
	iv := bytes.Repeat([]byte{7}, 32)                          // kept by the service for this user

	master := func(password string) *mk.Key {
		stretched, err := mk.Stretch(ctx, []byte(password), []byte("alice@example.org"), params)
		if err != nil {
			log.Fatal(err)
		}
		defer stretched.Destroy()
		key, err := stretched.KeyI(iv)
		if err != nil {
			log.Fatal(err)
		}
		return key
	}
	wrapped, err := kek.Generate().Wrap(master("correct horse"), []byte("channel 1"))
	if err != nil {
		log.Fatal(err)
	}

	_, err = kek.Unwrap(master("correct horse"), wrapped, []byte("channel 1"))
	fmt.Println("right password:", err)
	_, err = kek.Unwrap(master("wrong horse"), wrapped, []byte("channel 1"))
	fmt.Println("wrong password:", errors.Is(err, fault.WrongSecret))
	// Output:
	// right password: <nil>
	// wrong password: true
}

// After a change of password every channel key is sealed anew. Store what Rewrap gives before you drop the old bytes.
func ExampleRing_Rewrap() {
	oldMaster, err := mk.NewKey(bytes.Repeat([]byte{1}, 32)) // of the old password
	if err != nil {
		log.Fatal(err)
	}
	newMaster, err := mk.NewKey(bytes.Repeat([]byte{2}, 32)) // of the new one
	if err != nil {
		log.Fatal(err)
	}
	place := []byte("channel 1")
	wrapped, err := kek.Generate().Wrap(oldMaster, place)
	if err != nil {
		log.Fatal(err)
	}

	ring, err := mk.NewRing(newMaster, oldMaster)
	if err != nil {
		log.Fatal(err)
	}
	for _, renewed := range ring.Rewrap(context.Background(), []mk.Wrapped{{Key: wrapped, AAD: kek.AAD(place)}}) {
		if renewed.Err != nil {
			log.Fatal(renewed.Err)
		}
		_, err = kek.Unwrap(newMaster, renewed.Key, place)
		fmt.Println("under the new password:", err)
	}
	// Output: under the new password: <nil>
}
