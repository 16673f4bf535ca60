package session_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

// memory is what one device keeps of its sessions, in a store of its own.
type memory struct {
	*world
	backend store.Backend
	db      *store.DB
	chains  session.Chains
}

func newMemory(t testing.TB) *memory {
	t.Helper()
	m := &memory{world: newWorld(t), backend: store.Memory()}
	root := must(cose.NewKey(cose.A256GCM, bytes.Repeat([]byte{1}, 32)))
	m.db = must(store.Open(t.Context(), m.backend, root, store.Schema{Version: 1}))
	return m
}

// at returns the time so long after start.
func at(d time.Duration) time.Time { return start.Add(d) }

// update is a transaction.
func (m *memory) update(f func(tx *store.Tx) error) error {
	m.Helper()
	return m.db.Update(m.Context(), f)
}

// do is a transaction that has to work.
func (m *memory) do(f func(tx *store.Tx) error) {
	m.Helper()
	if err := m.update(f); err != nil {
		m.Fatal(err)
	}
}

// made is a session that a device begins at a time.
func (m *memory) made(by string, c *session.Conversation, p session.Policy, created time.Time) *session.Session {
	m.Helper()
	return must(session.Begin(m.devices[by].keys, c, p, nil, created, m.logs))
}

func (m *memory) keep(s *session.Session, now time.Time) (fresh bool, err error) {
	m.Helper()
	err = m.update(func(tx *store.Tx) (err error) {
		fresh, err = session.Keep(tx, s, now)
		return err
	})
	return fresh, err
}

// kept is a session that a device began, kept at the same time.
func (m *memory) kept(by string, c *session.Conversation, p session.Policy, now time.Time) *session.Session {
	m.Helper()
	s := m.made(by, c, p, now)
	if fresh, err := m.keep(s, now); err != nil || !fresh {
		m.Fatalf("not kept: %t, %v", fresh, err)
	}
	return s
}

func (m *memory) open(s *session.Session) (open bool) {
	m.Helper()
	m.do(func(tx *store.Tx) (err error) {
		_, open, err = session.Statement(tx, s.ID())
		return err
	})
	return open
}

// roster is that of the members' logs as they are.
func (m *memory) roster(c *session.Conversation) *device.Roster {
	var all []*device.Log
	for _, member := range c.Members {
		all = append(all, m.logs[member.User])
	}
	return must(device.NewRoster(c.ID, c.Epoch, all...))
}

func (m *memory) best(c *session.Conversation, now time.Time) (id session.ID, why session.Reason) {
	m.Helper()
	m.do(func(tx *store.Tx) (err error) {
		id, why, err = session.Best(tx, c, m.roster(c), now, nil)
		return err
	})
	return id, why
}

// wantBest fails the test when another session than s is to be sent on, or, for nil, when the reason is not why.
func (m *memory) wantBest(c *session.Conversation, now time.Time, s *session.Session, why session.Reason) {
	m.Helper()
	var want session.ID
	if s != nil {
		want = s.ID()
	}
	if id, have := m.best(c, now); id != want || have != why {
		m.Errorf("best is %s because of %q, want %s because of %q", id, have, want, why)
	}
}

// wrote is a message that a device sealed, as everybody opens it.
func (m *memory) wrote(by string, s *session.Session, chains *session.Chains, body string) *session.Opened {
	m.Helper()
	b := m.write(by, s, chains, body)
	return must(s.Open(b, m.logs))
}

func (m *memory) take(o *session.Opened) (taken session.Taken, err error) {
	m.Helper()
	err = m.update(func(tx *store.Tx) (err error) {
		taken, err = session.Take(tx, o)
		return err
	})
	return taken, err
}

// takes is a message that can be taken.
func (m *memory) takes(o *session.Opened, skipped uint64) {
	m.Helper()
	if taken, err := m.take(o); err != nil || taken.Skipped != skipped {
		m.Errorf("taken with %d skipped, want %d: %v", taken.Skipped, skipped, err)
	}
}

func (m *memory) online(drained bool, now time.Time) (closed []session.ID) {
	m.Helper()
	m.do(func(tx *store.Tx) (err error) {
		closed, err = session.Online(tx, drained, now)
		return err
	})
	return closed
}

// values counts what the store holds.
func (m *memory) values() int { return len(m.raw()) }

// raw is everything that the store holds.
func (m *memory) raw() []store.Entry {
	m.Helper()
	return must(m.backend.Scan(m.Context(), nil, nil, 1<<20))
}

// close closes a session before its time.
func (m *memory) close(s *session.Session) {
	m.Helper()
	m.do(func(tx *store.Tx) error { return session.Close(tx, s.ID()) })
}
