package session_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

func TestOfUsableSessionsTheSmallestIDIsSentOn(t *testing.T) {
	m := newMemory(t)
	c := m.direct(alice, bob)
	m.wantBest(c, start, nil, session.NoSession)
	var all []*session.Session
	for range 6 {
		for _, by := range []string{"alice/phone", "bob/tablet"} {
			all = append(all, m.kept(by, c, session.DefaultPolicy(), start))
			smallest := slices.MinFunc(all, func(a, b *session.Session) int {
				x, y := a.ID(), b.ID()
				return slices.Compare(x[:], y[:])
			})
			m.wantBest(c, start, smallest, session.None)
		}
	}
	m.kept("alice/phone", m.direct(alice), session.DefaultPolicy(), start)
}

func TestASessionIsSentOnInItsOwnConversationOnly(t *testing.T) {
	m := newMemory(t)
	m.kept("alice/phone", m.direct(alice, bob), session.DefaultPolicy(), start)
	m.wantBest(m.direct(alice), start, nil, session.NoSession)
	m.wantBest(m.direct(alice, carol), start, nil, session.NoSession)
}

func TestASessionEndsAtItsAgeByTheEarlierOfBothClocks(t *testing.T) {
	const age = 10 * time.Hour
	for name, c := range map[string]struct{ created, opened, usable time.Duration }{
		"created and opened at once":        {0, 0, age},
		"opened late":                       {0, 4 * time.Hour, age},
		"created in the future":             {100 * day, 0, age},
		"created long ago, opened just now": {-5 * time.Hour, 0, age - 5*time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory(t)
			talk := m.direct(alice, bob)
			s := m.made("bob/phone", talk, session.Policy{MaxMessages: 100, MaxAge: age}, at(c.created))
			must(m.keep(s, at(c.opened)))
			m.wantBest(talk, at(c.usable-time.Second), s, session.None)
			m.wantBest(talk, at(c.usable), nil, session.Age)
			if !m.open(s) {
				t.Error("it cannot even be read")
			}
		})
	}
}

func TestASessionEndsAtItsCountOfSentAndReceived(t *testing.T) {
	m := newMemory(t)
	c := m.direct(alice, bob)
	s := m.kept("alice/phone", c, session.Policy{MaxMessages: 4, MaxAge: day}, start)
	var theirs session.Chains
	for i := range 4 {
		m.wantBest(c, start, s, session.None)
		by, chains := "alice/phone", &m.chains
		if i%2 == 1 {
			by, chains = "bob/phone", &theirs
		}
		m.takes(m.wrote(by, s, chains, "text"), 0)
	}
	m.wantBest(c, start, nil, session.Count)
	m.takes(m.wrote("bob/phone", s, &theirs, "it is still read"), 0)
}

func TestASessionEndsWithItsRoster(t *testing.T) {
	for name, change := range map[string]func(m *memory){
		"device added":         func(m *memory) { m.add("bob/watch") },
		"device revoked":       func(m *memory) { m.revoke("alice/laptop") },
		"device of the sender": func(m *memory) { m.revoke("bob/tablet") },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory(t)
			c := m.direct(alice, bob)
			s := m.kept("bob/tablet", c, session.DefaultPolicy(), start)
			m.wantBest(c, start, s, session.None)
			change(m)
			m.wantBest(c, start, nil, session.RosterChanged)
			next := m.kept("alice/phone", c, session.DefaultPolicy(), start)
			m.wantBest(c, start, next, session.None)
		})
	}
}

func TestASessionEndsWithTheStateOfItsGroup(t *testing.T) {
	m := newMemory(t)
	old, now := m.group(3, alice, bob, carol), m.group(3, alice, bob, carol)
	now.State = &device.Hash{'o', 't', 'h', 'e', 'r'}
	s := m.kept("alice/phone", old, session.DefaultPolicy(), start)
	m.wantBest(old, start, s, session.None)
	m.wantBest(now, start, nil, session.RosterChanged)
	now.State = nil
	m.wantBest(now, start, nil, session.RosterChanged)
}

// What waits for a session is sealed anew a day after its age, before members close it, by the earlier of both clocks.
func TestASessionIsOverADayAfterItsAge(t *testing.T) {
	m := newMemory(t)
	c := m.direct(alice, bob)
	s := m.made("bob/phone", c, session.Policy{MaxMessages: 1, MaxAge: 10 * time.Hour}, at(-4*time.Hour))
	must(m.keep(s, start))
	over := func(now time.Time) (over bool) {
		m.do(func(tx *store.Tx) (err error) {
			over, err = session.Over(tx, s.ID(), now)
			return err
		})
		return over
	}
	m.takes(m.wrote("bob/phone", s, &m.chains, "it is full, and that is no matter"), 0)
	m.do(session.Retire)
	const end = 6*time.Hour + session.Grace/2
	if over(at(end - time.Second)) {
		t.Error("over too early")
	}
	if !over(at(end)) {
		t.Error("not over")
	}
	m.close(s)
	if !over(start) {
		t.Error("closed and not over")
	}
}

// What a store that was put back holds can be read, and is sent on no more.
func TestRetiredSessionsAreReadAndNotSentOn(t *testing.T) {
	m := newMemory(t)
	c := m.direct(alice, bob)
	s := m.kept("alice/phone", c, session.DefaultPolicy(), start)
	m.do(session.Retire)
	m.wantBest(c, start, nil, session.Restored)
	m.takes(m.wrote("bob/phone", s, &m.chains, "text"), 0)
	next := m.kept("alice/phone", c, session.DefaultPolicy(), start)
	m.wantBest(c, start, next, session.None)
	m.do(session.Retire)
	m.wantBest(c, start, nil, session.Restored)
}

func TestReasonsHaveWords(t *testing.T) {
	seen := map[string]bool{}
	for r := session.None; r <= session.Restored; r++ {
		if word := r.String(); word == "unknown" || seen[word] {
			t.Errorf("reason %d is %q", r, word)
		}
		seen[r.String()] = true
	}
	for _, r := range []session.Reason{-1, session.Restored + 1} {
		if r.String() != "unknown" {
			t.Errorf("reason %d is %q", r, r)
		}
	}
}
