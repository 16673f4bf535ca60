package sotto_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/sottotest"
)

// A group of three. What the accounts make is carried by the network of package sottotest: an app has a server there.
func ExampleGroup() {
	ctx := context.Background()
	alice, bob, carol := exampleUsers()

	toBob, err := alice.Contact(ctx, "bob")
	check(err)
	toCarol, err := alice.Contact(ctx, "carol")
	check(err)
	g, err := alice.CreateGroup(ctx, toBob, toCarol)
	check(err)
	_, err = g.Seal(ctx, sotto.NewMessageID(), "text/plain", []byte("Who is for the lake?"))
	check(err)
	alice.Flush()
	show(bob, carol) // both learn of the group by its first session

	check(g.SetRole(ctx, "bob", group.RoleAdmin)) // waits among the Pending parcels until the chain that comes back has it
	alice.Sync()
	alice.Sync()
	show(bob, carol)

	bobs, err := bob.Group(ctx, g.ID())
	check(err)
	check(bobs.Remove(ctx, "carol")) // an admin may remove whoever has no role
	bob.Sync()
	bob.Sync()
	show(alice, carol)

	state, err := g.State(ctx)
	check(err)
	for _, m := range state.Members {
		fmt.Printf("%s, %s\n", m.User, m.Role)
	}
	carols, err := carol.Group(ctx, g.ID())
	check(err)
	_, err = carols.Seal(ctx, sotto.NewMessageID(), "text/plain", []byte("Why so silent?"))
	fmt.Println("carol writes:", fault.Of(err).Name())

	// Output:
	// bob reads: alice: Who is for the lake?
	// bob is in a new group
	// carol reads: alice: Who is for the lake?
	// carol is in a new group
	// bob: alice makes bob admin
	// carol: alice makes bob admin
	// alice: bob removes carol
	// carol: bob removes carol
	// alice, owner
	// bob, admin
	// carol writes: untrusted_signer
}

// Whoever comes later reads nothing from before, unless a member shares it.
func ExampleGroup_ShareHistory() {
	ctx := context.Background()
	alice, bob, carol := exampleUsers()
	g := alice.NewGroup(bob)
	parcels, err := g.Seal(ctx, sotto.NewMessageID(), "text/plain", []byte("The key is under the mat."))
	check(err)
	before := parcels[len(parcels)-1].Data

	toCarol, err := alice.Contact(ctx, "carol")
	check(err)
	check(g.Add(ctx, toCarol))
	alice.Sync()
	alice.Sync()
	show(carol)
	events, err := carol.Receive(ctx, before) // the server hands it out to anybody
	check(err)
	fmt.Println("from before:", events[0].Why.Name())

	sessions, err := g.ShareHistory(ctx, toCarol)
	check(err)
	fmt.Println("alice shares", sessions, "session")
	alice.Flush()
	show(carol)

	// Output:
	// carol is in a new group
	// from before: unknown_session
	// alice shares 1 session
	// carol: alice shares what was said before
	// carol reads: alice: The key is under the mat.
}

// exampleUsers are three users with a device each, who have pinned each other's logs.
func exampleUsers() (alice, bob, carol *sottotest.Peer) {
	n := sottotest.NewNetwork(example{})
	alice, bob, carol = n.Create("alice"), n.Create("bob"), n.Create("carol")
	for _, p := range []*sottotest.Peer{alice, bob, carol} {
		for _, other := range []*sottotest.Peer{alice, bob, carol} {
			if p != other {
				p.Meet(other)
			}
		}
	}
	return alice, bob, carol
}

// show lets peers receive, and prints what an app would show to people.
func show(peers ...*sottotest.Peer) {
	for _, p := range peers {
		for _, e := range p.Sync() {
			switch e.Kind {
			case sotto.KindJoined:
				fmt.Println(p.User(), "is in a new group")
			case sotto.KindMembers:
				switch e.Change.Op {
				case group.OpRole:
					fmt.Printf("%s: %s makes %s %s\n", p.User(), e.User, e.Change.User, e.Change.Role)
				case group.OpRemove:
					fmt.Printf("%s: %s removes %s\n", p.User(), e.User, e.Change.User)
				}
			case sotto.KindHistory:
				fmt.Printf("%s: %s shares what was said before\n", p.User(), e.User)
			case sotto.KindIdentity:
				fmt.Printf("%s is told of %s: %s, %s\n", p.User(), e.User, e.Happened, e.Why.Name())
			case sotto.KindMessage:
				if e.Why == 0 {
					fmt.Printf("%s reads: %s: %s\n", p.User(), e.User, e.Body)
				}
			}
		}
	}
}

// example is the test that package sottotest asks for: what fails ends it.
type example struct{ testing.TB }

func (example) Helper() {}

func (example) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func check(err error) {
	if err != nil {
		panic(err)
	}
}
