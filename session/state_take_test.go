package session_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

// talk is a session of alice and bob that is kept, with place for few messages.
func (m *memory) talk(messages uint64) *session.Session {
	m.Helper()
	return m.kept("alice/phone", m.direct(alice, bob), session.Policy{MaxMessages: messages, MaxAge: day}, start)
}

func (m *memory) refuses(t *testing.T, o *session.Opened, want fault.Code) {
	t.Helper()
	before := m.raw()
	_, err := m.take(o)
	wantFault(t, err, want)
	same := func(a, b store.Entry) bool {
		return string(a.Key) == string(b.Key) && string(a.Value) == string(b.Value)
	}
	if !slices.EqualFunc(before, m.raw(), same) {
		t.Error("it was refused and something changed")
	}
}

func TestAMessageIsTakenOnce(t *testing.T) {
	m := newMemory(t)
	s := m.talk(10)
	o := m.wrote("bob/phone", s, &m.chains, "text")
	seen := func() (err error) {
		m.do(func(tx *store.Tx) error {
			err = session.Seen(tx, o)
			return nil
		})
		return err
	}
	if err := seen(); err != nil {
		t.Errorf("seen before it came: %v", err)
	}
	m.takes(o, 0)
	m.refuses(t, o, fault.Replayed)
	m.refuses(t, o, fault.Replayed)
	wantFault(t, seen(), fault.Replayed)
}

// A clone that goes on beside the original says something else under the same counter.
func TestAnotherMessageUnderAUsedCounterIsASenderReset(t *testing.T) {
	m := newMemory(t)
	s := m.talk(10)
	o := m.wrote("bob/phone", s, &m.chains, "text")
	m.takes(o, 0)
	clone := *m.wrote("bob/phone", s, &m.chains, "other text")
	clone.Place = o.Place
	m.refuses(t, &clone, fault.SenderReset)
	m.do(func(tx *store.Tx) error {
		wantFault(t, session.Seen(tx, &clone), fault.SenderReset)
		return nil
	})
}

func TestMessagesAreTakenInAnyOrderAndTellWhatWasSkipped(t *testing.T) {
	m := newMemory(t)
	s := m.talk(10)
	var all []*session.Opened
	for range 8 {
		all = append(all, m.wrote("bob/phone", s, &m.chains, "text"))
	}
	for _, next := range []struct{ counter, skipped uint64 }{{2, 2}, {0, 0}, {3, 0}, {7, 3}, {1, 0}, {6, 0}, {5, 0}, {4, 0}} {
		m.takes(all[next.counter], next.skipped)
	}
	for _, o := range all {
		m.refuses(t, o, fault.Replayed)
	}
}

// A member who sends under the name of another's chain fills his own places only.
func TestTwoMembersMayUseOneChainName(t *testing.T) {
	m := newMemory(t)
	s := m.talk(10)
	theirs, mine := m.wrote("bob/phone", s, &m.chains, "text"), m.wrote("alice/phone", s, &m.chains, "text")
	mine.Place.Chain, mine.Place.Counter = theirs.Place.Chain, theirs.Place.Counter
	m.takes(theirs, 0)
	m.takes(mine, 0)
	m.refuses(t, mine, fault.Replayed)
}

func TestADeviceMayBeginAnotherChain(t *testing.T) {
	m := newMemory(t)
	s := m.talk(10)
	m.takes(m.wrote("bob/phone", s, &m.chains, "before the restart"), 0)
	m.takes(m.wrote("bob/phone", s, &m.chains, "before the restart"), 0)
	var after session.Chains
	m.takes(m.wrote("bob/phone", s, &after, "after the restart"), 0)
	m.takes(m.wrote("bob/phone", s, &m.chains, "late"), 0)
}

// Gaps are told for the newest chains; older ones are taken all the same.
func TestManyChainsOfADeviceAreTaken(t *testing.T) {
	m := newMemory(t)
	s := m.talk(20)
	first := m.wrote("bob/phone", s, &m.chains, "text")
	m.takes(first, 0)
	for range 40 {
		var chains session.Chains
		m.takes(m.wrote("bob/phone", s, &chains, "text"), 0)
	}
	m.refuses(t, first, fault.Replayed)
	m.takes(m.wrote("bob/phone", s, &m.chains, "text"), 1) // its chain is a new one again
}

func TestADeviceThatSendsTooMuchIsRefused(t *testing.T) {
	m := newMemory(t)
	const most = 3
	s := m.talk(most)
	var theirs session.Chains
	m.takes(m.wrote("bob/tablet", s, &theirs, "another device"), 0)
	for range 4 * most {
		m.takes(m.wrote("bob/phone", s, &m.chains, "text"), 0)
	}
	m.refuses(t, m.wrote("bob/phone", s, &m.chains, "one too many"), fault.OverLimit)
	m.takes(m.wrote("bob/tablet", s, &theirs, "another device, still"), 0)
}

func TestAMessageOfASessionThatIsNotOpenIsNotTaken(t *testing.T) {
	m := newMemory(t)
	c := m.direct(alice, bob)
	o := m.wrote("bob/phone", m.made("alice/phone", c, session.DefaultPolicy(), start), &m.chains, "text")
	m.refuses(t, o, fault.UnknownSession)
	s := m.talk(10)
	closed := m.wrote("bob/phone", s, &m.chains, "text")
	m.close(s)
	m.refuses(t, closed, fault.UnknownSession)
}
