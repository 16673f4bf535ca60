package sotto_test

import (
	"testing"

	"github.com/sottokit/sotto/sottotest"
)

// Whoever comes back with the recovery key alone comes back into the groups, too.
func TestARecoveredUserIsStillInTheGroups(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	n := alice.Network()
	carol := n.Create("carol")
	carol.Meet(alice)
	carol.Meet(bob)
	alice.Meet(carol)
	bob.Meet(carol)
	key := withRecovery(t, alice)
	g := alice.NewGroup(bob, carol)
	n.SyncAll()
	bob.Say(g.ID(), "we are here")
	n.SyncAll()
	phone := n.Recover("alice", key)
	phone.Meet(bob)
	phone.Meet(carol)
	n.SyncAll()
	bob.Say(g.ID(), "are you back?")
	only(t, phone.Sync(), "are you back?")
	carol.Sync()
	phone.Say(g.ID(), "I am")
	only(t, bob.Sync(), "I am")
	only(t, carol.Sync(), "I am")
}

// Nobody else had said a word in the group.
func TestARecoveredFounderOfASilentGroup(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	n := alice.Network()
	key := withRecovery(t, alice)
	g := alice.NewGroup(bob)
	n.SyncAll()
	phone := n.Recover("alice", key)
	phone.Meet(bob)
	n.SyncAll()
	bob.Say(g.ID(), "are you back?")
	only(t, phone.Sync(), "are you back?")
	phone.Say(g.ID(), "I am")
	only(t, bob.Sync(), "I am")
}
