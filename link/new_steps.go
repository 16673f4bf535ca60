package link

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/linking"
)

// Join says that the person wants to join User's account, and makes the keys of this device. send is the first message to
// the old device. A suite that is none is fault.Misuse, and ends nothing.
func (n *New) Join(suite device.Suite, now time.Time) (send []byte, err error) {
	err = n.common().in(Asking, now, func() error {
		keys, err := device.Generate(n.user, suite, now)
		if err != nil {
			return fmt.Errorf("link: %w", err)
		}
		send = n.join(keys)
		return nil
	})
	return send, err
}

// JoinAs is Join with the keys of a device of User that is in no log yet, for test vectors. They belong to the attempt. Keys
// of another user, and none, are fault.Misuse.
func (n *New) JoinAs(keys *device.Keys, now time.Time) (send []byte, err error) {
	err = n.common().in(Asking, now, func() error {
		if keys == nil || keys.Record() == nil || keys.Record().User() != n.user {
			return fmt.Errorf("link: no keys of a device of this user: %w", fault.Misuse)
		}
		send = n.join(keys)
		return nil
	})
	return send, err
}

func (n *New) join(keys *device.Keys) (send []byte) {
	n.keys = keys
	n.state, n.due = Waiting, n.proofCame
	return n.hello
}

// Served takes the user's log as the server has it now, verified from its first entry on (device.Verify).
//
// The first time it must end exactly where the old device said that it does, with the old device active in it; send is then
// this device's record and its first device-key, for the old device. The second time it must have the entry that the old
// device signed for this one; the device belongs to the user then, and send is nil.
//
// A log that does not reach that far yet ends nothing: it is fault.Rollback the first time and fault.TooFarAhead the second,
// and is fetched again. Neither does the log of another user, fault.Misuse. Everything else is the end: another root is
// fault.IdentityChanged, another entry fault.LogFork, a log that was longer already at first fault.TooFarAhead; an old device
// that is not in it, or not any more, is fault.UntrustedSigner or fault.RevokedDevice.
func (n *New) Served(l *device.Log, now time.Time) (send []byte, err error) {
	err = n.common().in(Fetching, now, func() error {
		if l == nil || l.User() != n.user {
			return fmt.Errorf("link: log of another user: %w", fault.Misuse)
		}
		if n.admission == nil {
			send, err = n.compare(l, now)
		} else {
			err = n.admitted(l)
		}
		return err
	})
	return send, err
}

// refuse ends the attempt by what the log is.
func (n *New) refuse(what string, err error) error {
	n.end(Aborted)
	return fmt.Errorf("link: %s: %w", what, err)
}

// compare holds the log against M3, and makes M4.
func (n *New) compare(l *device.Log, now time.Time) (m4 []byte, err error) {
	pin := l.Pin()
	if pin.Root != n.pin.Root {
		return nil, n.refuse("log with another first entry than the old device's", fault.IdentityChanged)
	}
	if pin.Seq < n.pin.Seq {
		return nil, fmt.Errorf("link: log ends at entry %d, the old device's at %d: %w", pin.Seq, n.pin.Seq, fault.Rollback)
	}
	then, err := l.At(n.pin.Seq)
	if err != nil {
		return nil, n.refuse("log", err) // unreachable: it is long enough
	}
	if then.Pin() != n.pin {
		return nil, n.refuse("log with another entry than the old device's", fault.LogFork)
	}
	if pin != n.pin {
		return nil, n.refuse("log that goes on after what the old device knows", fault.TooFarAhead)
	}
	if _, err := l.Find(n.old); err != nil {
		return nil, n.refuse("old device", err)
	}
	deviceKey, err := n.keys.Rotate(l, nil, now)
	if err != nil {
		return nil, n.refuse("device-key", err)
	}
	if m4, err = n.channel.Seal(&linking.M4{Record: n.keys.Record().Bytes(), DeviceKey: deviceKey}); err != nil {
		return nil, n.refuse("M4", err)
	}
	n.state, n.due = Waiting, n.admissionCame
	return m4, nil
}

// admitted holds the log against M5. The log was verified, so its entry was signed by whom it names.
func (n *New) admitted(l *device.Log) error {
	if l.Pin().Root != n.pin.Root {
		return n.refuse("log with another first entry than before", fault.IdentityChanged)
	}
	then, err := l.At(n.pin.Seq + 1)
	if err != nil {
		return fmt.Errorf("link: log without the entry for this device: %w", err)
	}
	if then.Pin().Head != sha256.Sum256(n.admission.Entry) {
		return n.refuse("log with another entry in the place of the one for this device", fault.LogFork)
	}
	if _, err := l.Find(n.keys.Record().Cert()); err != nil {
		return n.refuse("this device", err)
	}
	n.log, n.state = l, Registering
	return nil
}

// Registered says that the server took this device's registration, which is the argument. send is the last message to the old
// device, and this one is Linked. No registration, or one over its limit, is fault.Misuse.
func (n *New) Registered(registration []byte, now time.Time) (send []byte, err error) {
	err = n.common().in(Registering, now, func() error {
		if len(registration) == 0 || len(registration) > device.MaxRegistration {
			return fmt.Errorf("link: registration of %d bytes: %w", len(registration), fault.Misuse)
		}
		if send, err = n.channel.Seal(&linking.M7{Registration: sha256.Sum256(registration)}); err != nil {
			return fmt.Errorf("link: %w", err)
		}
		n.state, n.due = Linked, n.choiceCame
		return nil
	})
	return send, err
}
