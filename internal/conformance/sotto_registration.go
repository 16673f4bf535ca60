package conformance

import (
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
)

// sottoRegistration is a device's answer to a challenge, which the server checks.
type sottoRegistration struct {
	Inputs struct {
		User   string   `json:"user"`
		Server string   `json:"server"`
		Nonce  octets   `json:"nonce"`
		Made   int64    `json:"made"`
		Now    int64    `json:"now"`
		Checks int      `json:"checks"` // how often the server checks an answer to this challenge
		Log    []octets `json:"log"`
		Seed   octets   `json:"seed"`
		Entry  int      `json:"entry"` // the number of the log entry that brought the record in
		Issued uint64   `json:"issued"`
	} `json:"inputs"`
	Outputs struct {
		Cert         octets `json:"cert_id"`
		Record       octets `json:"record"`
		DeviceKey    octets `json:"device_key"`
		Registration octets `json:"registration"`
	} `json:"outputs"`
}

// maxChecks is more than any case needs.
const maxChecks = 4

func (c *sottoRegistration) read() error {
	in := &c.Inputs
	l, err := device.Verify(in.User, plain(in.Log))
	if err != nil {
		return err
	}
	challenge := device.Challenge{Server: in.Server, User: in.User, Made: time.Unix(in.Made, 0)}
	if copy(challenge.Nonce[:], in.Nonce) != len(in.Nonce) || in.Checks < 1 || in.Checks > maxChecks {
		return fmt.Errorf("nonce of %d bytes, %d checks", len(in.Nonce), in.Checks)
	}
	var got *device.Registered
	for range in.Checks {
		got, err = challenge.Check(c.Outputs.Registration, l, time.Unix(in.Now, 0))
	}
	if err != nil {
		return err
	}
	cert := got.Record.Cert()
	return errors.Join(
		equal("cert_id", cert[:], c.Outputs.Cert),
		equal("record", got.Record.Bytes(), c.Outputs.Record),
		equal("device-key", got.Key.Bytes(), c.Outputs.DeviceKey))
}

func (c *sottoRegistration) write() error {
	in, out := &c.Inputs, &c.Outputs
	if in.Entry < 0 || in.Entry >= len(in.Log) {
		return fmt.Errorf("no log entry %d", in.Entry)
	}
	b, err := signForm(in.Seed, out.Cert, registrationForm{
		out.Record, in.Nonce, in.Server, in.Issued, hashOf(in.Log[in.Entry]), out.DeviceKey,
	})
	return errors.Join(err, equal("registration made anew", b, out.Registration))
}
