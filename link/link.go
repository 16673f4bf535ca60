// Package link adds a device to an account. The device that has the account (Old) shows a QR code, or a short code where
// there is no camera; the one that joins (New) takes it, shows six digits, and the person types them into the old device.
// Then the old device signs for the new one, and nobody in between has learned or changed anything.
//
// Most people need Offer and Scan. Both sides are state machines without I/O: Receive takes a message of the other device,
// whatever a method returns as send goes to it, and State says what is due next. An attempt lives in memory only, for at
// most Life, and has one try. The format, and why it is as it is, are in docs/spec/link.md.
package link

import (
	"bytes"
	"fmt"
	"time"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/internal/secret"
)

// Life is how long an attempt may take, by the clock of each side. That of the old device counts.
const Life = 300 * time.Second

// Limits, in bytes.
const (
	MaxMessage = linking.MaxMessage // of any message
	MaxQR      = linking.MaxQR      // of what is shown as a QR code
	MaxTicket  = linking.MaxTicket  // of what the server gives the new device, at least 1
	MaxVault   = linking.MaxVault   // of a vault reference, at least 1
)

// redacted keeps secrets out of everything that prints.
type redacted = secret.Redacted

// State is how far an attempt is: who has to do what next.
type State int32

// The states. Aborted, the zero value, and Done are the ends: nothing leads out of them.
const (
	Aborted     State = 0 // cancelled, too late, or ended by a message that was wrong
	Waiting     State = 1 // for a message of the other device
	Asking      State = 2 // New: does the person want to join User's account? Then Join. Old: the person types the digits: Confirm
	Showing     State = 3 // New: Digits are on the screen; the next message comes when they were typed into the old device
	Fetching    State = 4 // New: needs the user's log as the server has it now: Served. Twice in an attempt
	Admitting   State = 5 // Old: the new device's record has to get into the log: Admitted
	Registering State = 6 // New: the device belongs to the user and registers at the server: Registered
	Linked      State = 7 // New: all is done. What was chosen at the old device may still come
	Done        State = 8
)

// String returns the state in a word.
func (s State) String() string {
	names := [...]string{"aborted", "waiting", "asking", "showing", "fetching", "admitting", "registering", "linked", "done"}
	if s < 0 || int(s) >= len(names) {
		return "unknown"
	}
	return names[s]
}

// History is what the new device gets of the time before it.
type History int32

// The choices, of which the person makes one: there is no default.
const (
	Nothing          History = linking.Nothing
	Sessions         History = linking.Sessions         // the keys of the sessions that are open
	SessionsAndVault History = linking.SessionsAndVault // and a vault to restore from
)

// String returns the choice in a few words.
func (h History) String() string {
	names := [...]string{Nothing: "nothing", Sessions: "sessions", SessionsAndVault: "sessions and vault"}
	if h < Nothing || int(h) >= len(names) {
		return "unknown"
	}
	return names[h]
}

// Choice is what the person at the old device chose. Both sides show it.
type Choice struct {
	History History
	Vault   []byte // where the vault is, 1 to MaxVault bytes, exactly with SessionsAndVault
}

// message is the choice as it is sent. One that is none is the caller's mistake.
func (c Choice) message() (*linking.M8, error) {
	m := &linking.M8{History: uint64(c.History)}
	if c.Vault != nil {
		m.Vault = &c.Vault
	}
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("link: a choice of history that is none: %w", fault.Misuse)
	}
	return m, nil
}

// choiceOf is a choice that was checked.
func choiceOf(m *linking.M8) Choice {
	c := Choice{History: History(m.History)}
	if m.Vault != nil {
		c.Vault = bytes.Clone(*m.Vault)
	}
	return c
}
