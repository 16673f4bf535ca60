package kek_test

import (
	"fmt"
	"log"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/kek"
)

// A member asks for the key of a channel, a manager grants it.
func Example() {
	channel := kek.Channel{ID: []byte("channel 1"), Epoch: 0}
	key := kek.Generate()
	manager, member := cose.GenerateSigner(), cose.GenerateSigner() // each knows the other's Verifier already

	fresh := ecdh.Generate() // for this request alone
	request, err := kek.NewRequest(fresh, member, channel)
	if err != nil {
		log.Fatal(err)
	}
	grant, err := key.Grant(request, member.Verifier(), manager, channel)
	if err != nil {
		log.Fatal(err)
	}
	received, err := kek.Accept(grant, request, fresh, member.Verifier(), manager.Verifier(), channel)
	if err != nil {
		log.Fatal(err)
	}
	fresh.Destroy()
	fmt.Println("same key:", received.Equal(key))
	// Output: same key: true
}
