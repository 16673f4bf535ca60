package session_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
)

// policy closes a session at three days after it was opened: a day, and Grace.
var policy = session.Policy{MaxMessages: 100, MaxAge: day}

const due = day + session.Grace

func TestASessionClosesWhenItIsOverAndTheQueueWasEmpty(t *testing.T) {
	m := newMemory(t)
	c := m.direct(alice, bob)
	s := m.made("alice/phone", c, policy, at(-20*day)) // who opened it late has it as long
	must(m.keep(s, start))
	if closed := m.online(true, at(due-time.Second)); closed != nil || !m.open(s) {
		t.Error("closed too early")
	}
	if closed := m.online(false, at(due)); closed != nil || !m.open(s) {
		t.Error("closed although messages may wait")
	}
	if closed := m.online(true, at(due)); !slices.Equal(closed, []session.ID{s.ID()}) || m.open(s) {
		t.Errorf("not closed: %v", closed)
	}
	if closed := m.online(true, at(due+day)); closed != nil {
		t.Errorf("closed again: %v", closed)
	}
}

func TestNoServerKeepsASessionOpenForEver(t *testing.T) {
	m := newMemory(t)
	s := m.kept("alice/phone", m.direct(alice, bob), policy, start)
	m.online(false, start)
	for now := due; now < due+30*day; now += 12 * time.Hour {
		if closed := m.online(false, at(now)); closed != nil {
			t.Fatalf("closed after %s", now)
		}
	}
	if closed := m.online(false, at(due+30*day)); !slices.Equal(closed, []session.ID{s.ID()}) {
		t.Errorf("closed %v after 30 days on line", closed)
	}
}

// A phone that was in a drawer for half a year reads its queue first.
func TestTimeAwayIsNoTimeOnLine(t *testing.T) {
	m := newMemory(t)
	s := m.kept("alice/phone", m.direct(alice, bob), policy, start)
	m.online(false, start)
	now := due
	m.online(false, at(now))
	for range 14 { // half a day, and ten days of which one counts: 21 days in the end
		now += 12 * time.Hour
		m.online(false, at(now))
		now += 10 * day
		m.online(false, at(now))
	}
	if !m.open(s) {
		t.Fatal("closed after 21 days on line")
	}
	for range 9 {
		if !m.open(s) {
			t.Fatal("closed before 30 days on line")
		}
		now += day
		m.online(false, at(now))
	}
	if m.open(s) {
		t.Error("open after 30 days on line")
	}
}

func TestAClockThatGoesBackClosesNothingAndCountsNothing(t *testing.T) {
	m := newMemory(t)
	s := m.kept("alice/phone", m.direct(alice, bob), policy, start)
	m.online(false, at(due))
	for hours := range 40 {
		m.online(false, at(due-365*day-time.Duration(hours)*time.Hour))
	}
	m.online(true, at(0))
	m.online(true, at(due-time.Second))
	m.online(false, at(due))
	if !m.open(s) {
		t.Error("closed")
	}
	if m.online(true, at(due)); m.open(s) {
		t.Error("not closed when the clock is right again")
	}
}

// Nothing is left of a session but its ID, and that for 400 days.
func TestAClosedSessionLeavesItsIDOnly(t *testing.T) {
	for name, end := range map[string]func(m *memory, s *session.Session){
		"in time": func(m *memory, _ *session.Session) { m.online(true, at(due)) },
		"before": func(m *memory, s *session.Session) {
			m.close(s)
			m.online(true, at(due)) // what was due for the session is cleared
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory(t)
			c := m.direct(alice, bob)
			m.online(true, start)
			before := m.values()
			s := m.kept("alice/phone", c, policy, start)
			var chains [3]session.Chains
			for i := range 30 {
				by := m.names(alice, bob)[i%4]
				o := m.wrote(by, s, &chains[i%3], fmt.Sprint("text ", i))
				if _, err := m.take(o); err != nil {
					t.Fatal(err)
				}
			}
			end(m, s)
			if left := m.values() - before; left != 2 { // the ID, and when it is forgotten
				t.Errorf("%d values are left of a closed session", left)
			}
			_, err := m.keep(s, at(due))
			wantFault(t, err, fault.Replayed)
			m.online(true, at(session.Remember-time.Second))
			_, err = m.keep(s, at(due))
			wantFault(t, err, fault.Replayed)
			m.online(true, at(session.Remember)) // a clock that is wrong once forgets nothing
			_, err = m.keep(s, at(due))
			wantFault(t, err, fault.Replayed)
			m.online(true, at(session.Remember))
			if left := m.values() - before; left != 0 {
				t.Errorf("%d values are left of a forgotten session", left)
			}
		})
	}
}

// When the ID is forgotten the statement is too old to come back.
func TestAStatementOlderThanIDsAreRememberedIsRefused(t *testing.T) {
	m := newMemory(t)
	c := m.direct(alice, bob)
	envelope := m.sealed(m.made("alice/phone", c, policy, start), "bob/phone")
	for offset, want := range map[time.Duration]fault.Code{-time.Second: 0, 0: 0, time.Second: fault.Expired} {
		o := m.offer("bob/phone", envelope)
		_, err := o.Verify(m.cert("bob/phone"), c, at(session.Remember+offset), m.logs)
		if want == 0 && err != nil {
			t.Errorf("refused %s after 400 days: %v", offset, err)
		}
		if want != 0 {
			wantFault(t, err, want)
		}
	}
}

// The ID is remembered until the statement is too old for whoever opened it, however his clock and the sender's stand.
func TestAnIDIsRememberedAsLongAsItsStatementIsAccepted(t *testing.T) {
	for _, created := range []time.Duration{-399 * day, 0, 100 * day} {
		m := newMemory(t)
		c := m.direct(alice, bob)
		s := m.made("alice/phone", c, policy, at(created))
		must(m.keep(s, start))
		m.online(true, at(due))
		last := max(created, 0) + session.Remember
		m.online(true, at(last-time.Second))
		_, err := m.keep(s, start)
		wantFault(t, err, fault.Replayed)
	}
}

// A session that is still open when its ID would be forgotten closes: else it could be brought back.
func TestASessionIsNotOpenLongerThanItsIDIsRemembered(t *testing.T) {
	m := newMemory(t)
	s := m.kept("alice/phone", m.direct(alice, bob), policy, start)
	m.online(false, at(session.Remember)) // away all the time
	m.online(false, at(session.Remember))
	if m.open(s) {
		t.Error("open")
	}
}
