package session_test

import (
	"sync"
	"testing"
	"time"

	"github.com/sottokit/sotto/session"
)

// place is where a message says it stands.
func place(w *world, s *session.Session, b []byte) session.Place {
	w.Helper()
	return must(s.Open(b, w.logs)).Place
}

func TestCountersAreUniqueUnderConcurrency(t *testing.T) {
	w := newWorld(t)
	c := w.direct(alice, bob)
	p := session.Policy{MaxMessages: 7, MaxAge: time.Hour}
	keys := w.devices["alice/phone"].keys
	sessions := []*session.Session{
		must(session.Begin(keys, c, p, nil, start, w.logs)), must(session.Begin(keys, c, p, nil, start, w.logs)),
	}
	var chains session.Chains
	var mu sync.Mutex
	type spot struct {
		in session.ID
		at session.Place
	}
	seen := map[spot]bool{}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for i := range 30 {
				s := sessions[i%2]
				b, sealed, err := chains.Seal(nil, s, keys, text("hello"))
				if err != nil {
					t.Error(err)
					return
				}
				o, err := s.Open(b, w.logs)
				if err != nil || o.Place != sealed.Place {
					t.Errorf("opened at another place: %v", err)
					return
				}
				mu.Lock()
				if seen[spot{s.ID(), o.Place}] {
					t.Errorf("%v comes twice", o.Place)
				}
				seen[spot{s.ID(), o.Place}] = true
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if len(seen) != 120 {
		t.Errorf("%d places", len(seen))
	}
}

// No receiver takes a counter from max_msgs on: a new chain begins there, without a gap before.
func TestNewChainBeginsAtMaxMessages(t *testing.T) {
	w := newWorld(t)
	keys := w.devices["alice/phone"].keys
	s := must(session.Begin(keys, w.direct(alice, bob), session.Policy{MaxMessages: 3, MaxAge: time.Hour}, nil, start, w.logs))
	var chains session.Chains
	names := map[[8]byte]bool{}
	for i := range uint64(9) {
		p := place(w, s, w.write("alice/phone", s, &chains, "hello"))
		if p.Counter != i%3 {
			t.Errorf("message %d has counter %d", i, p.Counter)
		}
		names[p.Chain] = true
	}
	if len(names) != 3 {
		t.Errorf("%d chains, want 3", len(names))
	}
}

// What an account does when it is opened again, and a store that was put back cannot undo: another chain.
func TestChainsAreDrawnAnew(t *testing.T) {
	w := newWorld(t)
	s := w.begin("alice/phone", w.direct(alice, bob))
	var a, b session.Chains
	first := place(w, s, w.write("alice/phone", s, &a, "hello"))
	if p := place(w, s, w.write("alice/phone", s, &b, "hello")); p.Chain == first.Chain || p.Counter != 0 {
		t.Errorf("opened again: %v after %v", p, first)
	}
	if p := place(w, s, w.write("alice/phone", s, &a, "hello")); p.Chain != first.Chain || p.Counter != 1 {
		t.Errorf("next: %v after %v", p, first)
	}
	a.Forget(s.ID())
	a.Forget(session.ID{})
	if p := place(w, s, w.write("alice/phone", s, &a, "hello")); p.Chain == first.Chain || p.Counter != 0 {
		t.Errorf("forgotten: %v after %v", p, first)
	}
}

// The counter moves on even if nothing comes of the message: a gap is harmless, a place that is used twice is not.
func TestFailureNeverGivesAPlaceBack(t *testing.T) {
	w := newWorld(t)
	s := w.begin("alice/phone", w.direct(alice, bob))
	var chains session.Chains
	w.write("alice/phone", s, &chains, "hello")
	if _, _, err := chains.Seal(nil, s, w.devices["carol/phone"].keys, text("hello")); err == nil {
		t.Fatal("sealed by one who is not in the roster")
	}
	if p := place(w, s, w.write("alice/phone", s, &chains, "hello")); p.Counter != 2 {
		t.Errorf("counter %d, want 2", p.Counter)
	}
}

// Two messages under one place, as a clone of a running device makes them, have two IVs; and the same text twice has two,
// too, because the random part is fresh.
func TestIVsDiffer(t *testing.T) {
	w := newWorld(t)
	s := w.begin("alice/phone", w.direct(alice, bob))
	seen := map[string]bool{}
	for range 8 {
		var chains session.Chains
		seen[string(w.write("alice/phone", s, &chains, "hello")[80:])] = true
	}
	if len(seen) != 8 {
		t.Error("sealed to the same bytes")
	}
}
