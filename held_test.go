package sotto_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
)

// withSequel is what comes out of the inputs that were held.
func withSequel(events []sotto.Event, in int) []sotto.Event { return events[in:] }

func TestMessagesThatWaitComeOutWithTheirSession(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	in := conversation(t, alice, "bob", 3)
	for range 2 { // the same bytes wait once
		for _, e := range receive(t, bob, in[1], in[2], in[3]) {
			wantWhy(t, e, fault.UnknownSession)
			if len(e.Needs) != 1 || e.Needs[0].Request == nil {
				t.Errorf("needs %+v", e.Needs)
			}
		}
		bob.Restart()
	}
	if r := must(bob.Report(background)); r.HeldForKey != 3 {
		t.Errorf("%d wait", r.HeldForKey)
	}
	events := receive(t, bob, in[0])
	only(t, withSequel(events, 1), "text 0", "text 1", "text 2")
	if r := must(bob.Report(background)); r.HeldForKey != 0 || r.Unread != 3 {
		t.Errorf("%d wait, %d are unread", r.HeldForKey, r.Unread)
	}
	if more := receive(t, bob, in[0])[1:]; len(more) != 0 {
		t.Errorf("again %+v", more)
	}
}

// What waits and is refused in the end is told, and waits no more.
func TestMessagesThatWaitedForNothingAreTold(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	in := conversation(t, alice, "bob", 1)
	in[1][len(in[1])-1] ^= 1
	receive(t, bob, in[1])
	events := receive(t, bob, in[0])
	if len(events) != 2 || events[1].Why != fault.Damaged || events[1].ID != sum(in[1]) {
		t.Errorf("events %+v", events)
	}
	if r := must(bob.Report(background)); r.HeldForKey != 0 {
		t.Errorf("%d wait", r.HeldForKey)
	}
}

func TestEnvelopesThatWaitComeOutWithTheLog(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	root := slices.Clone(bob.entries)
	laptop, _ := bob.add()
	s, envelope := bob.begin(laptop, see(t, alice), start)
	message := bob.write(laptop, s, "from the laptop")

	// Nobody here knows bob.
	events := receive(t, alice, envelope, message)
	wantWhy(t, events[0], fault.TooFarAhead)
	wantWhy(t, events[1], fault.UnknownSession)
	if n := events[0].Needs; len(n) != 1 || n[0].LogOf != "bob" || n[0].FromSeq != 0 {
		t.Errorf("needs %+v", n)
	}
	// Then he is known without the laptop.
	must(alice.Trust(background, "bob", root))
	alice.Restart()
	if events := receive(t, alice); len(events) != 0 {
		t.Errorf("too early: %+v", events)
	}
	events = receive(t, alice, envelope)
	wantWhy(t, events[0], fault.TooFarAhead)
	if n := events[0].Needs; len(n) != 1 || n[0].LogOf != "bob" || n[0].FromSeq != 1 {
		t.Errorf("needs %+v", n)
	}
	if r := must(alice.Report(background)); r.HeldForLog != 1 || r.HeldForKey != 1 {
		t.Errorf("%d and %d wait", r.HeldForLog, r.HeldForKey)
	}
	events = receive(t, alice, bob.entries[1])
	only(t, withSequel(events, 1), "from the laptop")
	if r := must(alice.Report(background)); r.HeldForLog != 0 || r.HeldForKey != 0 {
		t.Errorf("%d and %d wait", r.HeldForLog, r.HeldForKey)
	}
}

func TestAnEnvelopeThatWaitsComesOutAfterTrust(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	s, envelope := bob.begin(bob.keys, see(t, alice), start)
	receive(t, alice, envelope, bob.write(bob.keys, s, "hello"))
	must(alice.Trust(background, "bob", bob.entries))
	only(t, receive(t, alice), "hello")
}

func TestAtMost256EnvelopesWait(t *testing.T) {
	const most = 256
	alice := sottotest.NewNetwork(t).Create("alice")
	of := see(t, alice)
	bob := newPerson(t, "bob", nil)
	var in [][]byte
	var first, last []byte
	for i := range most + 2 {
		s, envelope := bob.begin(bob.keys, of, start)
		if in = append(in, envelope); i == 0 {
			first = bob.write(bob.keys, s, "first")
		}
		last = bob.write(bob.keys, s, "last")
	}
	receive(t, alice, in[:most/2]...)
	receive(t, alice, in[most/2:]...)
	if r := must(alice.Report(background)); r.HeldForLog != most {
		t.Errorf("%d wait", r.HeldForLog)
	}
	must(alice.Trust(background, "bob", bob.entries))
	sessions := 0
	for _, e := range receive(t, alice) {
		if e.Kind == sotto.KindSession && e.Why == 0 {
			sessions++
		}
	}
	if sessions != most {
		t.Errorf("%d came out", sessions)
	}
	events := receive(t, alice, first, last)
	wantWhy(t, events[0], fault.UnknownSession) // the oldest one had to go
	only(t, events[1:], "last")
}

func TestAtMost1000MessagesWait(t *testing.T) {
	const most = 1000
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	of := see(t, alice)
	c := must(session.Direct(
		session.Member{User: "bob", Root: bob.log.Pin().Root}, session.Member{User: "alice", Root: of.log.Pin().Root}))
	s := must(session.Begin(bob.keys, c, session.Policy{MaxMessages: 2000, MaxAge: day}, nil, start,
		session.Logs{"alice": of.log, "bob": bob.log}))
	var in [][]byte
	for i := range most + 10 {
		in = append(in, bob.write(bob.keys, s, fmt.Sprint("text ", i)))
	}
	receive(t, alice, in...)
	if r := must(alice.Report(background)); r.HeldForKey != most {
		t.Errorf("%d wait", r.HeldForKey)
	}
	if have := texts(receive(t, alice, must(s.SealTo(of.key)))); !slices.Equal(have, wantTexts(most + 10)[10:]) {
		t.Errorf("%d came out", len(have))
	}
}
