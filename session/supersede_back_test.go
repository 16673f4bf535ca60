package session_test

import (
	"testing"
	"time"

	"github.com/sottokit/sotto/session"
)

// An entry may be the newest one again: its sessions are sent on and live as long as if nothing had happened, and those of the
// other branch close.
func TestASessionOfTheNewestEntryIsNotSuperseded(t *testing.T) {
	m := newMemory(t)
	one, other := m.group(2, alice, bob), m.group(2, alice, bob)
	other.State[0] ^= 1
	s, o := m.kept("alice/phone", one, session.DefaultPolicy(), start), m.kept("alice/phone", other, session.DefaultPolicy(), start)
	m.supersede(other, at(time.Hour))
	m.wantBest(one, at(time.Hour), nil, session.RosterChanged)
	m.supersede(one, at(2*time.Hour))
	m.wantBest(one, at(2*time.Hour), s, session.None)
	m.wantBest(other, at(2*time.Hour), nil, session.RosterChanged)
	m.online(true, at(3*time.Hour+session.Grace))
	if !m.open(s) || m.open(o) {
		t.Errorf("the newest entry's is open: %t, the other one's: %t", m.open(s), m.open(o))
	}
	end := start.Add(session.DefaultPolicy().MaxAge + session.Grace)
	m.online(true, end.Add(-time.Second))
	if !m.open(s) {
		t.Error("closed before its age")
	}
	m.online(true, end)
	if m.open(s) {
		t.Error("it outlives its age")
	}
}
