package sotto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

// Device-keys: of each device of each user the newest one that was accepted is kept, with what recognizes an older one or a
// second one of its generation.

const (
	roomLeft = "left"     // [CertID]: sessions that the device was left out of, because it had no device-key
	roomGen  = "user/gen" // [user, device ID]: the highest generation that a message of the device named
)

// keyBytes is a stored device-key: generation, key ID, device-key.
func keyBytes(m *device.MessagingKey) []byte {
	seen := m.Seen()
	b := binary.BigEndian.AppendUint64(nil, seen.Gen)
	return append(append(b, seen.ID[:]...), m.Bytes()...)
}

// storedKey returns what was seen of a device, and its device-key; nil for nothing.
func (v *view) storedKey(user string, id device.ID) (*device.Seen, []byte, error) {
	b, found, err := v.tx.Get(keyName(roomKey, user, id))
	if err != nil || !found {
		return nil, nil, err
	}
	const head = 8 + len(device.KeyID{})
	if len(b) < head {
		return nil, nil, fmt.Errorf("sotto: stored device-key: %w", fault.Damaged)
	}
	return &device.Seen{Gen: binary.BigEndian.Uint64(b), ID: device.KeyID(b[8:head])}, b[head:], nil
}

// newerGen returns the highest generation that a message of the device has named.
func (v *view) newerGen(user string, id device.ID) (uint64, error) {
	b, found, err := v.tx.Get(keyName(roomGen, user, id))
	if err != nil || !found || len(b) != 8 {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

// noteGen notes the generation that a message of the device named, and reports whether it is newer than the key at hand.
func (v *view) noteGen(user string, id device.ID, gen uint64) (newer bool, err error) {
	seen, _, err := v.storedKey(user, id)
	if err != nil || seen != nil && gen <= seen.Gen {
		return false, err
	}
	known, err := v.newerGen(user, id)
	if err == nil && gen > known {
		v.tx.Put(keyName(roomGen, user, id), binary.BigEndian.AppendUint64(nil, gen))
	}
	return true, err
}

// messagingKey returns the key to seal to, nil for a device that has none: it never published one, its record was replaced
// since, or it is known to have a newer one.
func (v *view) messagingKey(l *device.Log, id device.ID) (*device.MessagingKey, error) {
	seen, b, err := v.storedKey(l.User(), id)
	if err != nil || b == nil {
		return nil, err
	}
	if gen, err := v.newerGen(l.User(), id); err != nil || gen > seen.Gen {
		return nil, err // the device has a newer one: what was sealed to this one may not open any more
	}
	m, err := l.AcceptKey(id, b, nil)
	if errors.Is(err, fault.UntrustedSigner) || errors.Is(err, fault.RevokedDevice) {
		return nil, nil
	}
	return m, err
}

// acceptKey keeps a device-key that fits, and keeps one that is ahead of the log until that has grown: nothing is sealed to
// its user meanwhile. A device that was left out of sessions which this device began gets them now.
func (v *view) acceptKey(l *device.Log, id device.ID, deviceKey []byte) error {
	last, _, err := v.storedKey(l.User(), id)
	if err != nil {
		return err
	}
	own := id == v.Account.device
	if own {
		last = nil // this device knows its keys: what it does not know is newer, or older than what it keeps
	}
	m, err := l.AcceptKey(id, deviceKey, last)
	if errors.Is(err, fault.TooFarAhead) {
		v.tx.Put(keyName(roomWaiting, l.User(), id), deviceKey)
		return err
	}
	if err != nil {
		return err
	}
	v.tx.Delete(keyName(roomWaiting, l.User(), id))
	if last != nil && *last == m.Seen() {
		return nil
	}
	if own {
		return v.recognizeKey(l, m)
	}
	v.tx.Put(keyName(roomKey, l.User(), id), keyBytes(m))
	return v.repairLeft(m)
}

// recognizeKey looks at what the server shows as the key of this device. Another key than its own, of the present generation
// or a later one, was made in a time that the store does not know.
func (v *view) recognizeKey(l *device.Log, m *device.MessagingKey) error {
	keys, err := v.keys()
	if err != nil || slices.Contains(keys.KeyIDs(), m.ID()) || m.Seen().Gen < keys.Generation() {
		return err
	}
	return v.renew(l, m.Bytes())
}

// renew is for a store that was put back to an earlier state: the server shows a device-key of this device that is not
// known here, or a message came that this device sealed and that is not known here. Open sessions can be read and are not
// sent on, and a new messaging key goes above the published one.
func (v *view) renew(l *device.Log, published []byte) error {
	v.restored = true
	if err := session.Retire(v.tx); err != nil {
		return err
	}
	return v.changeKeys(func(k *device.Keys) error { return v.rotate(k, l, published) })
}

// retryKey looks again at a device-key that was ahead of the log.
func (v *view) retryKey(l *device.Log, id device.ID) error {
	b, found, err := v.tx.Get(keyName(roomWaiting, l.User(), id))
	if err != nil || !found {
		return err
	}
	if err := v.acceptKey(l, id, b); err != nil && !errors.Is(err, fault.TooFarAhead) {
		v.tx.Delete(keyName(roomWaiting, l.User(), id)) // it is good for nothing: older, or of a clone
		return keepStoreErrors(err)
	}
	return nil
}

// waiting is an error when a device of the user knows more of the log than is known here.
func (v *view) waiting(l *device.Log) error {
	for _, r := range l.Active() {
		_, found, err := v.tx.Get(keyName(roomWaiting, l.User(), r.ID()))
		if err != nil {
			return err
		}
		if found {
			return fmt.Errorf("sotto: a device of the user knows a log entry that is not here, fetch it: %w", fault.TooFarAhead)
		}
	}
	return nil
}

// repairLeft seals sessions to a device that was left out of them.
func (v *view) repairLeft(m *device.MessagingKey) error {
	cert := m.Cert()
	name := store.Name{Room: roomLeft, Parts: [][]byte{cert[:]}}
	b, found, err := v.tx.Get(name)
	if err != nil || !found {
		return err
	}
	v.tx.Delete(name)
	for ; len(b) >= len(session.ID{}); b = b[len(session.ID{}):] {
		s, err := v.session(session.ID(b[:len(session.ID{})]))
		if errors.Is(err, fault.UnknownSession) {
			continue // closed since
		}
		if err != nil {
			return err
		}
		if err := v.sealTo(s, m); err != nil {
			return err
		}
	}
	return nil
}

// leaveOut notes that a device has no key to seal a session to.
func (v *view) leaveOut(cert device.CertID, id session.ID) error {
	name := store.Name{Room: roomLeft, Parts: [][]byte{cert[:]}}
	b, _, err := v.tx.Get(name)
	if err != nil {
		return err
	}
	v.tx.Put(name, append(b, id[:]...))
	return nil
}

// rotate gives this device a new messaging key above published, and puts it into the outbox in place of an older one.
func (v *view) rotate(k *device.Keys, l *device.Log, published []byte) error {
	b, err := k.Rotate(l, published, v.now())
	if err != nil {
		return err
	}
	var old []queue.ID
	err = outbox.Each(v.tx, func(id queue.ID, value []byte) error {
		p, err := readParcel(value)
		if err == nil && p.Kind == string(ParcelKey) {
			old = append(old, id)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range old {
		if err := outbox.Drop(v.tx, id); err != nil {
			return err
		}
	}
	m, err := l.AcceptKey(v.Account.device, b, nil)
	if err != nil {
		return err
	}
	v.tx.Put(keyName(roomKey, l.User(), v.Account.device), keyBytes(m))
	return v.putParcel(&parcelFields{Kind: string(ParcelKey), Data: b})
}

// keepStoreErrors drops errors that say something about an input, and keeps those that say that the work was not done.
func keepStoreErrors(err error) error {
	switch fault.Of(err) {
	case fault.StoreFailed, fault.StoreConflict, fault.Canceled, fault.DestroyedKey, fault.Damaged, 0:
		return err
	}
	return nil
}
