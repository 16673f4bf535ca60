package sotto_test

import (
	"context"
	"fmt"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
)

// A laptop joins alice's account. What goes from one side to the other is carried by hand here: an app has a mailbox at its
// server, named by offer.Rendezvous().
func ExampleAccount_OfferLink() {
	ctx := context.Background()
	phone, _, _ := exampleUsers()

	offer, err := phone.OfferLink(ctx, link.Choice{History: link.Sessions})
	check(err)
	joining, err := link.Scan(offer.QR(), time.Now()) // the bytes of the QR code that the phone shows
	check(err)
	fmt.Printf("laptop: join the account %s?\n", joining.User())

	m1, err := joining.Join(device.Classical, time.Now())
	check(err)
	m2, err := offer.Receive(ctx, m1)
	check(err)
	_, err = joining.Receive(m2, time.Now())
	check(err)
	fmt.Printf("laptop is %s %d digits, phone is %s\n", joining.State(time.Now()), len(joining.Digits()), offer.State())

	m3, err := offer.Confirm(ctx, joining.Digits()) // what the person typed
	check(err)
	_, err = joining.Receive(m3, time.Now())
	check(err)
	m4, err := joining.Served(ownLog(phone), time.Now())
	check(err)
	_, err = offer.Receive(ctx, m4) // the phone signs
	check(err)
	phone.Sync() // the server takes the entry, the phone receives its own log

	challenge, err := device.NewChallenge("server", "alice", time.Now()) // the server's, for the laptop to answer
	check(err)
	m5, err := offer.Admitted(ctx, challenge.Nonce, nil)
	check(err)
	_, err = joining.Receive(m5, time.Now())
	check(err)
	_, err = joining.Served(ownLog(phone), time.Now())
	check(err)

	laptop, err := sotto.Link(ctx, store.Memory(), joining, entries(phone), nil, newSecret())
	check(err)
	answer, err := laptop.Register(ctx, challenge.Server, challenge.Nonce)
	check(err)
	_, err = challenge.Check(answer, ownLog(phone), time.Now())
	check(err)
	m7, err := joining.Registered(answer, time.Now())
	check(err)
	m8, err := offer.Receive(ctx, m7)
	check(err)
	_, err = joining.Receive(m8, time.Now())
	check(err)
	choice, _ := joining.Choice()
	fmt.Printf("laptop is %s and gets %s, phone is %s\n", joining.State(time.Now()), choice.History, offer.State())

	// Output:
	// laptop: join the account alice?
	// laptop is showing 6 digits, phone is asking
	// laptop is done and gets sessions, phone is done
}

// entries are the own log of a peer's user, as the server has it.
func entries(p *sottotest.Peer) [][]byte {
	me, err := p.Contact(context.Background(), p.User())
	check(err)
	log, err := me.Log(context.Background())
	check(err)
	return log
}

func ownLog(p *sottotest.Peer) *device.Log {
	l, err := device.Verify(p.User(), entries(p))
	check(err)
	return l
}
