// Command channel hands the key of a channel to a new member and replaces it when a member leaves. What is passed between
// the two are byte slices, which an app carries over its network.
package main

import (
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

	// Alice owns the channel. Its content key is stored wrapped under the channel key, in a place that names the epoch.
	alicesKey, content := kek.Generate(), dek.Generate()
	wrapped, err := content.Wrap(alicesKey, []byte("channel 7, epoch 1"))
	check(err)
	message, err := content.Seal(nil, []byte("Welcome, Bob."), []byte("channel 7, message 1"))
	check(err)

	// Bob asks, Alice grants, Bob accepts.
	bobsX25519 := ecdh.Generate()
	request, err := kek.NewRequest(bobsX25519, bob, channel)
	check(err)
	grant, err := alicesKey.Grant(request, bob.Verifier(), alice, channel)
	check(err)
	bobsKey, err := kek.Accept(grant, request, bobsX25519, bob.Verifier(), alice.Verifier(), channel)
	check(err)
	bobsContent, err := dek.Unwrap(bobsKey, wrapped, []byte("channel 7, epoch 1"))
	check(err)
	fmt.Println("Bob has the channel key:", bobsKey.Equal(alicesKey))

	// A grant by anybody else is refused.
	mallory := cose.GenerateSigner()
	forged, err := kek.Generate().Grant(request, bob.Verifier(), mallory, channel)
	check(err)
	_, err = kek.Accept(forged, request, bobsX25519, bob.Verifier(), alice.Verifier(), channel)
	fmt.Println("Mallory's grant:", fault.Of(err).Name())
	bobsX25519.Destroy() // it has served its one request

	// Bob leaves. The old content key moves under a new channel key, so that Alice still reads what was. Bob has that
	// content key, so what comes is sealed under a new one.
	next, rewrapped, err := alicesKey.Rotate([]kek.WrappedDEK{{Key: wrapped, AAD: []byte("channel 7, epoch 1")}})
	check(err)
	channel.Epoch++ // of the requests and grants to come
	nextContent := dek.Generate()
	nextWrapped, err := nextContent.Wrap(next, []byte("channel 7, epoch 2"))
	check(err)
	nextMessage, err := nextContent.Seal(nil, []byte("Bob has left."), []byte("channel 7, message 2"))
	check(err)

	opened, err := dek.Unwrap(next, rewrapped[0], []byte("channel 7, epoch 1"))
	check(err)
	text, err := opened.Open(nil, message, []byte("channel 7, message 1"))
	check(err)
	fmt.Printf("Alice still reads %q\n", text)
	_, err = dek.Unwrap(bobsKey, nextWrapped, []byte("channel 7, epoch 2"))
	fmt.Println("Bob, with his channel key, on the new content key:", fault.Of(err).Name())
	_, err = bobsContent.Open(nil, nextMessage, []byte("channel 7, message 2"))
	fmt.Println("Bob, with his content key, on the new message:", fault.Of(err).Name())
	_, err = bobsContent.Open(nil, message, []byte("channel 7, message 1"))
	fmt.Println("What Bob already had, he keeps:", err == nil)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
