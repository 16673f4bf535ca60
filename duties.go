package sotto

import (
	"crypto/sha256"
	"errors"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/internal/wire"
)

// duties are what this device still has to do about other devices of its user, one for each, by H(device ID). They are
// kept because an app may end at any moment, and a device that was let in by half must not stay.
var duties = queue.Queue{Room: "device/duty"}

// dutyKind is what is to be done.
type dutyKind uint64

const (
	dutyLink   dutyKind = 1 // it is being linked: revoke it when the time is over
	dutyRevoke dutyKind = 2 // revoke it
	dutyShare  dutyKind = 3 // it was linked: share the sessions with it
)

// duty is one of them as it is stored.
type duty struct {
	Device device.ID `cbor:"1,keyasint"`
	Kind   dutyKind  `cbor:"2,keyasint"`
	From   uint64    `cbor:"3,keyasint"` // of a link: its time, in Unix seconds
	Until  uint64    `cbor:"4,keyasint"`
}

const maxDuty = 256

func dutyID(id device.ID) queue.ID { return sha256.Sum256(id[:]) }

func readDuty(b []byte) (*duty, error) {
	d := &duty{}
	return d, wire.Unmarshal("sotto: duty", b, maxDuty, d)
}

// putDuty keeps what is to be done about a device, in place of what was to be done.
func (v *view) putDuty(d *duty) error {
	b, err := wire.Marshal(d)
	if err != nil {
		return err
	}
	_, err = duties.Put(v.tx, dutyID(d.Device), b)
	return err
}

// dutyFor returns what is to be done about a device, nil for nothing.
func (v *view) dutyFor(id device.ID) (*duty, error) {
	b, found, err := duties.Get(v.tx, dutyID(id))
	if err != nil || !found {
		return nil, err
	}
	return readDuty(b)
}

// ends reports whether the device is to be revoked now. A link is over, too, when the clock went back to before it began.
func (d *duty) ends(now time.Time) bool {
	t := uint64(max(0, now.Unix()))
	return d.Kind == dutyRevoke || d.Kind == dutyLink && (t < d.From || t >= d.Until)
}

// forgotten reports whether a link was over a day ago. Then the store may have been put back to its minutes, and the
// device may be in use for long: people decide.
func (d *duty) forgotten(now time.Time) bool {
	const day = uint64(24 * time.Hour / time.Second)
	return d.Kind == dutyLink && uint64(max(0, now.Unix())) >= d.Until+day
}

// doDuties signs the revocation of a device whose time has come. One entry is signed at a time: the next one follows
// when that has settled, and one that lost its place is signed again. asked says that a person is at it, or that the
// own log has just come: by itself nothing is signed before the server has shown what it has, because a store that was
// put back would sign twice for one place of the log.
func (v *view) doDuties(asked bool) error {
	if !asked && !v.seen && !v.Account.seen.Load() {
		return nil
	}
	me, err := v.users.User(v.tx, v.Account.user)
	if err != nil || me == nil {
		return err
	}
	all, err := duties.All(v.tx)
	if err != nil {
		return err
	}
	for _, b := range all {
		d, err := readDuty(b)
		if err != nil {
			return err
		}
		if !d.ends(v.now()) {
			continue
		}
		if d.forgotten(v.now()) {
			v.notices = append(v.notices, Event{Kind: KindDeviceAdded, User: v.Account.user, Device: d.Device, Why: fault.Expired})
			if err := errors.Join(duties.Drop(v.tx, dutyID(d.Device)), v.keepNotices()); err != nil {
				return err
			}
			continue
		}
		if err := v.endDevice(me.Log, me.Forked, d); err != nil {
			return err
		}
	}
	return nil
}

// endDevice signs the revocation of a device if that can be done now. What is over is no duty any more.
func (v *view) endDevice(l *device.Log, forked bool, d *duty) error {
	keys, err := v.keys()
	if err != nil {
		return err
	}
	pending := keys.Pending()
	r, active := l.Device(d.Device)
	if d.Kind == dutyLink { // who finishes the link now comes too late
		d.Kind = dutyRevoke
		if err := v.putDuty(d); err != nil {
			return err
		}
	}
	switch {
	case r != nil && !active:
		return duties.Drop(v.tx, dutyID(d.Device))
	case pending == nil && r == nil: // the entry that was to admit it lost its place: it never was a device
		return duties.Drop(v.tx, dutyID(d.Device))
	case pending != nil || forked || l.Standing(keys.Record().Cert()) != nil:
		return nil // later, or never: whoever is revoked revokes nobody
	}
	return v.changeKeys(func(k *device.Keys) error {
		_, err := l.Revoke(k, d.Device, v.now())
		return err
	})
}
