package device_test

import (
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/recovery"
)

// A phone founds the log and takes in a laptop; a contact verifies both, and no server adds a third one.
func Example() {
	must := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	now := time.Now()
	phone, err := device.Generate("alice", device.Classical, now)
	must(err)
	root, err := phone.Found(recovery.Generate(), now)
	must(err)
	// … store phone.ExportSecretState, then post the entry; the server answers with the log.
	own, err := device.Verify("alice", [][]byte{root})
	must(err)
	_, err = phone.Settle(own)
	must(err)

	laptop, err := device.Generate("alice", device.Classical, now)
	must(err)
	added, err := own.Add(phone, laptop.Record(), now)
	must(err)

	// A contact who saw the first entry pins it, and later takes extensions only.
	seen, err := device.Verify("alice", [][]byte{root})
	must(err)
	pin := seen.Pin() // kept in the contact's own store
	seen, err = device.Resume("alice", [][]byte{root}, pin)
	must(err)
	seen, err = seen.Extend([][]byte{added})
	must(err)
	fmt.Println("devices:", len(seen.Active()))

	// The server has nobody's key.
	stranger, err := device.Generate("alice", device.Classical, now)
	must(err)
	forged, err := stranger.Found(nil, now)
	must(err)
	_, err = seen.Extend([][]byte{root, added, forged})
	fmt.Println("forged entry refused:", err != nil)
	_, err = seen.Extend([][]byte{forged})
	fmt.Println("another root:", errors.Is(err, fault.IdentityChanged))
	_, err = seen.Extend([][]byte{root})
	fmt.Println("an old state:", errors.Is(err, fault.Rollback))
	// Output:
	// devices: 2
	// forged entry refused: true
	// another root: true
	// an old state: true
}
