package conformance

import (
	"errors"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/safetynumber"
)

// sottoNumberOfLogs is the number of two users whose logs and messaging keys are there: the keys are none of it.
type sottoNumberOfLogs struct {
	Inputs struct {
		Me   userWithKeys `json:"me"`
		Peer userWithKeys `json:"peer"`
	} `json:"inputs"`
	Outputs struct {
		Digits string `json:"digits"`
	} `json:"outputs"`
}

type userWithKeys struct {
	User       string   `json:"user"`
	Entries    []octets `json:"entries"`
	DeviceKeys []octets `json:"device_keys"` // of each active device
}

// log verifies the log, and that it accepts the device-keys.
func (u *userWithKeys) log() (*device.Log, error) {
	l, err := device.Verify(u.User, plain(u.Entries))
	if err != nil {
		return nil, err
	}
	for _, b := range u.DeviceKeys {
		var f deviceKeyForm
		if _, err := readForm(b, &f); err != nil {
			return nil, err
		}
		r, err := l.Find(device.CertID(hashFrom(f.Cert)))
		if err != nil {
			return nil, err
		}
		if _, err := l.AcceptKey(r.ID(), b, nil); err != nil {
			return nil, err
		}
	}
	return l, same("number of device-keys", len(u.DeviceKeys), len(l.Active()))
}

func (c *sottoNumberOfLogs) read() error {
	me, err1 := c.Inputs.Me.log()
	peer, err2 := c.Inputs.Peer.log()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	n, err := safetynumber.New(partyOf(me), partyOf(peer))
	if err != nil {
		return err
	}
	return same("digits", n.Digits(), c.Outputs.Digits)
}

// write has nothing to make: numbers and logs are made in cases of their own.
func (c *sottoNumberOfLogs) write() error { return nil }

// partyOf is the user of a log, with the devices that are active at its end.
func partyOf(l *device.Log) safetynumber.Party {
	p := safetynumber.Party{User: l.User(), Root: l.Pin().Root}
	for _, r := range l.Active() {
		p.Devices = append(p.Devices, safetynumber.Device{ID: r.ID(), Signing: [32]byte(r.Verifier().PublicKey())})
	}
	return p
}
