package dek_test

import (
	"fmt"
	"log"

	"github.com/sottokit/sotto/dek"
	"github.com/sottokit/sotto/kek"
)

// A content key, stored under its channel key, seals and opens a message in one place.
func Example() {
	channel, content := kek.Generate(), dek.Generate()
	wrapped, err := content.Wrap(channel, []byte("channel 1"))
	if err != nil {
		log.Fatal(err)
	}
	sealed, err := content.Seal(nil, []byte("low voice"), []byte("message 1"))
	if err != nil {
		log.Fatal(err)
	}

	content, err = dek.Unwrap(channel, wrapped, []byte("channel 1"))
	if err != nil {
		log.Fatal(err)
	}
	text, err := content.Open(nil, sealed, []byte("message 1"))
	fmt.Println(string(text), err)
	_, err = content.Open(nil, sealed, []byte("message 2"))
	fmt.Println(err)
	// Output:
	// low voice <nil>
	// cose: altered, or belongs elsewhere
}
