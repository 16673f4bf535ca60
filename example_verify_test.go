package sotto_test

import (
	"context"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/safetynumber"
)

// Two people compare by scanning: each app shows its number as a QR code (PNG, SVG) and scans the other one's.
func ExampleSafetyNumber() {
	ctx := context.Background()
	alice, bob, _ := exampleUsers()

	toBob, err := alice.Contact(ctx, "bob")
	check(err)
	toAlice, err := bob.Contact(ctx, "alice")
	check(err)
	onAlices, err := toBob.SafetyNumber(ctx)
	check(err)
	onBobs, err := toAlice.SafetyNumber(ctx)
	check(err)
	fmt.Println("to read aloud, the same:", onAlices.String() == onBobs.String())

	outcome, err := onAlices.Compare(onBobs.Scannable()) // Alice scans Bob's screen
	check(err)
	fmt.Println("scanned:", outcome)
	if outcome == safetynumber.Match {
		check(onAlices.MarkVerified(ctx))
	}
	standing, err := toBob.Standing(ctx)
	check(err)
	fmt.Println("bob is", standing.Mark)

	// Output:
	// to read aloud, the same: true
	// scanned: match
	// bob is verified
}

// Two people who are on the phone compare seven emoji. The messages go from one device to the other by any way.
func ExampleSafetyNumber_Parties() {
	ctx := context.Background()
	alice, bob, _ := exampleUsers()

	toBob, err := alice.Contact(ctx, "bob")
	check(err)
	toAlice, err := bob.Contact(ctx, "alice")
	check(err)
	onAlices, err := toBob.SafetyNumber(ctx)
	check(err)
	onBobs, err := toAlice.SafetyNumber(ctx)
	check(err)

	alices, start, err := safetynumber.StartSAS(onAlices.Parties())
	check(err)
	me, peer := onBobs.Parties()
	bobs, accept, err := safetynumber.AcceptSAS(me, peer, start)
	check(err)
	alicesKey, err := alices.Receive(accept)
	check(err)
	bobsKey, err := bobs.Receive(alicesKey)
	check(err)
	_, err = alices.Receive(bobsKey)
	check(err)

	seen, err := alices.Strings() // Emoji with Picture and Name, for Alice's screen
	check(err)
	bobSees, err := bobs.Strings()
	check(err)
	fmt.Println(len(seen.Emoji), "emoji, the same:", seen.Emoji == bobSees.Emoji)

	yes, err := alices.Confirm() // both people say so
	check(err)
	_, err = bobs.Receive(yes)
	check(err)
	yes, err = bobs.Confirm()
	check(err)
	_, err = alices.Receive(yes)
	check(err)
	fmt.Println(alices.State(), bobs.State())
	check(onAlices.MarkVerified(ctx)) // and Bob's app does it with its own
	check(onBobs.MarkVerified(ctx))

	// Output:
	// 7 emoji, the same: true
	// done done
}

// A server shows another log in Bob's name: Alice is told, and nothing is sealed to Bob until she has decided.
func ExampleContact_Acknowledge() {
	ctx := context.Background()
	alice, _, _ := exampleUsers()
	_, stranger, _ := exampleUsers() // another user of that name

	toStranger, err := stranger.Contact(ctx, "bob")
	check(err)
	log, err := toStranger.Log(ctx)
	check(err)
	_, err = alice.Trust(ctx, "bob", log)
	fmt.Println("trust:", fault.Of(err).Name())
	show(alice)

	toBob, err := alice.Contact(ctx, "bob")
	check(err)
	shown, err := toBob.Standing(ctx) // Pin is what was known of Bob, Other what the server shows now
	check(err)
	fmt.Println("bob is", shown.Mark)
	_, err = toBob.Acknowledge(ctx, shown, shown.Pin) // he says that he did not begin anew; otherwise it were *shown.Other
	check(err)
	standing, err := toBob.Standing(ctx)
	check(err)
	fmt.Println("bob is", standing.Mark)

	// Output:
	// trust: identity_changed
	// alice is told of bob: reset, identity_changed
	// bob is changed
	// bob is unverified
}
