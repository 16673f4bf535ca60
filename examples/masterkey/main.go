// Command masterkey turns a password into a master key and keeps a channel key under it, as an app does at sign-up and
// at every login after.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/kek"
	"github.com/sottokit/sotto/mk"
)

// Both are stored beside the account. Find your own params with mk.Calibrate or `sotto mk calibrate`.
var (
	params = mk.Params{Time: 2, MemoryKiB: 19456, Threads: 1}
	userID = []byte("alice@example.org")
)

func main() {
	ctx := context.Background()
	iv := make([]byte, mk.Size) // kept by the service, given out at login
	rand.Read(iv)
	place := []byte("channel 7") // says where the wrapped key belongs

	// Sign-up: make a channel key, and store it wrapped under the master key.
	master, err := login(ctx, "correct horse", iv)
	if err != nil {
		log.Fatal(err)
	}
	channel := kek.Generate()
	stored, err := channel.Wrap(master, place)
	if err != nil {
		log.Fatal(err)
	}
	master.Destroy()
	fmt.Println("stored", len(stored), "bytes")

	// Login: the same password opens it again, another one is known to be wrong at once.
	for _, password := range []string{"correct horse", "incorrect horse"} {
		master, err := login(ctx, password, iv)
		if err != nil {
			log.Fatal(err)
		}
		opened, err := kek.Unwrap(master, stored, place)
		master.Destroy()
		switch {
		case errors.Is(err, fault.WrongSecret):
			fmt.Println(password, "is wrong")
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println(password, "opens the same key:", opened.Equal(channel))
			opened.Destroy()
		}
	}
}

func login(ctx context.Context, password string, iv []byte) (*mk.Key, error) {
	stretched, err := mk.Stretch(ctx, []byte(password), userID, params)
	if err != nil {
		return nil, err
	}
	defer stretched.Destroy()
	return stretched.KeyI(iv)
}
