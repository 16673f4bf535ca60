package sottotest_test

import (
	"testing"

	"github.com/sottokit/sotto/sottotest"
)

func TestPairTalks(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	alice.Send("bob", "hello")
	got := bob.Sync()
	if len(got) != 1 || string(got[0].Body) != "hello" || got[0].User != "alice" || got[0].Why != 0 {
		t.Fatalf("bob got %+v", got)
	}
	bob.Send("alice", "hi")
	if got := alice.Sync(); len(got) != 1 || string(got[0].Body) != "hi" {
		t.Fatalf("alice got %+v", got)
	}
	laptop := bob.Join()
	alice.Send("bob", "to both")
	for _, p := range []*sottotest.Peer{bob, laptop} {
		if got := p.Sync(); len(got) != 1 || string(got[0].Body) != "to both" {
			t.Fatalf("%s got %+v", p, got)
		}
	}
}
