// Package sotto is the facade: an account with its devices, contacts, conversations and sessions over one store. An app
// brings a network, which carries bytes, and a screen; keys, ciphertexts and checks are made here.
//
// Most people need Create or Unlock, Account.Trust and Account.Direct to get a Conversation, Conversation.Seal to write,
// and Account.Receive to read:
//
//	alice, err := sotto.Create(ctx, backend, "alice", nil, lockbox.Password(password, params))
//	bob, err := alice.Trust(ctx, "bob", log)
//	conversation, err := alice.Direct(ctx, bob)
//	parcels, err := conversation.Seal(ctx, sotto.NewMessageID(), "text/plain", body)
//	events, err := alice.Receive(ctx, fetched...)
//
// What is to be sent are Parcels. They stay in the outbox, byte for byte the same, until the app says Delivered; Pending
// lists them. What arrives goes through Receive, all of it, in any order and any number of times. Each message comes out as
// an Event and stays in the inbox until the app says Ack; Unread lists what is there. So an app that crashes anywhere does the same again and
// loses nothing.
//
// Besides, an app fetches the logs and device-keys that the server keeps of its contacts and of the own user, gives them to
// Receive, and calls Upkeep about once an hour. It is the server's copy of the own device-key that shows a store that was
// put back to an earlier state.
//
// Nothing here does network I/O, starts a goroutine that outlives a call, or logs. Each method that changes something makes
// one commit, or several that are each whole.
package sotto

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/groups"
	"github.com/sottokit/sotto/internal/secret"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

// redacted keeps secrets out of everything that prints.
type redacted = secret.Redacted

// Options are what an app may want otherwise. nil stands for the zero value. Nothing of it is stored: Unlock gets the same.
type Options struct {
	// Now is the one clock; nil is time.Now.
	Now func() time.Time

	// Policy says how long a session serves; the zero value is session.DefaultPolicy. One out of range is fault.Misuse.
	Policy session.Policy

	// Hybrid makes a new device one of suite 2, which X25519 and ML-KEM-768 protect together (X-Wing). It writes to devices of
	// suite 1 as those can read; a conversation is safe from a later quantum computer when all its devices have suite 2.
	Hybrid bool

	// RequireHybrid refuses to seal to anybody who has a device of suite 1, and to link one. It stands for Hybrid, too.
	RequireHybrid bool

	// Recovery is the printed recovery key. Create puts it into the user's log; as a way to unlock it is given to Create as a
	// lockbox.Secret, too. Recover puts it in the place of the one that was used.
	Recovery *recovery.Key

	// Root is the user's identity, for Recover where it is known: a log of another root is fault.IdentityChanged.
	Root *device.Hash
}

// complete returns the options with nothing left out.
func (o *Options) complete() (Options, error) {
	var all Options
	if o != nil {
		all = *o
	}
	if all.Now == nil {
		all.Now = time.Now
	}
	if all.Policy == (session.Policy{}) {
		all.Policy = session.DefaultPolicy()
	}
	all.Hybrid = all.Hybrid || all.RequireHybrid
	return all, all.Policy.Check()
}

// suite is that of a new device.
func (o *Options) suite() device.Suite {
	if o.Hybrid {
		return device.Hybrid
	}
	return device.Classical
}

// Account is this device's part of a user's account, unlocked. It is safe for concurrent use; what changes something takes
// turns at the commit. The zero value and nil are locked.
type Account struct {
	_ [0]func()
	redacted
	user    string
	now     func() time.Time
	policy  session.Policy
	hybrid  bool // every device must do suite 2
	backend store.Backend
	db      *store.DB
	users   directory.Directory
	groups  groups.Groups
	chains  session.Chains
	aside   session.Chains // of messages that are not for every device: the others miss nothing in the chain that they see

	// use is held for reading by whoever uses a key or a session out of known, and for writing by whoever destroys one.
	use    sync.RWMutex
	known  known
	locked atomic.Bool
	seen   atomic.Bool // the server has shown this device's key since the account was opened: what it has of the log came with that
}

// MessageID names a message; the sender draws it. The same ID is the same message.
type MessageID [16]byte

// NewMessageID draws an ID.
func NewMessageID() MessageID {
	var id MessageID
	rand.Read(id[:])
	return id
}

// String returns the ID in hexadecimal.
func (id MessageID) String() string { return hex.EncodeToString(id[:]) }

// User returns the user's ID.
func (a *Account) User() string {
	if a == nil {
		return ""
	}
	return a.user
}

// Device returns the ID of this device. Recover may give it another one.
func (a *Account) Device() device.ID {
	if a == nil {
		return device.ID{}
	}
	return a.known.deviceID()
}

// Lock wipes the keys from memory. It waits for running uses and is idempotent; later calls fail with fault.DestroyedKey
// until Unlock.
func (a *Account) Lock() {
	if a == nil {
		return
	}
	a.locked.Store(true)
	a.db.Destroy()
	a.use.Lock()
	defer a.use.Unlock()
	a.known.destroy()
}

// update runs f in one transaction and commits what it wrote.
func (a *Account) update(ctx context.Context, f func(v *view) error) error {
	if a == nil || a.locked.Load() {
		return errLocked
	}
	return a.db.Update(ctx, a.within(false, f))
}

// view runs f in one transaction that writes nothing.
func (a *Account) view(ctx context.Context, f func(v *view) error) error {
	if a == nil || a.locked.Load() {
		return errLocked
	}
	return a.db.View(ctx, a.within(true, f))
}

var errLocked = fmt.Errorf("sotto: the account is locked: %w", fault.DestroyedKey)

func (a *Account) within(looks bool, f func(v *view) error) func(tx *store.Tx) error {
	return func(tx *store.Tx) error {
		a.use.RLock()
		defer a.use.RUnlock()
		v := &view{Account: a, tx: tx, looks: looks}
		if err := v.refresh(); err != nil {
			return err
		}
		return f(v)
	}
}
