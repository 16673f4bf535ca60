package sottotest_test

import (
	"context"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/sottotest"
)

// texts are the messages among events; anything that went wrong fails the test.
func texts(t *testing.T, events []sotto.Event) []string {
	t.Helper()
	var all []string
	for _, e := range events {
		if e.Why != 0 {
			t.Errorf("%s of %s: %v", e.Kind, e.User, e.Why)
			continue
		}
		all = append(all, string(e.Body))
	}
	return all
}

func TestAPeerTalksOnAfterARestart(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	alice.Send("bob", "one")
	alice.Restart()
	bob.Restart()
	alice.Send("bob", "two")
	if got := texts(t, bob.Sync()); len(got) != 2 || got[0] != "one" || got[1] != "two" {
		t.Errorf("bob got %q", got)
	}
	if got := texts(t, bob.Sync()); got != nil {
		t.Errorf("bob got %q twice", got)
	}
}

func TestAllPeersSyncAtOnce(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	laptop := alice.Join()
	alice.Send("bob", "from alice")
	bob.Send("alice", "from bob")
	for p, events := range alice.Network().SyncAll() {
		if got, want := len(texts(t, events)), map[*sottotest.Peer]int{alice: 1, bob: 1, laptop: 2}[p]; got != want {
			t.Errorf("%s got %d messages, want %d", p, got, want)
		}
	}
}

// The clock of everybody is the network's: weeks pass at once, and what time asks for is done.
func TestTimePasses(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	for week := range 5 {
		alice.Send("bob", "hello")
		if got := texts(t, bob.Sync()); len(got) != 1 {
			t.Errorf("week %d: bob got %q", week, got)
		}
		alice.Network().Pass(7 * 24 * time.Hour)
		alice.Network().SyncAll()
	}
	r, err := alice.Report(context.Background())
	if err != nil || r.Key == 0 || len(r.Contacts) != 2 {
		t.Errorf("report %+v: %v", r, err)
	}
}

func TestWhatIsFetchedIsWhatTheNetworkHas(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	alice.Send("bob", "text")
	first := bob.Fetch()
	if len(first) != 4 { // two device-keys, the session, the message
		t.Errorf("%d items", len(first))
	}
	if again := bob.Fetch(); len(again) != 2 {
		t.Errorf("%d items after the queue was emptied", len(again))
	}
}
