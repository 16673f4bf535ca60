package session_test

import (
	"bytes"
	"maps"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

// shared is what a member says to the statement of a session in which it has no part: a minute later.
func (m *memory) shared(statement []byte, c *session.Conversation) (*session.Session, error) {
	m.Helper()
	return session.Shared(statement, c, at(time.Minute), m.logs)
}

func TestASharedSessionOpensMessages(t *testing.T) {
	m := newMemory(t)
	c := m.group(1, alice, bob)
	s := m.made("alice/phone", c, session.DefaultPolicy(), start)
	statement := must(s.ExportSecretStatement())
	claim, err := session.ClaimOf(statement)
	if err != nil || claim.Conversation != c.ID || *claim.Entry != *c.State || len(claim.Members) != 2 ||
		claim.Members[0].User != alice || claim.Members[1] != m.members(bob)[0] ||
		len(claim.Heads) != 2 || claim.Heads[1].User != bob || claim.Heads[1].Pin != m.logs[bob].Pin() {
		t.Errorf("%+v, %v", claim, err)
	}
	got := must(m.shared(statement, c))
	if got.ID() != s.ID() || got.Sender() != s.Sender() {
		t.Error("another session")
	}
	var chains session.Chains
	if o := must(got.Open(m.write("bob/phone", s, &chains, "of before"), m.logs)); string(o.Content.Body) != "of before" {
		t.Errorf("content %q", o.Content.Body)
	}
	m.write("bob/phone", got, &chains, "and on") // it is the same one: only Best keeps it from being sent on
	for i := range statement {
		statement[i] = 0
	}
	must(got.ExportSecretStatement()) // has its own copy
}

// It is held against everything that an envelope is held against.
func TestASharedSessionIsHeldAgainstItsGroup(t *testing.T) {
	m := newMemory(t)
	c := m.group(1, alice, bob)
	s := m.made("alice/phone", c, session.DefaultPolicy(), start)
	statement := must(s.ExportSecretStatement())
	change := func(f func(c *session.Conversation)) *session.Conversation {
		other := *c
		f(&other)
		return &other
	}
	for name, x := range map[string]struct {
		c    *session.Conversation
		want fault.Code
	}{
		"another group":    {change(func(c *session.Conversation) { c.ID[0] ^= 1 }), fault.Damaged},
		"another epoch":    {change(func(c *session.Conversation) { c.Epoch++ }), fault.Damaged},
		"another entry":    {change(func(c *session.Conversation) { c.State = &device.Hash{} }), fault.Damaged},
		"a member more":    {change(func(c *session.Conversation) { c.Members = m.members(alice, bob, carol) }), fault.Malformed},
		"a member less":    {change(func(c *session.Conversation) { c.Members = m.members(alice) }), fault.Malformed},
		"another identity": {change(func(c *session.Conversation) { c.Members = []session.Member{m.members(alice)[0], {User: bob}} }), fault.IdentityChanged},
		"no members":       {change(func(c *session.Conversation) { c.Members = nil }), fault.Misuse},
		"no conversation":  {nil, fault.Misuse},
		"of two":           {m.direct(alice, bob), fault.Damaged},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := m.shared(statement, x.c)
			wantFault(t, err, x.want)
		})
	}
	for i := range statement {
		bad := bytes.Clone(statement)
		bad[i] ^= 1
		if _, err := m.shared(bad, c); err == nil {
			t.Fatalf("byte %d does not count", i)
		}
		if _, err := m.shared(statement[:i], c); err == nil {
			t.Fatalf("%d bytes are enough", i)
		}
	}
	without := maps.Clone(m.logs)
	delete(without, bob)
	_, err := session.Shared(statement, c, at(time.Minute), without)
	wantFault(t, err, fault.TooFarAhead)
	_, err = session.Shared(statement, c, at(session.Remember+day), m.logs)
	wantFault(t, err, fault.Expired)
	must(m.shared(statement, c))
}

// A device shares the sessions of two with a new one of its user.
func TestASharedSessionOfTwoOpensMessages(t *testing.T) {
	m := newMemory(t)
	c := m.direct(alice, bob)
	s := m.made("alice/phone", c, session.DefaultPolicy(), start)
	statement := must(s.ExportSecretStatement())
	claim, err := session.ClaimOf(statement)
	if err != nil || claim.Conversation != c.ID || claim.Entry != nil || len(claim.Members) != 2 {
		t.Errorf("%+v, %v", claim, err)
	}
	got := must(m.shared(statement, c))
	var chains session.Chains
	if o := must(got.Open(m.write("bob/phone", s, &chains, "of before"), m.logs)); string(o.Content.Body) != "of before" {
		t.Errorf("content %q", o.Content.Body)
	}
}

func TestAClaimOfNoStatementIsRefused(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("text")} {
		_, err := session.ClaimOf(b)
		wantFault(t, err, fault.Malformed)
	}
}

// What is shared is never sent on: its roster is not that of the newest entry.
func TestASharedSessionIsNotTheBest(t *testing.T) {
	m := newMemory(t)
	before, now := m.group(1, alice, bob), m.group(2, alice, bob, carol)
	s := must(m.shared(must(m.made("alice/phone", before, session.DefaultPolicy(), start).ExportSecretStatement()), before))
	must(m.keep(s, start))
	m.wantBest(now, start, nil, session.RosterChanged)
	m.do(func(tx *store.Tx) error { return session.Supersede(tx, now.ID, now.State, start) })
	m.wantBest(before, start, nil, session.RosterChanged)
}
