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
