package session_test

import (
	"fmt"
	"testing"

	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

// keepMany keeps n sessions of a device in one transaction and returns their IDs.
func (m *memory) keepMany(by string, c *session.Conversation, n int) []session.ID {
	m.Helper()
	var ids []session.ID
	m.do(func(tx *store.Tx) error {
		for range n {
			s := m.made(by, c, session.DefaultPolicy(), start)
			if _, err := session.Keep(tx, s, start); err != nil {
				return err
			}
			ids = append(ids, s.ID())
			s.Destroy()
		}
		return nil
	})
	return ids
}

// openOf is the set of sessions of a conversation that are open.
func (m *memory) openOf(c *session.Conversation) map[session.ID]bool {
	m.Helper()
	open := map[session.ID]bool{}
	m.do(func(tx *store.Tx) error {
		list, err := session.List(tx, c.ID)
		for _, s := range list {
			open[s.ID] = true
		}
		return err
	})
	return open
}

// wantOpen fails the test when not exactly the sessions but the given one are open.
func (m *memory) wantOpen(t *testing.T, c *session.Conversation, want int, gone session.ID) {
	t.Helper()
	if open := m.openOf(c); len(open) != want || open[gone] {
		t.Errorf("%d are open, want %d; the one that had to go is open: %t", len(open), want, open[gone])
	}
}

// Nobody pushes out what others began.
func TestADeviceWithItsSharePushesOutItsOwnOldestSession(t *testing.T) {
	const most = 256
	m := newMemory(t)
	c := m.direct(alice, bob)
	others := m.keepMany("alice/phone", c, 3)
	own := m.keepMany("bob/phone", c, most)
	m.wantOpen(t, c, 3+most, session.ID{})
	for i := range 3 {
		m.keepMany("bob/phone", c, 1)
		m.wantOpen(t, c, 3+most, own[i])
	}
	m.keepMany("bob/tablet", c, 1)
	m.wantOpen(t, c, 3+most+1, session.ID{})
	for _, id := range others {
		if !m.openOf(c)[id] {
			t.Error("another device's session went")
		}
	}
}

func TestInAFullConversationTheOldestOfTheUserWithMostGoes(t *testing.T) {
	if testing.Short() {
		t.Skip("4,096 sessions")
	}
	const most, each = 4096, 256
	m := newMemory(t)
	for i := range 7 {
		m.add(fmt.Sprint("alice/", i))
	}
	for i := range 6 {
		m.add(fmt.Sprint("bob/", i))
	}
	c := m.direct(alice, bob)
	bobs := m.keepMany("bob/phone", c, 1) // the oldest of all stays: bob has fewer
	var alices []session.ID
	for _, name := range m.names(alice) { // nine devices
		alices = append(alices, m.keepMany(name, c, each)...)
	}
	left := most - len(alices) - len(bobs)
	for _, name := range m.names(bob) {
		if name != "bob/phone" && left > 0 {
			n := min(left, each)
			m.keepMany(name, c, n)
			left -= n
		}
	}
	m.wantOpen(t, c, most, session.ID{})
	m.keepMany("bob/phone", c, 1)
	m.wantOpen(t, c, most, alices[0])
	if !m.openOf(c)[bobs[0]] {
		t.Error("the session of the user with fewer went")
	}
}
