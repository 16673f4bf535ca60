// Command channel hands the key of a channel to a new member and replaces it when a member leaves. What is passed between
// the two are byte slices, which an app carries over its network.
package main

import (
	"errors"
	"fmt"
	"log"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/dek"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/kek"
)

func main() {
	// Who is who was settled before: each has the other's public key from somebody both believe.
	alice, bob := cose.GenerateSigner(), cose.GenerateSigner()
	channel := kek.Channel{ID: []byte("channel 7"), Epoch: 1}

	// Alice owns the channel. Its content key is stored wrapped under the channel key.
	alicesKey, content := kek.Generate(), dek.Generate()
	wrapped, err := content.Wrap(alicesKey, channel.ID)
	check(err)

	// Bob asks, Alice grants, Bob accepts.
	bobsX25519 := ecdh.Generate()
	request, err := kek.NewRequest(bobsX25519, bob, channel)
	check(err)
	grant, err := alicesKey.Grant(request, bob.Verifier(), alice, channel)
	check(err)
	bobsKey, err := kek.Accept(grant, request, bobsX25519, bob.Verifier(), alice.Verifier(), channel)
	check(err)
	fmt.Println("Bob has the channel key:", bobsKey.Equal(alicesKey))

	// A grant by anybody else is refused.
	mallory := cose.GenerateSigner()
	forged, err := kek.Generate().Grant(request, bob.Verifier(), mallory, channel)
	check(err)
	_, err = kek.Accept(forged, request, bobsX25519, bob.Verifier(), alice.Verifier(), channel)
	fmt.Println("Mallory's grant:", fault.Of(err).Name())
	bobsX25519.Destroy() // it has served its one request

	// Bob leaves: Alice wraps the content key under a new channel key, which is of the next epoch.
	next, rewrapped, err := alicesKey.Rotate([][]byte{wrapped}, channel.ID)
	check(err)
	channel.Epoch++
	opened, err := dek.Unwrap(next, rewrapped[0], channel.ID)
	check(err)
	fmt.Println("Alice goes on in epoch", channel.Epoch, "with the content key:", opened.Equal(content))
	_, err = dek.Unwrap(bobsKey, rewrapped[0], channel.ID)
	fmt.Println("Bob is out:", errors.Is(err, fault.WrongSecret))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
