package session_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

const day = 24 * time.Hour

func TestASessionIsKeptOnce(t *testing.T) {
	m := newMemory(t)
	c := m.direct(alice, bob)
	s := m.kept("alice/phone", c, session.DefaultPolicy(), start)
	before := m.raw()
	if fresh, err := m.keep(s, at(time.Hour)); fresh || err != nil {
		t.Errorf("kept twice: %t, %v", fresh, err)
	}
	if !slices.EqualFunc(before, m.raw(), func(a, b store.Entry) bool {
		return string(a.Key) == string(b.Key) && string(a.Value) == string(b.Value)
	}) {
		t.Error("the second time changed something")
	}
	var list []session.Status
	m.do(func(tx *store.Tx) (err error) {
		list, err = session.List(tx, c.ID)
		return err
	})
	want := session.Status{
		ID: s.ID(), Conversation: c.ID, User: alice, Device: m.devices["alice/phone"].keys.Record().ID(),
		Created: start, Opened: start,
	}
	if len(list) != 1 || list[0] != want {
		t.Errorf("listed as %+v, want %+v", list, want)
	}
}

func TestAKeptSessionIsResumedFromItsStatement(t *testing.T) {
	m := newMemory(t)
	c := m.direct(alice, bob)
	s := m.kept("alice/phone", c, session.DefaultPolicy(), start)
	var statement []byte
	m.do(func(tx *store.Tx) (err error) {
		statement, _, err = session.Statement(tx, s.ID())
		return err
	})
	if members, err := session.Members(statement); err != nil || !slices.Equal(members, c.Members) {
		t.Errorf("needs the logs of %v: %v", members, err)
	}
	if again := must(session.Resume(statement, m.logs)); again.ID() != s.ID() {
		t.Error("another session")
	}
	_, err := session.Members(statement[1:])
	wantFault(t, err, fault.Damaged)
}

// A closed session comes back neither in the envelope that brought it nor in another one of the same statement.
func TestAClosedSessionIsNeverOpenedAgain(t *testing.T) {
	m := newMemory(t)
	c := m.direct(alice, bob)
	s := m.made("alice/phone", c, session.DefaultPolicy(), start)
	replayed, rewrapped := m.sealed(s, m.names(alice, bob)...), m.sealed(s, "bob/phone")
	first := m.world.take("bob/phone", replayed, c)
	if fresh, err := m.keep(first, start); !fresh || err != nil {
		t.Fatal(err)
	}
	m.close(s)
	for name, envelope := range map[string][]byte{"replay": replayed, "rewrap": rewrapped} {
		fresh, err := m.keep(m.world.take("bob/phone", envelope, c), at(time.Minute))
		if fresh {
			t.Errorf("%s: kept", name)
		}
		wantFault(t, err, fault.Replayed)
	}
	if m.open(s) {
		t.Error("open")
	}
	m.wantBest(c, start, nil, session.NoSession)
}

// Messages name their session by half of its ID: of two sessions that share it each one is found. An ID cannot be chosen,
// so the store is made to say so.
func TestSessionsAreFoundByPrefix(t *testing.T) {
	m := newMemory(t)
	c := m.direct(alice, bob)
	first := m.kept("alice/phone", c, session.DefaultPolicy(), start)
	second := m.kept("bob/phone", c, session.DefaultPolicy(), start)
	find := func(p session.Prefix) (ids []session.ID) {
		m.do(func(tx *store.Tx) (err error) {
			ids, err = session.Find(tx, p)
			return err
		})
		return ids
	}
	for _, s := range []*session.Session{first, second} {
		if ids := find(s.ID().Prefix()); !slices.Equal(ids, []session.ID{s.ID()}) {
			t.Errorf("found %v, want %s", ids, s.ID())
		}
	}
	if ids := find(session.Prefix{1}); ids != nil {
		t.Errorf("found %v under a prefix of none", ids)
	}
	prefix, id := first.ID().Prefix(), second.ID()
	other := first.ID()
	m.do(func(tx *store.Tx) error {
		tx.Put(store.Name{Room: "session/prefix", Parts: [][]byte{prefix[:]}}, append(other[:], id[:]...))
		return nil
	})
	if ids := find(prefix); !slices.Equal(ids, []session.ID{first.ID(), second.ID()}) {
		t.Errorf("found %v, want both", ids)
	}
	m.close(first)
	if ids := find(prefix); slices.Contains(ids, first.ID()) {
		t.Error("a closed session is found")
	}
}

func TestADestroyedSessionIsNotKept(t *testing.T) {
	m := newMemory(t)
	s := m.made("alice/phone", m.direct(alice, bob), session.DefaultPolicy(), start)
	s.Destroy()
	before := m.values()
	for _, s := range []*session.Session{s, {}, nil} {
		fresh, err := m.keep(s, start)
		if fresh {
			t.Error("kept")
		}
		wantFault(t, err, fault.DestroyedKey)
	}
	if m.values() != before {
		t.Error("something was written")
	}
}

var errStop = errors.New("stop")

func TestAnotherTransactionSeesNothingOfOneThatFailed(t *testing.T) {
	m := newMemory(t)
	c := m.direct(alice, bob)
	s := m.made("alice/phone", c, session.DefaultPolicy(), start)
	err := m.update(func(tx *store.Tx) error {
		if _, err := session.Keep(tx, s, start); err != nil {
			t.Error(err)
		}
		return errStop
	})
	if !errors.Is(err, errStop) || m.open(s) {
		t.Errorf("kept although the transaction failed: %v", err)
	}
	m.wantBest(c, start, nil, session.NoSession)
}
