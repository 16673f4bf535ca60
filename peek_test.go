package sotto_test

import (
	"bytes"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/sottotest"
)

func TestPeekMovesNothing(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	in := conversation(t, alice, "bob", 2)
	garbage := garbage(t, alice, bob, in[1])
	for _, g := range garbage {
		in = append(in, g.in)
	}
	before := generation(t, bob.Backend)
	peeked, err := bob.Peek(background, in...)
	ok(t, err)
	if generation(t, bob.Backend) != before {
		t.Error("something was written")
	}
	if len(must(bob.Unread(background))) != 0 {
		t.Error("something is in the inbox")
	}
	received := receive(t, bob, in...)
	compare := func(peeked, received []sotto.Event) {
		t.Helper()
		if len(peeked) != len(in) {
			t.Fatalf("%d events for %d inputs", len(peeked), len(in))
		}
		for i, e := range peeked {
			want := received[i]
			if e.Why != want.Why || e.Kind != want.Kind || !bytes.Equal(e.Body, want.Body) || e.ID != want.ID ||
				e.User != want.User || len(e.Needs) != len(want.Needs) || e.Again != want.Again {
				t.Errorf("peeked %+v, received %+v", e, want)
			}
		}
	}
	compare(peeked, received)
	peeked = must(bob.Peek(background, in...))
	compare(peeked, receive(t, bob, in...))
	ok(t, bob.Ack(background, received...))
	peeked = must(bob.Peek(background, in...))
	compare(peeked, receive(t, bob, in...))
}

// A peek looks ahead of the app: a message whose session is still in the same batch can be shown.
func TestPeekShowsTheMessage(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	in := conversation(t, alice, "bob", 1)
	events := must(bob.Peek(background, in...))
	only(t, events, "text 0")
	events = must(bob.Peek(background, in[1]))
	wantWhy(t, events[0], fault.UnknownSession)
	only(t, receive(t, bob, in...), "text 0")
}
