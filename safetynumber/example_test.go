package safetynumber_test

import (
	"fmt"

	"github.com/sottokit/sotto/safetynumber"
)

func ExampleNew() {
	alice := safetynumber.Party{User: "alice", Devices: []safetynumber.Device{{ID: [16]byte{1}, Signing: [32]byte{1}}}}
	bob := safetynumber.Party{User: "bob", Devices: []safetynumber.Device{{ID: [16]byte{2}, Signing: [32]byte{2}}}}

	onAlicesPhone, err := safetynumber.New(alice, bob)
	if err != nil {
		panic(err)
	}
	onBobsPhone, err := safetynumber.New(bob, alice)
	if err != nil {
		panic(err)
	}
	fmt.Println(onAlicesPhone) // to read aloud; Bob's phone shows the same
	outcome, err := onAlicesPhone.Compare(onBobsPhone.Scannable())
	fmt.Println(outcome, err)
	// Output:
	// 65321 14653 89613 24287 53765 61347 84022 65312 15331 24958 08477 09025
	// match <nil>
}
