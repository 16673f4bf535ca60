package sotto_test

import (
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/sottotest"
)

// people makes users who have met.
func people(t *testing.T, names ...string) []*sottotest.Peer {
	t.Helper()
	n := sottotest.NewNetwork(t)
	var all []*sottotest.Peer
	for _, name := range names {
		p := n.Create(name)
		for _, other := range all {
			p.Meet(other)
			other.Meet(p)
		}
		all = append(all, p)
	}
	return all
}

// heard are the texts that a peer gets.
func heard(t *testing.T, p *sottotest.Peer) []string {
	t.Helper()
	var all []string
	for _, e := range p.Sync() {
		if e.Kind == sotto.KindMessage && e.Why == 0 {
			all = append(all, string(e.Body))
		}
	}
	return all
}

func wantHeard(t *testing.T, p *sottotest.Peer, texts ...string) {
	t.Helper()
	got := heard(t, p)
	if len(got) != len(texts) {
		t.Fatalf("%v got %q, want %q", p, got, texts)
	}
	for i := range texts {
		if got[i] != texts[i] {
			t.Fatalf("%v got %q, want %q", p, got, texts)
		}
	}
}

func TestAGroupTalks(t *testing.T) {
	all := people(t, "alice", "bob", "carol")
	alice, bob, carol := all[0], all[1], all[2]
	g := alice.NewGroup(bob, carol)
	alice.Say(g.ID(), "hello, all")
	wantHeard(t, bob, "hello, all")
	wantHeard(t, carol, "hello, all")
	bob.Say(g.ID(), "hello, alice and carol")
	wantHeard(t, alice, "hello, alice and carol")
	wantHeard(t, carol, "hello, alice and carol")
	for _, p := range all {
		s := must(must(p.Group(background, g.ID())).State(background))
		if len(s.Members) != 3 || s.Epoch != 2 || s.Status != group.Active || s.Members[0].Role != group.RoleOwner {
			t.Errorf("%v sees %+v", p, s)
		}
	}
	alice.Sync()
	must0(g.Remove(background, "carol"))
	alice.Sync()
	alice.Sync()
	alice.Say(g.ID(), "without carol")
	wantHeard(t, bob, "without carol")
	wantHeard(t, carol)
	bob.Say(g.ID(), "she is gone")
	wantHeard(t, alice, "she is gone")
	if events := carol.Sync(); len(events) != 0 {
		t.Errorf("carol got %+v", events)
	}
	carolsGroup := must(carol.Group(background, g.ID()))
	_, err := carolsGroup.Seal(background, sotto.NewMessageID(), "", []byte("am I?"))
	wantFault(t, err, fault.UntrustedSigner)
}

func must0(err error) {
	if err != nil {
		panic(err)
	}
}
