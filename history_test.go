package sotto_test

import (
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/sottotest"
)

// share lets a peer share a group's history with somebody, and returns how many sessions that were.
func share(t *testing.T, p *sottotest.Peer, g *sotto.Group, with string) int {
	t.Helper()
	mine := must(p.Group(background, g.ID()))
	n := must(mine.ShareHistory(background, must(p.Contact(background, with))))
	p.Flush()
	return n
}

// addTo lets a peer add another one to a group, and everybody see it.
func addTo(t *testing.T, p *sottotest.Peer, g *sotto.Group, newcomer *sottotest.Peer) {
	t.Helper()
	mine := must(p.Group(background, g.ID()))
	ok(t, mine.Add(background, must(p.Contact(background, newcomer.User()))))
	p.Sync()
	p.Sync()
}

// removeFrom lets a peer remove a member from a group, and everybody see it.
func removeFrom(t *testing.T, p *sottotest.Peer, g *sotto.Group, user string) {
	t.Helper()
	ok(t, must(p.Group(background, g.ID())).Remove(background, user))
	p.Sync()
	p.Sync()
}

// Who shares a session shares it though its members are not all in the group any more: the newcomer knows nothing of them.
func TestHistoryOfMembersWhoLeftCanBeShared(t *testing.T) {
	n := sottotest.NewNetwork(t)
	alice, bob, carol, dave := n.Create("alice"), n.Create("bob"), n.Create("carol"), n.Create("dave")
	for _, p := range []*sottotest.Peer{bob, carol, dave} {
		alice.Meet(p)
		p.Meet(alice)
	}
	dave.Meet(bob)
	g := alice.NewGroup(bob, carol)
	before := say(t, alice, g, "before")
	n.SyncAll()
	removeFrom(t, alice, g, "carol")
	addTo(t, alice, g, dave)
	n.SyncAll()
	must(dave.Group(background, g.ID()))
	if share(t, alice, g, "dave") == 0 {
		t.Fatal("nothing was shared")
	}
	dave.Sync()
	dave.Sync()                // now with carol's log
	share(t, alice, g, "dave") // whoever does not know whether it worked does it again
	dave.Sync()
	only(t, receive(t, dave, before), "before")
}

// say seals a text for a group, delivers it, and returns the message.
func say(t *testing.T, p *sottotest.Peer, g *sotto.Group, text string) []byte {
	t.Helper()
	parcels := must(must(p.Group(background, g.ID())).Seal(background, sotto.NewMessageID(), "text/plain", []byte(text)))
	p.Flush()
	return parcels[len(parcels)-1].Data
}
