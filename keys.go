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

// roomLeft keeps, by the record of a device, the sessions that it was left out of because it had no messaging key.
const roomLeft = "left"

// acceptKey keeps a device-key that fits, and keeps one that is ahead of the log until that has grown: nothing is sealed to
// its user meanwhile.
func (v *view) acceptKey(l *device.Log, id device.ID, deviceKey []byte) error {
	if id == v.Account.device {
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
	return v.repairLeft(m)
}

// ownKey takes what the server shows as the key of this device.
func (v *view) ownKey(l *device.Log, deviceKey []byte) error {
	// Nothing is compared with what was seen: this device knows its keys, and what it does not know is newer, or older than
	// what it keeps.
	m, err := l.AcceptKey(v.Account.device, deviceKey, nil)
	if errors.Is(err, fault.TooFarAhead) {
		directory.Wait(v.tx, l, v.Account.device, deviceKey)
	}
	if err != nil {
		return err
	}
	return v.recognizeKey(l, m)
}

// recognizeKey looks whether this device made a key. Another one than its own, of the present generation or a later one, was
// made in a time that the store does not know.
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
	m, err := l.AcceptKey(v.Account.device, b, nil)
	if err != nil {
		return err
	}
	directory.Put(v.tx, l, v.Account.device, m)
	return v.putParcel(&parcelFields{Kind: string(ParcelKey), Data: b})
}

// repairLeft seals sessions to a device that was left out of them.
func (v *view) repairLeft(m *device.MessagingKey) error {
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
