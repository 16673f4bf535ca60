package session_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

func (m *memory) supersede(c *session.Conversation, now time.Time) {
	m.Helper()
	m.do(func(tx *store.Tx) error { return session.Supersede(tx, c.ID, c.State, now) })
}

func (m *memory) past(superseded, now time.Time) (past bool) {
	m.Helper()
	m.do(func(tx *store.Tx) (err error) {
		past, err = session.Past(tx, superseded, now)
		return err
	})
	return past
}

// A session of an entry that is not the newest one is not sent on any more, and opens what is on its way until it closes.
func TestASupersededSessionIsReadAndNotSentOn(t *testing.T) {
	m := newMemory(t)
	before, after := m.group(1, alice, bob), m.group(2, alice, bob)
	old := m.kept("alice/phone", before, session.DefaultPolicy(), start)
	m.wantBest(before, start, old, session.None)
	m.supersede(after, at(time.Hour))
	m.wantBest(before, at(time.Hour), nil, session.RosterChanged)
	m.wantBest(after, at(time.Hour), nil, session.RosterChanged)
	var chains session.Chains
	m.takes(m.wrote("bob/phone", old, &chains, "on its way"), 0)
	fresh := m.kept("alice/phone", after, session.DefaultPolicy(), at(time.Hour))
	m.supersede(after, at(2*time.Hour))
	m.wantBest(after, at(2*time.Hour), fresh, session.None)
	if !m.open(old) {
		t.Error("it was closed at once")
	}
}

// It closes by Grace after it was superseded, when the queue ran empty after that, and is never opened again.
func TestASupersededSessionClosesAfterItsTime(t *testing.T) {
	m := newMemory(t)
	before, after := m.group(1, alice, bob), m.group(2, alice, bob)
	old := m.kept("alice/phone", before, session.DefaultPolicy(), start)
	m.supersede(after, at(day))
	m.online(true, at(day+session.Grace-time.Second))
	if !m.open(old) {
		t.Fatal("closed too early")
	}
	m.supersede(after, at(day+session.Grace-time.Second)) // once more changes nothing
	m.online(false, at(day+session.Grace))
	if !m.open(old) {
		t.Fatal("closed while the queue may hold messages")
	}
	if closed := m.online(true, at(day+session.Grace)); len(closed) != 1 || closed[0] != old.ID() || m.open(old) {
		t.Fatalf("closed %v", closed)
	}
	_, err := m.keep(old, at(5*day))
	wantFault(t, err, fault.Replayed)
	for range 10 { // its other place in the list of what is due does no harm
		m.online(true, at(30*day))
	}
}

// A session whose age is over before closes by its age.
func TestASupersededSessionDoesNotLiveLonger(t *testing.T) {
	m := newMemory(t)
	before, after := m.group(1, alice, bob), m.group(2, alice, bob)
	policy := session.Policy{MaxMessages: 10, MaxAge: time.Hour}
	old := m.kept("alice/phone", before, policy, start)
	m.supersede(after, at(10*day))
	if m.online(true, at(time.Hour+session.Grace)); m.open(old) {
		t.Error("it outlives its age")
	}
}

// When the group is over every session is superseded; those of other conversations never are.
func TestSupersedeIsForOneConversation(t *testing.T) {
	m := newMemory(t)
	c := m.group(1, alice, bob)
	other := m.group(1, alice, bob)
	other.ID = device.Hash{'h'}
	s, o := m.kept("alice/phone", c, session.DefaultPolicy(), start), m.kept("alice/phone", other, session.DefaultPolicy(), start)
	two := m.kept("alice/phone", m.direct(alice, bob), session.DefaultPolicy(), start)
	m.do(func(tx *store.Tx) error { return session.Supersede(tx, c.ID, nil, start) })
	m.wantBest(c, start, nil, session.RosterChanged)
	m.wantBest(other, start, o, session.None)
	m.wantBest(m.direct(alice, bob), start, two, session.None)
	m.online(true, at(session.Grace))
	if m.open(s) || !m.open(o) || !m.open(two) {
		t.Error("other sessions closed")
	}
}

// What waits to be sent on a superseded session is sealed again before members close it.
func TestWhatWaitsOnASupersededSessionIsOver(t *testing.T) {
	m := newMemory(t)
	before, after := m.group(1, alice, bob), m.group(2, alice, bob)
	old := m.kept("alice/phone", before, session.DefaultPolicy(), start)
	m.supersede(after, at(time.Hour))
	for d, want := range map[time.Duration]bool{
		time.Hour: false, time.Hour + session.Grace/2 - time.Second: false, time.Hour + session.Grace/2: true,
	} {
		m.do(func(tx *store.Tx) error {
			if over := must(session.Over(tx, old.ID(), at(d))); over != want {
				t.Errorf("after %v it is over: %t", d, over)
			}
			return nil
		})
	}
}

// Past needs both: Grace, and a queue that ran empty after it.
func TestAnEpochIsPastWhenNothingOfItIsOnItsWay(t *testing.T) {
	m := newMemory(t)
	end := start.Add(session.Grace)
	if m.past(start, end.Add(day)) {
		t.Error("past though the queue never ran empty")
	}
	m.online(true, end.Add(-time.Second))
	if m.past(start, end.Add(day)) {
		t.Error("past though the queue ran empty before")
	}
	m.online(false, end.Add(day))
	if m.past(start, end.Add(day)) {
		t.Error("past though the queue did not run empty")
	}
	m.online(true, end.Add(day))
	if !m.past(start, end.Add(day)) || m.past(start, end.Add(-time.Second)) {
		t.Error("not past, or too early")
	}
}

// Best asks last of all, and only about sessions that serve otherwise.
func TestBestPassesOverWhatTheCallerDoesNotWant(t *testing.T) {
	m := newMemory(t)
	c := m.group(1, alice, bob)
	all := map[session.ID]bool{}
	for range 4 {
		all[m.kept("alice/phone", c, session.DefaultPolicy(), start).ID()] = true
	}
	spent := m.kept("alice/phone", c, session.Policy{MaxMessages: 1, MaxAge: time.Hour}, start)
	var chains session.Chains
	m.takes(m.wrote("alice/phone", spent, &chains, "the only one"), 0)
	best := func(pass func(session.ID) (bool, error)) (id session.ID, why session.Reason, err error) {
		err = m.update(func(tx *store.Tx) (err error) {
			id, why, err = session.Best(tx, c, m.roster(c), start, pass)
			return err
		})
		return id, why, err
	}
	first, _, _ := best(nil)
	id, why, err := best(func(id session.ID) (bool, error) {
		if !all[id] {
			t.Error("asked about a session that does not serve")
		}
		return id != first, nil
	})
	if err != nil || why != session.None || id == first || string(id[:]) < string(first[:]) {
		t.Errorf("best is %v, %v, %v", id, why, err)
	}
	if _, why, err := best(func(session.ID) (bool, error) { return false, nil }); why == session.None || err != nil {
		t.Errorf("best of none: %v, %v", why, err)
	}
	failed := errors.New("failed")
	if _, _, err := best(func(session.ID) (bool, error) { return true, failed }); !errors.Is(err, failed) {
		t.Errorf("error %v", err)
	}
}
