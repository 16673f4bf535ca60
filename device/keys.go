package device

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/secret"
)

// redacted keeps secrets out of everything that prints.
type redacted = secret.Redacted

// Keys are the private keys of this device: the Ed25519 key, the halves of its messaging keys that still live, and the
// log entry that it signed and that is not in the log yet. They change when the device signs an entry or renews its
// messaging key: the caller then stores ExportSecretState, in the same commit as what was made, before anything leaves the
// device. They are safe for concurrent use. The zero value and nil are destroyed keys.
//
// Where several processes share a store, an app and its notification extension for example, each loads the Keys in the
// transaction that stores them again: of two that loaded the same state the later one would undo what the other did.
//
// There is no call that signs what the caller likes: a device signs the structures of sotto and nothing else. Sign… and
// Unwrap take types of internal packages: they are for package session.
type Keys struct {
	_ [0]func()
	redacted
	mu        sync.Mutex
	record    *Record
	signer    *cose.Signer
	messaging []*half // newest first
	contact   uint64  // when the device was last on line or renewed its messaging key, in Unix seconds; 0 for never
	next      uint64  // the first place of the log that the device never signed for and settled
	pending   *entry  // nil for none
}

// Generate makes the keys of a new device of user's, from crypto/rand, and signs its record. The messaging key is made by
// Rotate.
func Generate(user string, suite Suite, now time.Time) (*Keys, error) {
	if err := checkUser(user, fault.Misuse); err != nil {
		return nil, err
	}
	if suite != Classical && suite != Hybrid {
		return nil, fmt.Errorf("device: suite %d: %w", uint64(suite), fault.Misuse)
	}
	created, err := seconds(now)
	if err != nil {
		return nil, err
	}
	f := recordFields{User: user, Suite: suite, Created: created}
	rand.Read(f.ID[:])
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	defer clear(seed)
	return newKeys(f, seed)
}

// newKeys makes the keys of a device with a new record.
func newKeys(f recordFields, seed []byte) (*Keys, error) {
	key := ed25519.NewKeyFromSeed(seed)
	defer clear(key)
	r, signer, err := newRecord(f, key)
	if err != nil {
		return nil, err
	}
	return &Keys{redacted: secret.Redact("device.Keys", f.ID[:]), record: r, signer: signer}, nil
}

// begin locks the keys, and refuses nil, the zero value and destroyed ones. Who begins unlocks k.mu.
func (k *Keys) begin() error {
	if k == nil {
		return fmt.Errorf("device: %w", fault.DestroyedKey)
	}
	k.mu.Lock()
	if k.signer == nil {
		k.mu.Unlock()
		return fmt.Errorf("device: %w", fault.DestroyedKey)
	}
	return nil
}

// Record returns the record under which the device signs now. It is there even after Destroy; the zero value and nil have
// none.
func (k *Keys) Record() *Record {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.record
}

// Pending returns the log entry that this device signed and that is not settled yet, nil for none. It is offered to the
// server again and again, always the same bytes: a device never signs two entries for one place of a log.
func (k *Keys) Pending() []byte {
	if k.begin() != nil {
		return nil
	}
	defer k.mu.Unlock()
	if k.pending == nil {
		return nil
	}
	return bytes.Clone(k.pending.bytes)
}

// Settle takes the device's own log as the server has it: the pinned one, extended. When the place of the pending entry is
// taken, by that entry or by another one, nothing is pending any more. And when the log has a newer record of this device,
// the device signs under it from now on, also if its store was put back to a time before it signed that record. Settle
// reports whether anything changed, which is then to be stored. A log with another root than the one that this device
// founded is fault.IdentityChanged.
func (k *Keys) Settle(served *Log) (bool, error) {
	if err := k.begin(); err != nil {
		return false, err
	}
	defer k.mu.Unlock()
	if served == nil || len(served.hashes) == 0 || served.user != k.record.fields.User {
		return false, fmt.Errorf("device: log of another user: %w", fault.Misuse)
	}
	if k.pending != nil && k.pending.Op == opRoot && served.hashes[0] != k.pending.hash {
		return false, fmt.Errorf("device: log that this device did not found: %w", fault.IdentityChanged)
	}
	renewed, err := k.renew(served)
	if err != nil || k.pending == nil || k.pending.Seq >= uint64(len(served.hashes)) {
		return renewed, err
	}
	k.next, k.pending = k.pending.Seq+1, nil
	return true, nil
}

// renew makes the device sign under the record that has replaced its own in the log. k.mu is held.
func (k *Keys) renew(served *Log) (bool, error) {
	at, known := served.certs[k.record.cert]
	if !known || served.members[at].ended > 0 || served.members[at].current.record.cert == k.record.cert {
		return false, nil
	}
	r := served.members[at].current.record
	seed, err := k.signer.ExportSecretSeed()
	if err != nil {
		return false, fmt.Errorf("device: %w", err)
	}
	defer clear(seed)
	signer, err := newSigner(seed, r.cert[:])
	if err != nil {
		return false, err
	}
	k.signer.Destroy()
	k.record, k.signer = r, signer
	return true, nil
}

// newSigner is the signer of an Ed25519 seed with a key ID.
func newSigner(seed, keyID []byte) (*cose.Signer, error) {
	key := ed25519.NewKeyFromSeed(seed)
	defer clear(key)
	s, err := cose.NewSigner(key, keyID)
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	return s, nil
}

// Destroy wipes all private keys. It is idempotent; later uses fail with fault.DestroyedKey.
func (k *Keys) Destroy() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.signer != nil {
		k.signer.Destroy()
		k.signer = nil
	}
	for _, h := range k.messaging {
		h.destroy()
	}
	k.messaging = nil
}
