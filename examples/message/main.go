// Command message seals a message under a content key and opens it again, in the place it was sealed for and nowhere
// else.
package main

import (
	"fmt"
	"log"

	"github.com/sottokit/sotto/dek"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/kek"
)

func main() {
	channel := kek.Generate() // a member has it from the channel's manager: see the example channel
	place := []byte("channel 7")

	// The sender: a content key, stored wrapped under the channel key, and a message sealed under it.
	content := dek.Generate()
	wrapped, err := content.Wrap(channel, place)
	if err != nil {
		log.Fatal(err)
	}
	sealed, err := content.Seal(nil, []byte("Meet me at nine."), []byte("channel 7, message 1"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("sealed", len(sealed), "bytes")

	// The receiver: who has the channel key gets to the content key, and with it to the message.
	key, err := dek.Unwrap(channel, wrapped, place)
	if err != nil {
		log.Fatal(err)
	}
	text, err := key.Open(nil, sealed, []byte("channel 7, message 1"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("opened %q\n", text)

	// Whoever carries the message can neither move nor change it.
	_, err = key.Open(nil, sealed, []byte("channel 7, message 2"))
	fmt.Println("in another place:", fault.Of(err).Name())
	sealed[len(sealed)-1] ^= 1
	_, err = key.Open(nil, sealed, []byte("channel 7, message 1"))
	fmt.Println("with a bit flipped:", fault.Of(err).Name())
}
