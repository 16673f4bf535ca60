package sottotest_test

import (
	"context"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/sottotest"
)

// A linked device knows what was chosen when Link returns, and is a peer like any other.
func TestALinkedPeerKnowsWhatWasChosen(t *testing.T) {
	for _, c := range []link.Choice{
		{History: link.Nothing}, {History: link.Sessions}, {History: link.SessionsAndVault, Vault: []byte("vault")},
	} {
		t.Run(c.History.String(), func(t *testing.T) {
			alice, bob := sottotest.Pair(t)
			alice.Send("bob", "one")
			bob.Send("alice", "two")
			texts(t, bob.Sync())
			texts(t, alice.Sync())
			tablet := alice.Link(c)
			if tablet.User() != "alice" || tablet.Device() == alice.Device() {
				t.Errorf("it is %s", tablet)
			}
			_, err := tablet.Contact(context.Background(), "bob")
			if known := err == nil; known != (c.History != link.Nothing) {
				t.Errorf("bob is known: %t", known)
			}
			if c.History == link.Nothing {
				tablet.Meet(bob)
			}
			alice.Network().SyncAll()
			tablet.Restart()
			bob.Send("alice", "to both")
			tablet.Send("bob", "from the tablet")
			for p, want := range map[*sottotest.Peer][]string{
				alice: {"to both", "from the tablet"}, tablet: {"to both"}, bob: {"from the tablet"},
			} {
				if got := texts(t, p.Sync()); len(got) != len(want) {
					t.Errorf("%s got %q, want %q", p, got, want)
				}
			}
		})
	}
}

// Devices are linked one after the other, by any of them, and all hear each other.
func TestPeersAreLinkedByAnyDevice(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := alice.Link(link.Choice{History: link.Sessions})
	laptop := tablet.Link(link.Choice{History: link.Sessions})
	bob.Sync()
	bob.Send("alice", "to all three")
	for _, p := range []*sottotest.Peer{alice, tablet, laptop} {
		heard := 0
		for _, e := range p.Sync() {
			if e.Kind == sotto.KindMessage && e.Why == 0 {
				heard++
			}
		}
		if heard != 1 {
			t.Errorf("%s heard %d messages", p, heard)
		}
	}
}
