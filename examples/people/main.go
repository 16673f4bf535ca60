// Command people lets two people with three devices talk. What is between them is a map in memory; an app has a server
// there, which carries the same bytes and understands none of them.
package main

import (
	"context"
	"fmt"
	"log"
	"maps"
	"slices"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/mk"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store"
)

var (
	ctx    = context.Background()
	params = mk.Params{Time: 2, MemoryKiB: 19456, Threads: 1} // mk.Calibrate finds better ones

	logs   = map[string][][]byte{}    // by user
	keys   = map[device.ID][]byte{}   // the newest one of each device
	queues = map[device.ID][][]byte{} // what waits for a device
)

func main() {
	// Alice and Bob sign up, each with a first device, and pin each other's log.
	phone, err := sotto.Create(ctx, store.Memory(), "alice", nil, lockbox.Password([]byte("correct horse"), params))
	check(err)
	bob, err := sotto.Create(ctx, store.Memory(), "bob", nil, lockbox.Password([]byte("battery staple"), params))
	check(err)
	sync("Alice's phone", phone)
	sync("Bob", bob)
	alice, err := bob.Trust(ctx, "alice", logs["alice"]) // they compare alice.Root() when they meet
	check(err)

	// Alice has a laptop, too. It is told who she is, and her phone admits it.
	laptop, err := sotto.Join(ctx, store.Memory(), "alice", alice.Root(), nil, lockbox.Password([]byte("correct horse"), params))
	check(err)
	record, err := laptop.Record(ctx)
	check(err)
	check(phone.Admit(ctx, record))
	sync("Alice's phone", phone)
	sync("Alice's laptop", laptop)
	toBob, err := laptop.Trust(ctx, "bob", logs["bob"])
	check(err)
	_, err = phone.Trust(ctx, "bob", logs["bob"])
	check(err)

	// A message goes to every device of both, the sender's own ones included.
	sync("Bob", bob) // he sees the laptop before he writes
	say(bob, alice, "Tea at four?")
	sync("Bob", bob)
	sync("Alice's phone", phone)
	sync("Alice's laptop", laptop)
	say(laptop, toBob, "Gladly.")
	sync("Alice's laptop", laptop)
	sync("Alice's phone", phone)
	sync("Bob", bob)
}

// say seals a text. It stays in the outbox until it is delivered.
func say(a *sotto.Account, to *sotto.Contact, text string) {
	conversation, err := a.Direct(ctx, to)
	check(err)
	_, err = conversation.Seal(ctx, sotto.NewMessageID(), "text/plain", []byte(text))
	check(err)
}

// sync hands over what is pending, then takes and shows what is there.
func sync(name string, a *sotto.Account) {
	send(a)
	in := slices.Concat(logs["alice"], logs["bob"], slices.Collect(maps.Values(keys)), queues[a.Device()])
	events, err := a.Receive(ctx, in...)
	check(err)
	for _, e := range events {
		if e.Kind == sotto.KindMessage && e.Why == 0 { // an app handles the reasons, too
			fmt.Printf("%s reads: %s: %s\n", name, e.User, e.Body)
		}
	}
	check(a.Ack(ctx, events...)) // they are kept: on paper here
	delete(queues, a.Device())
	check(a.Upkeep(ctx, true))
	send(a) // a device that was just admitted has made its first messaging key
}

// send hands over what is pending.
func send(a *sotto.Account) {
	parcels, err := a.Pending(ctx)
	check(err)
	for _, p := range parcels {
		switch p.Kind {
		case sotto.ParcelLog:
			logs[a.User()] = append(logs[a.User()], p.Data) // a server verifies it first: device.Log.Extend
		case sotto.ParcelKey:
			keys[a.Device()] = p.Data
		default:
			for _, to := range p.To {
				queues[to] = append(queues[to], p.Data)
			}
		}
		check(a.Delivered(ctx, p))
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
