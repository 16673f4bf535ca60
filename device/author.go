package device

import (
	"bytes"
	"fmt"
	"time"

	"crypto/ed25519"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/recovery"
)

// Found signs the first entry of a user's log, with this device as the first one and, unless it is nil, the recovery key.
// The user's identity is this entry: it is done once.
func (k *Keys) Found(r *recovery.Key, now time.Time) ([]byte, error) {
	if err := k.begin(); err != nil {
		return nil, err
	}
	defer k.mu.Unlock()
	f := entryFields{Op: opRoot, Arg: &k.record.b}
	var err error
	if f.Recovery, err = recoveryPublic(r); err != nil {
		return nil, err
	}
	return k.propose(newLog(k.record.fields.User), f, k.signer, now)
}

// Add signs that r is another device of the same user.
//
// It and the other methods that sign an entry leave it pending in the Keys of this device and change nothing in the
// log: the caller stores the Keys, sends the entry, extends the log by what the server then serves, calls Keys.Settle
// and stores the Keys again. While an entry is pending no other one is signed, nor ever a second one for the same
// place: fault.Misuse. What a log would refuse is refused here, with the same reason and code.
func (l *Log) Add(by *Keys, r *Record, now time.Time) ([]byte, error) {
	if r == nil {
		return nil, fmt.Errorf("device: no record: %w", fault.Misuse)
	}
	return l.byDevice(by, entryFields{Op: opAdd, Arg: &r.b}, now)
}

// Revoke signs that an active device is no longer one; it may be the one that signs. What it signed in the log before
// stays valid, and nothing that it signs later is. Without a recovery key, revoking the last device ends the account.
func (l *Log) Revoke(by *Keys, id ID, now time.Time) ([]byte, error) {
	for _, at := range l.active {
		if r := l.members[at].current.record; r.fields.ID == id {
			cert := r.cert[:]
			return l.byDevice(by, entryFields{Op: opRevoke, Arg: &cert}, now)
		}
	}
	return nil, fmt.Errorf("device: no active device of that ID: %w", fault.Misuse)
}

// Update signs a new record of this device, with the same ID and key and a suite that is not lower. The device signs
// under it once the entry is settled.
func (l *Log) Update(by *Keys, suite Suite, now time.Time) ([]byte, error) {
	if err := by.begin(); err != nil {
		return nil, err
	}
	defer by.mu.Unlock()
	r, err := by.nextRecord(suite, now)
	if err != nil {
		return nil, err
	}
	return by.propose(l, entryFields{Op: opUpdate, Arg: &r.b}, by.signer, now)
}

// nextRecord signs a record to replace the present one. k.mu is held.
func (k *Keys) nextRecord(suite Suite, now time.Time) (*Record, error) {
	created, err := seconds(now)
	if err != nil {
		return nil, err
	}
	seed, err := k.signer.ExportSecretSeed()
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	defer clear(seed)
	key := ed25519.NewKeyFromSeed(seed)
	defer clear(key)
	f := k.record.fields
	f.Suite, f.Created = suite, created
	r, signer, err := newRecord(f, key)
	if err != nil {
		return nil, err
	}
	signer.Destroy()
	return r, nil
}

// Recover signs with present, the recovery key in force, that the device of keys, a new one, is the only device: all
// others are ended. next, unless it is nil or the same, is the recovery key from then on. keys keep the entry as
// pending. Another recovery key than the one in force is fault.WrongSecret, a log without one fault.Misuse.
func (l *Log) Recover(keys *Keys, present, next *recovery.Key, now time.Time) ([]byte, error) {
	if err := keys.begin(); err != nil {
		return nil, err
	}
	defer keys.mu.Unlock()
	signer, err := l.recoverySigning(present)
	if err != nil {
		return nil, err
	}
	defer signer.Destroy()
	if next.Equal(present) {
		next = nil
	}
	f := entryFields{Op: opRecover, Arg: &keys.record.b}
	if f.Recovery, err = l.nextRecovery(next); err != nil {
		return nil, err
	}
	return keys.propose(l, f, signer, now)
}

// SetRecovery signs that next is the recovery key. present is the one in force; it is nil, and the device signs, only
// when none was ever set. keys keep the entry as pending. Another present key than the one in force is
// fault.WrongSecret.
func (l *Log) SetRecovery(keys *Keys, present, next *recovery.Key, now time.Time) ([]byte, error) {
	if next == nil {
		return nil, fmt.Errorf("device: no recovery key: %w", fault.Misuse)
	}
	f := entryFields{Op: opSetRecovery}
	var err error
	if present == nil { // the first one, or whoever looks at the entry refuses it
		if f.Recovery, err = recoveryPublic(next); err != nil {
			return nil, err
		}
		return l.byDevice(keys, f, now)
	}
	if err := keys.begin(); err != nil {
		return nil, err
	}
	defer keys.mu.Unlock()
	signer, err := l.recoverySigning(present)
	if err != nil {
		return nil, err
	}
	defer signer.Destroy()
	if f.Recovery, err = l.nextRecovery(next); err != nil {
		return nil, err
	}
	return keys.propose(l, f, signer, now)
}

// byDevice signs an entry with the key of this device.
func (l *Log) byDevice(by *Keys, f entryFields, now time.Time) ([]byte, error) {
	if err := by.begin(); err != nil {
		return nil, err
	}
	defer by.mu.Unlock()
	return by.propose(l, f, by.signer, now)
}

// propose signs the next entry of l, checks it as everybody else will, and keeps it as pending. k.mu is held.
func (k *Keys) propose(l *Log, f entryFields, signer *cose.Signer, now time.Time) ([]byte, error) {
	if l.user != k.record.fields.User {
		return nil, fmt.Errorf("device: log of another user: %w", fault.Misuse)
	}
	if k.pending != nil {
		return nil, fmt.Errorf("device: log entry %d is pending, Settle comes first: %w", k.pending.Seq, fault.Misuse)
	}
	if uint64(len(l.hashes)) < k.next {
		return nil, fmt.Errorf("device: log entry %d was signed for before: %w", len(l.hashes), fault.Misuse)
	}
	issued, err := seconds(now)
	if err != nil {
		return nil, err
	}
	f.User, f.Seq, f.Prev, f.Issued = l.user, uint64(len(l.hashes)), l.Pin().Head, issued
	b, err := f.sign(signer)
	if err != nil {
		return nil, err
	}
	if _, err := l.extend([][]byte{b}); err != nil {
		return nil, err
	}
	if k.pending, err = readEntry(b); err != nil {
		return nil, err
	}
	return bytes.Clone(b), nil
}

// CheckRecovery tells whether r is the recovery key in force, with which Recover would sign now: another one is
// fault.WrongSecret, a log without one fault.Misuse. Nothing is signed.
func (l *Log) CheckRecovery(r *recovery.Key) error {
	if l == nil {
		return fmt.Errorf("device: no log: %w", fault.Misuse)
	}
	signer, err := l.recoverySigning(r)
	if err == nil {
		signer.Destroy()
	}
	return err
}

// recoverySigning is the recovery key as it signs in this log, where it must be in force.
func (l *Log) recoverySigning(r *recovery.Key) (*cose.Signer, error) {
	signer, err := recoverySigner(r)
	switch {
	case err != nil:
		return nil, err
	case !l.HasRecovery():
		err = fmt.Errorf("device: the log has no recovery key: %w", fault.Misuse)
	case !signer.Verifier().Equal(l.recovery[len(l.recovery)-1].key):
		err = fmt.Errorf("device: not the recovery key in force: %w", fault.WrongSecret)
	default:
		return signer, nil
	}
	signer.Destroy()
	return nil, err
}

// recoverySigner is the recovery key as it signs in a log.
func recoverySigner(r *recovery.Key) (*cose.Signer, error) {
	if r == nil {
		return nil, fmt.Errorf("device: no recovery key: %w", fault.Misuse)
	}
	seed, err := r.ExportSecretFor(recovery.ForLog)
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	defer clear(seed)
	key := ed25519.NewKeyFromSeed(seed)
	defer clear(key)
	v, err := recoveryVerifier(key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	return newSigner(seed, v.KeyID())
}

// nextRecovery is the public half of a recovery key that comes into force, nil for none. One that was used before is the
// caller's mistake.
func (l *Log) nextRecovery(r *recovery.Key) (*[ed25519.PublicKeySize]byte, error) {
	public, err := recoveryPublic(r)
	if err == nil && public != nil && l.keys[*public] {
		return nil, fmt.Errorf("device: recovery key that was used before: %w", fault.Misuse)
	}
	return public, err
}

// recoveryPublic is the public half of a recovery key, nil for none.
func recoveryPublic(r *recovery.Key) (*[ed25519.PublicKeySize]byte, error) {
	if r == nil {
		return nil, nil
	}
	signer, err := recoverySigner(r)
	if err != nil {
		return nil, err
	}
	defer signer.Destroy()
	public := keyOf(signer.Verifier())
	return &public, nil
}
