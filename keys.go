package sotto

import (
	"errors"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

const (
	roomLeft = "left"      // [CertID]: sessions that a device was left out of because it had no messaging key
	roomMade = "keys/made" // [KeyID]: nothing, for every messaging key of this device that is known
)

// acceptKey keeps a device-key that fits, and keeps one that is ahead of the log until that has grown: nothing is sealed to
// its user meanwhile.
func (v *view) acceptKey(l *device.Log, id device.ID, deviceKey []byte) error {
	if l.User() == v.Account.user && id == v.Account.Device() {
		return v.ownKey(l, deviceKey)
	}
	m, err := directory.Accept(v.tx, l, id, deviceKey)
	if err != nil || m == nil {
		return err
	}
	return v.accepted(l, m)
}

// accepted does what a new messaging key asks for: a device that was left out of sessions which this device began gets them.
func (v *view) accepted(l *device.Log, m *device.MessagingKey) error {
	own, err := v.keys()
	if err != nil {
		return err
	}
	if m.Cert() == own.Record().Cert() {
		return v.recognizeKey(l, m)
	}
	return v.repairLeft(l, m)
}

// ownKey takes what the server shows as the key of this device.
func (v *view) ownKey(l *device.Log, deviceKey []byte) error {
	// Nothing is compared with what was seen: this device knows its keys, and what it does not know is newer, or older than
	// what it keeps.
	m, err := l.AcceptKey(v.Account.Device(), deviceKey, nil)
	if errors.Is(err, fault.TooFarAhead) {
		if err := directory.Wait(v.tx, l, v.Account.Device(), deviceKey); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	v.seen = true
	v.tx.AfterCommit(func() { v.Account.seen.Store(true) })
	return v.recognizeKey(l, m)
}

// recognizeKey looks whether a key of this device is one that the store knows. Another one was made in a time that it does
// not know; that is noticed once.
func (v *view) recognizeKey(l *device.Log, m *device.MessagingKey) error {
	_, known, err := v.tx.Get(madeName(m.ID()))
	if err != nil || known {
		return err
	}
	v.tx.Put(madeName(m.ID()), nil)
	return v.renew(l, m.Bytes())
}

// madeName is where it is noted that a messaging key of this device is known.
func madeName(id device.KeyID) store.Name { return store.Name{Room: roomMade, Parts: [][]byte{id[:]}} }

// renew is for a store that was put back to an earlier state: the server shows a device-key of this device that is not
// known here, or a message came that this device sealed and that is not known here. Open sessions can be read and are not
// sent on, and a new messaging key goes above the published one.
func (v *view) renew(l *device.Log, published []byte) error {
	if err := session.Retire(v.tx); err != nil {
		return err
	}
	err := v.changeKeys(func(k *device.Keys) error { return v.rotate(k, l, published) })
	v.restored = v.restored || err == nil
	return err
}

// rotate gives this device a new messaging key above published, and puts it into the outbox in place of an older one.
func (v *view) rotate(k *device.Keys, l *device.Log, published []byte) error {
	b, err := k.Rotate(l, published, v.now())
	if err != nil {
		return err
	}
	var old []queue.ID
	err = v.each(outbox, func(p *parcelFields) error {
		if p.Kind == string(ParcelKey) {
			old = append(old, p.id())
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range old {
		if err := outbox.Drop(v.tx, id); err != nil {
			return err
		}
	}
	return v.publish(l, b)
}

// publish keeps a messaging key of this device as its newest one, and puts it into the outbox.
func (v *view) publish(l *device.Log, deviceKey []byte) error {
	m, err := l.AcceptKey(v.Account.Device(), deviceKey, nil)
	if err != nil {
		return err
	}
	directory.Put(v.tx, l, v.Account.Device(), m)
	v.tx.Put(madeName(m.ID()), nil)
	return v.putParcel(&parcelFields{Kind: string(ParcelKey), Data: deviceKey})
}

// repairLeft seals sessions to a device that was left out of them.
func (v *view) repairLeft(l *device.Log, m *device.MessagingKey) error {
	u, err := v.users.User(v.tx, l.User())
	if err != nil || u == nil {
		return err
	}
	if why, err := v.blocked(u); err != nil || why != 0 {
		return err // it goes on when the log has grown, or people have decided
	}
	name := leftName(m.Cert())
	b, found, err := v.tx.Get(name)
	if err != nil || !found {
		return err
	}
	v.tx.Delete(name)
	for id := range slices.Chunk(b, len(session.ID{})) {
		if len(id) < len(session.ID{}) {
			break
		}
		s, err := v.session(session.ID(id))
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

// repairUser seals sessions to the devices of a user that were left out of them, as far as they have keys now.
func (v *view) repairUser(l *device.Log) error {
	for _, r := range l.Active() {
		m, err := directory.Key(v.tx, l, r.ID())
		if err != nil {
			return err
		}
		if m == nil {
			continue
		}
		if err := v.repairLeft(l, m); err != nil {
			return err
		}
	}
	return nil
}

// leaveOut notes that a device has no key to seal a session to.
func (v *view) leaveOut(cert device.CertID, id session.ID) error {
	b, _, err := v.tx.Get(leftName(cert))
	if err != nil {
		return err
	}
	v.tx.Put(leftName(cert), append(b, id[:]...))
	return nil
}

func leftName(c device.CertID) store.Name { return store.Name{Room: roomLeft, Parts: [][]byte{c[:]}} }
