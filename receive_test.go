package sotto_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/sottotest"
)

// conversation seals n texts, "text 0" and so on, and returns everything there is to deliver.
func conversation(t testing.TB, from *sottotest.Peer, to string, n int) [][]byte {
	t.Helper()
	for i := range n {
		sealText(t, from, to, fmt.Sprint("text ", i))
	}
	all := data(must(from.Pending(background)))
	delivered(t, from)
	return all
}

func wantTexts(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint("text ", i))
	}
	return all
}

func TestABatchIsOneCommit(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	in := conversation(t, alice, "bob", 100)
	in = append(in, alice.Fetch()...) // logs and keys, too
	before := generation(t, bob.Backend)
	events := receive(t, bob, in...)
	if n := generation(t, bob.Backend) - before; n != 1 {
		t.Errorf("%d commits", n)
	}
	only(t, events, wantTexts(100)...)
	before = generation(t, bob.Backend)
	ok(t, bob.Ack(background, events...))
	if n := generation(t, bob.Backend) - before; n != 1 {
		t.Errorf("%d commits for the acknowledgement", n)
	}
}

func TestInputsComeInAnyOrder(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	in := conversation(t, alice, "bob", 10)
	slices.Reverse(in) // messages first, then the session
	events := receive(t, bob, in[:5]...)
	for _, e := range events {
		wantWhy(t, e, fault.UnknownSession)
	}
	want := wantTexts(10)
	slices.Reverse(want)
	events = receive(t, bob, in[5:]...)
	only(t, events, append(slices.Clone(want[5:]), want[:5]...)...)
	if events[0].Counter != 4 || events[0].Skipped != 4 || events[1].Skipped != 0 {
		t.Errorf("counter %d, skipped %d and %d", events[0].Counter, events[0].Skipped, events[1].Skipped)
	}
}

func TestLogEntriesComeInAnyOrderAndAnyNumberOfTimes(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	for range 4 {
		bob.add()
	}
	e := bob.entries
	bad := bytes.Clone(e[2])
	bad[len(bad)-1] ^= 1
	events := receive(t, alice, e[4], e[2], []byte("garbage"), e[2], e[3], bad, e[1], e[4], e[1])
	for i, e := range events[:9] {
		switch {
		case i == 2:
			wantWhy(t, e, fault.Malformed)
		case i == 5 && e.Why == 0:
			t.Error("a bad entry was taken")
		case i != 5:
			wantWhy(t, e, 0)
		}
	}
	added := 0
	for _, e := range events {
		if e.Kind == sotto.KindDeviceAdded {
			added++
		}
	}
	if added != 4 {
		t.Errorf("%d devices were added", added)
	}
	if log := must(must(alice.Contact(background, "bob")).Log(background)); !slices.EqualFunc(log, bob.entries, bytes.Equal) {
		t.Errorf("a log of %d entries", len(log))
	}
}

func TestTheSameInputTwiceInABatchIsTakenOnce(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	in := conversation(t, alice, "bob", 2)
	twice := append(slices.Clone(in), in...)
	events := receive(t, bob, twice...)
	for i, e := range events {
		wantWhy(t, e, 0)
		if e.Again != (i >= len(in)) {
			t.Errorf("event %d is marked as given out before: %t", i, e.Again)
		}
	}
	if n := len(must(bob.Unread(background))); n != 2 {
		t.Errorf("%d messages in the inbox", n)
	}
}

func TestAMessageIsGivenOutAgainUntilItIsAcknowledged(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	in := conversation(t, alice, "bob", 2)
	first := receive(t, bob, in...)
	for range 2 {
		again := receive(t, bob, in...)
		for i, e := range again {
			want := first[i]
			if want.Again = true; fmt.Sprintf("%+v", e) != fmt.Sprintf("%+v", want) {
				t.Errorf("event %+v, want %+v", e, want)
			}
		}
		unread := must(bob.Unread(background))
		if len(unread) != 2 || string(unread[0].Body) != "text 0" || string(unread[1].Body) != "text 1" || !unread[0].Again {
			t.Errorf("unread %+v", unread)
		}
		bob.Restart()
	}
	ok(t, bob.Ack(background, first[1]))
	ok(t, bob.Ack(background, first[1])) // again, and for a session: no error
	events := receive(t, bob, in...)
	wantWhy(t, events[1], fault.Replayed)
	if !events[2].Again || string(events[2].Body) != "text 1" {
		t.Errorf("the other one is %+v", events[2])
	}
	if events[1].User != "alice" {
		t.Error("who sent it is not told")
	}
	ok(t, bob.Ack(background, must(bob.Unread(background))...))
	bob.Restart()
	for _, e := range receive(t, bob, in[1:]...) {
		wantWhy(t, e, fault.Replayed)
	}
	if n := len(must(bob.Unread(background))); n != 0 {
		t.Errorf("%d messages in the inbox", n)
	}
}

func TestTheCallerMayChangeWhatItGaveAndGot(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	body := []byte("text")
	id := sotto.NewMessageID()
	parcels := must(alice.Conversation("bob").Seal(background, id, "text/plain", body))
	clear(body)
	in := data(parcels)
	sent := [][]byte{bytes.Clone(in[0]), bytes.Clone(in[1])}
	clear(in[1])
	again := must(alice.Conversation("bob").Seal(background, id, "text/plain", []byte("text")))
	if !bytes.Equal(again[1].Data, sent[1]) {
		t.Error("the outbox changed with the caller's copy")
	}
	events := receive(t, bob, sent...)
	clear(sent[1])
	clear(events[1].Body)
	if unread := must(bob.Unread(background)); len(unread) != 1 || string(unread[0].Body) != "text" {
		t.Error("the inbox changed with the caller's copy")
	}
}
