package conformance

import (
	"errors"

	"github.com/sottokit/sotto/device"
)

// pinForm is a pin, written in a file.
type pinForm struct {
	Root octets `json:"root"`
	Seq  uint64 `json:"seq"`
	Head octets `json:"head"`
}

func (p *pinForm) pin() device.Pin {
	return device.Pin{Root: hashFrom(p.Root), Seq: p.Seq, Head: hashFrom(p.Head)}
}

// sottoExtension is a log as a contact holds it, and what somebody serves then.
type sottoExtension struct {
	Inputs struct {
		User   string   `json:"user"`
		Held   []octets `json:"held"`
		Served []octets `json:"served"`
	} `json:"inputs"`
	Outputs pinForm `json:"outputs"` // of the log that the contact holds after it
}

func (c *sottoExtension) read() error {
	_, _, err := c.extend()
	return err
}

// extend returns the log before and after it was extended.
func (c *sottoExtension) extend() (held, after *device.Log, err error) {
	if held, err = device.Verify(c.Inputs.User, plain(c.Inputs.Held)); err != nil {
		return nil, nil, err
	}
	if after, err = held.Extend(plain(c.Inputs.Served)); err != nil {
		return nil, nil, err
	}
	return held, after, same("pin", after.Pin(), c.Outputs.pin())
}

// write goes back: what the contact held before is older than what he holds now.
func (c *sottoExtension) write() error {
	held, after, err := c.extend()
	if err != nil {
		return err
	}
	again, err := after.Extend(plain(c.Inputs.Held))
	if held.Pin() != after.Pin() {
		_, err = refusedAs("rollback", err)
		return err
	}
	if err != nil {
		return err
	}
	return same("pin", again.Pin(), held.Pin())
}

// sottoPinned is a log that was verified before.
type sottoPinned struct {
	Inputs struct {
		User string  `json:"user"`
		Pin  pinForm `json:"pin"`
	} `json:"inputs"`
	Outputs struct {
		Entries []octets `json:"entries"`
		Active  []octets `json:"active"`
	} `json:"outputs"`
}

func (c *sottoPinned) read() error {
	l, err := device.Resume(c.Inputs.User, plain(c.Outputs.Entries), c.Inputs.Pin.pin())
	if err != nil {
		return err
	}
	return sameActive(l, c.Outputs.Active)
}

// write verifies the log and takes its pin.
func (c *sottoPinned) write() error {
	l, err := device.Verify(c.Inputs.User, plain(c.Outputs.Entries))
	if err != nil {
		return err
	}
	return errors.Join(same("pin", l.Pin(), c.Inputs.Pin.pin()), sameActive(l, c.Outputs.Active))
}
