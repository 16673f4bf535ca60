package cose_test

import (
	"fmt"
	"log"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
)

// A message sealed for one place under a symmetric key.
func ExampleKey_Encrypt0() {
	key, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		log.Fatal(err)
	}
	here := cose.Bind("acme/v1.note", []byte("notebook 1"))
	message, err := key.Encrypt0(nil, []byte("low voice"), here)
	if err != nil {
		log.Fatal(err)
	}
	text, err := key.Decrypt0(nil, message, here)
	fmt.Println(string(text), err)
	// Output: low voice <nil>
}

// A message sealed to the holder of an X25519 key. Both sides say who they are and what it is for.
func ExampleEncrypt() {
	bob := ecdh.Generate()
	agreement := cose.Agreement{
		Sender:   cose.Party{Identity: []byte("alice")},
		Receiver: cose.Party{Identity: []byte("bob")},
		Purpose:  []byte("greeting"),
	}
	context := cose.Bind("acme/v1.greeting")
	message, err := cose.Encrypt(nil, []byte("low voice"), []cose.Recipient{
		cose.ToX25519(bob.Public(), []byte("bob's key"), agreement),
	}, context)
	if err != nil {
		log.Fatal(err)
	}
	text, err := cose.Decrypt(nil, message, cose.WithX25519(bob, []byte("bob's key"), agreement), context)
	fmt.Println(string(text), err)
	// Output: low voice <nil>
}

func ExampleVerifier_Verify1() {
	alice := cose.GenerateSigner()
	context := cose.Bind("acme/v1.statement")
	message, err := alice.Sign1(nil, []byte("I said so"), context)
	if err != nil {
		log.Fatal(err)
	}
	statement, err := alice.Verifier().Verify1(message, context)
	fmt.Println(string(statement), err)
	// Output: I said so <nil>
}
