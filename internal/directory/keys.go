package directory

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// Of each device the newest device-key that was accepted is kept, with what recognizes an older one or a second one of its
// generation.

// Accept keeps a device-key that fits and is new, and returns it; nil for one that is known. One that is ahead of the log is
// fault.TooFarAhead and waits until that has grown (Waiting). The other errors are those of Log.AcceptKey.
func Accept(tx *store.Tx, l *device.Log, id device.ID, deviceKey []byte) (*device.MessagingKey, error) {
	last, _, err := stored(tx, l.User(), id)
	if err != nil {
		return nil, err
	}
	m, err := l.AcceptKey(id, deviceKey, last)
	if errors.Is(err, fault.TooFarAhead) {
		if err := Wait(tx, l, id, deviceKey); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	if last != nil && *last == m.Seen() {
		return nil, nil
	}
	Put(tx, l, id, m)
	return m, answered(tx, l, id, m.Seen().Gen)
}

// Put keeps a device-key as the newest one of a device.
func Put(tx *store.Tx, l *device.Log, id device.ID, m *device.MessagingKey) {
	seen := m.Seen()
	b := binary.BigEndian.AppendUint64(nil, seen.Gen)
	tx.Put(keyName(roomKey, l.User(), id), append(append(b, seen.ID[:]...), m.Bytes()...))
}

// Wait keeps a device-key, whose signature was checked, that is ahead of the log: the newest one of the device.
func Wait(tx *store.Tx, l *device.Log, id device.ID, deviceKey []byte) error {
	_, claim, err := device.KeyClaim(deviceKey)
	if err != nil {
		return err
	}
	n := keyName(roomWaiting, l.User(), id)
	b, found, err := tx.Get(n)
	if err != nil {
		return err
	}
	if _, held, err := device.KeyClaim(b); found && err == nil && held.Gen >= claim.Gen {
		return nil
	}
	tx.Put(n, deviceKey)
	changed(tx)
	return nil
}

// answered lets a device-key wait no more when one of its generation or a newer one was accepted. An older one that comes
// again does not: what the device said of its log still holds.
func answered(tx *store.Tx, l *device.Log, id device.ID, gen uint64) error {
	n := keyName(roomWaiting, l.User(), id)
	b, found, err := tx.Get(n)
	if err != nil || !found {
		return err
	}
	if _, held, err := device.KeyClaim(b); err == nil && held.Gen > gen {
		return nil
	}
	tx.Delete(n)
	changed(tx)
	return nil
}

// Waiting reports whether a device of the user knows more of the log than is known here: nothing is sealed to that user
// then.
func Waiting(tx *store.Tx, l *device.Log) (bool, error) {
	for _, r := range l.Active() {
		_, found, err := tx.Get(keyName(roomWaiting, l.User(), r.ID()))
		if err != nil || found {
			return found, err
		}
	}
	return false, nil
}

// Behind reports whether a device of the user has no key here, or is known to have a newer one.
func Behind(tx *store.Tx, l *device.Log) (bool, error) {
	for _, r := range l.Active() {
		seen, _, err := stored(tx, l.User(), r.ID())
		if err != nil {
			return false, err
		}
		if gen, err := named(tx, l.User(), r.ID()); err != nil || seen == nil || gen > seen.Gen {
			return true, err
		}
	}
	return false, nil
}

// Key returns the key to seal to, nil for a device that has none: it never published one, its record was replaced since, or
// it is known to have a newer one, so that what is sealed to this one may not open any more.
func Key(tx *store.Tx, l *device.Log, id device.ID) (*device.MessagingKey, error) {
	seen, b, err := stored(tx, l.User(), id)
	if err != nil || b == nil {
		return nil, err
	}
	if gen, err := named(tx, l.User(), id); err != nil || gen > seen.Gen {
		return nil, err
	}
	m, err := l.ResumeKey(id, b)
	if errors.Is(err, fault.UntrustedSigner) || errors.Is(err, fault.RevokedDevice) {
		return nil, nil
	}
	return m, err
}

// NoteGen notes the generation that a message of the device named, and reports whether it is newer than the key at hand.
func NoteGen(tx *store.Tx, user string, id device.ID, gen uint64) (newer bool, err error) {
	seen, _, err := stored(tx, user, id)
	if err != nil || seen != nil && gen <= seen.Gen {
		return false, err
	}
	known, err := named(tx, user, id)
	if err == nil && gen > known {
		tx.Put(keyName(roomGen, user, id), binary.BigEndian.AppendUint64(nil, gen))
	}
	return true, err
}

// named is the highest generation that a message of the device has named.
func named(tx *store.Tx, user string, id device.ID) (uint64, error) {
	b, found, err := tx.Get(keyName(roomGen, user, id))
	if err != nil || !found || len(b) != 8 {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

// stored returns what was seen of a device, and its device-key; nil for nothing.
func stored(tx *store.Tx, user string, id device.ID) (*device.Seen, []byte, error) {
	b, found, err := tx.Get(keyName(roomKey, user, id))
	if err != nil || !found {
		return nil, nil, err
	}
	const head = 8 + len(device.KeyID{})
	if len(b) < head {
		return nil, nil, fmt.Errorf("directory: stored device-key: %w", fault.Damaged)
	}
	return &device.Seen{Gen: binary.BigEndian.Uint64(b), ID: device.KeyID(b[8:head])}, b[head:], nil
}
