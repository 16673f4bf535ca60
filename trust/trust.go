// Package trust says what becomes of a contact's mark when the contact's device log changes, and when people compare or
// acknowledge. It is a table, no more: which mark there was, what happened, which mark there is and what to tell the user.
//
// A mark is about an identity, the user ID together with the root of the log, and never about a single device: people
// compare once, and devices follow from the signed log. A mark that is gone never returns by itself.
package trust

import (
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// Mark is what the user of this device has said of a contact, as far as it still holds.
type Mark int32

// The marks.
const (
	Unverified  Mark = iota + 1 // pinned at first sight
	Verified                    // people compared their numbers
	Changed                     // something happened that the user must acknowledge: nothing is sent meanwhile
	WasVerified                 // the same, and the contact was verified before
)

// MaySend reports whether anything may be sealed to the contact.
func (m Mark) MaySend() bool { return m == Unverified || m == Verified }

// String returns the mark in words.
func (m Mark) String() string { return word(markWords, int(m)) }

// Event is what happened.
type Event int32

// The events.
const (
	Grown        Event = iota + 1 // entries of the log that devices of the user signed: one was added, revoked or updated
	Recovered                     // an entry that the recovery key signed: every earlier device is gone
	Reset                         // a log with another root under the same user ID: another identity
	Forked                        // two valid entries at one place of the log
	RolledBack                    // the server served a log that ends before what is pinned
	Unsigned                      // the server served a log with an entry that no device of the user has signed
	Matched                       // people compared their numbers, and they were the same
	Acknowledged                  // the user was told and goes on without comparing
)

// String returns the event in words.
func (e Event) String() string { return word(eventWords, int(e)) }

// Notice is what to tell the user.
type Notice int32

// The notices.
const (
	None    Notice = iota // nothing
	Tell                  // it happened; sending goes on
	Blocked               // nothing is sent until the user has acknowledged or compared
)

// String returns the notice in words.
func (n Notice) String() string { return word(noticeWords, int(n)+1) }

var (
	markWords   = []string{"unverified", "verified", "changed", "changed, was verified"}
	eventWords  = []string{"grown", "recovered", "reset", "forked", "rolled back", "unsigned entry", "matched", "acknowledged"}
	noticeWords = []string{"none", "tell", "blocked"}
)

func word(words []string, n int) string {
	if n < 1 || n > len(words) {
		return "unknown"
	}
	return words[n-1]
}

// After is the table: one row for each event, one column for each mark, in the order of their numbers. docs/trust.md shows it.
func (m Mark) After(e Event) (Mark, Notice) {
	if m < Unverified || m > WasVerified || e < Grown || e > Acknowledged {
		return Changed, Blocked // of a mark or event that is none: nothing is sent
	}
	to := table[e-1][m-1]
	return to.mark, to.notice
}

type step struct {
	mark   Mark
	notice Notice
}

var table = [8][4]step{
	Grown - 1:        {{Unverified, Tell}, {Verified, Tell}, {Changed, Tell}, {WasVerified, Tell}},
	Recovered - 1:    {{Unverified, Tell}, {WasVerified, Blocked}, {Changed, Blocked}, {WasVerified, Blocked}},
	Reset - 1:        {{Changed, Blocked}, {WasVerified, Blocked}, {Changed, Blocked}, {WasVerified, Blocked}},
	Forked - 1:       {{Changed, Blocked}, {WasVerified, Blocked}, {Changed, Blocked}, {WasVerified, Blocked}},
	RolledBack - 1:   {{Changed, Blocked}, {WasVerified, Blocked}, {Changed, Blocked}, {WasVerified, Blocked}},
	Unsigned - 1:     {{Changed, Blocked}, {WasVerified, Blocked}, {Changed, Blocked}, {WasVerified, Blocked}},
	Matched - 1:      {{Verified, None}, {Verified, None}, {Verified, None}, {Verified, None}},
	Acknowledged - 1: {{Unverified, None}, {Verified, None}, {Unverified, None}, {Unverified, None}},
}

// State is what is kept of a contact: a pin, the mark, and why it is blocked. The zero value is nobody's, and blocked.
type State struct {
	Pin   device.Pin
	Mark  Mark
	Cause Event // of a blocked mark; else 0
}

// First is the state of a log that was never seen before: it is pinned, and trusted from then on (trust on first use).
func First(l *device.Log) State { return State{Pin: l.Pin(), Mark: Unverified} }

// MaySend reports whether anything may be sealed to the contact.
func (s State) MaySend() bool { return s.Mark.MaySend() }

// See moves the state to what happened, with the log pinned at pin from now on. The newest reason for being blocked is kept.
func (s State) See(e Event, pin device.Pin) (State, Notice) {
	next, notice := s.Mark.After(e)
	to := State{Pin: pin, Mark: next, Cause: s.Cause}
	switch {
	case next.MaySend():
		to.Cause = 0
	case notice == Blocked:
		to.Cause = e
	}
	return to, notice
}

// Match is for people who compared the numbers of an identity, up to the entry that was shown, and found them the same. What
// came after it was not compared: then the state is as it was, and fault.IdentityChanged says to show the new number.
func (s State) Match(shown device.Pin) (State, error) { return s.decide(Matched, shown) }

// Acknowledge is for a user who was told what happened, up to the entry that was shown, and goes on. What came after it was
// not told: fault.IdentityChanged, and it stays blocked.
func (s State) Acknowledge(shown device.Pin) (State, error) { return s.decide(Acknowledged, shown) }

func (s State) decide(e Event, shown device.Pin) (State, error) {
	if shown != s.Pin {
		return s, fmt.Errorf("trust: the log is not the one that was shown: %w", fault.IdentityChanged)
	}
	to, _ := s.See(e, s.Pin)
	return to, nil
}

// Between tells what happened to a log that went from one verified state to another one of the same identity, which may be
// on another branch: only the recovery key chooses that.
func Between(before, after *device.Log) Event {
	if after.Recovered(before) {
		return Recovered
	}
	return Grown
}

// Why returns the code for sealing to a contact who is blocked, 0 for one who is not.
func (s State) Why() fault.Code {
	switch {
	case s.MaySend():
		return 0
	case s.Cause == Forked:
		return fault.LogFork
	case s.Cause == RolledBack:
		return fault.Rollback
	case s.Cause == Unsigned:
		return fault.UntrustedSigner
	}
	return fault.IdentityChanged
}
