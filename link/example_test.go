package link_test

import (
	"fmt"
	"log"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/link"
)

// A laptop joins the account that a phone has. The server's part, to keep the log, is played by a variable.
func Example() {
	now := time.Unix(1_800_000_000, 0)
	phone, entries := newAccount(now)
	served := verify(entries)

	// The phone shows a QR code, the laptop scans it and asks: join this account?
	old, err := link.Offer(phone.Record(), link.Choice{History: link.Nothing}, now)
	check(err)
	laptop, err := link.Scan(old.QR(), now)
	check(err)
	fmt.Println("join the account of", laptop.User())

	// The person says yes, reads six digits off the laptop, and types them into the phone.
	m, err := laptop.Join(device.Classical, now)
	check(err)
	pass(old.Receive, laptop.Receive, m, now)
	m, err = old.Confirm(laptop.Digits(), served, now)
	check(err)
	pass(laptop.Receive, nil, m, now)

	// The laptop sees the log, and says who it is. The phone signs for it.
	m, err = laptop.Served(served, now)
	check(err)
	pass(old.Receive, nil, m, now)
	candidate, _ := old.Candidate()
	entry, err := served.Add(phone, candidate, now)
	check(err)
	entries = append(entries, entry)
	served = verify(entries)
	nonce := [32]byte{1} // the server's
	m, err = old.Admitted(served, entry, nonce, nil, now)
	check(err)
	pass(laptop.Receive, nil, m, now)

	// The laptop sees itself in the log, stores its keys, and registers.
	_, err = laptop.Served(served, now)
	check(err)
	registration, err := laptop.Keys().Register(laptop.Log(), "https://keys.example", laptop.Nonce(), now)
	check(err)
	m, err = laptop.Registered(registration, now)
	check(err)
	pass(old.Receive, laptop.Receive, m, now)
	fmt.Println(old.State(now), laptop.State(now), len(laptop.Log().Active()))

	// Output:
	// join the account of alice
	// done done 2
}

// pass carries a message to one side, and its answer back to the other one.
func pass(to, back func([]byte, time.Time) ([]byte, error), m []byte, now time.Time) {
	answer, err := to(m, now)
	check(err)
	if answer != nil {
		_, err = back(answer, now)
		check(err)
	}
}

// newAccount is that of a phone alone.
func newAccount(now time.Time) (*device.Keys, [][]byte) {
	phone, err := device.Generate("alice", device.Classical, now)
	check(err)
	root, err := phone.Found(nil, now)
	check(err)
	_, err = phone.Settle(verify([][]byte{root}))
	check(err)
	return phone, [][]byte{root}
}

func verify(entries [][]byte) *device.Log {
	l, err := device.Verify("alice", entries)
	check(err)
	return l
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
