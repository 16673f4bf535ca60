package conformance

import (
	"errors"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/session"
)

// sottoSessionRequest asks for the key of a session.
type sottoSessionRequest struct {
	Inputs struct {
		User      string    `json:"user"`
		Log       []octets  `json:"log"`
		Seen      *seenForm `json:"seen,omitempty"`
		Session   octets    `json:"session"`
		Issued    uint64    `json:"issued"`
		Seed      octets    `json:"seed"`
		Cert      octets    `json:"cert_id"`
		State     octets    `json:"state"` // of the device that asks
		DeviceKey octets    `json:"device_key"`
	} `json:"inputs"`
	Outputs struct {
		KeyID   octets `json:"key_id"`
		Request octets `json:"request"`
	} `json:"outputs"`
}

func (c *sottoSessionRequest) read() error {
	in, out := &c.Inputs, &c.Outputs
	l, err := device.Verify(in.User, plain(in.Log))
	if err != nil {
		return err
	}
	r, err := session.ReadRequest(out.Request, l, in.Seen.seen())
	if err != nil {
		return err
	}
	user, err := session.RequestUser(out.Request)
	cert, id := r.From.Cert(), r.Key.ID()
	return errors.Join(err,
		same("claimed user", user, in.User),
		same("user", r.User, in.User),
		equal("session", r.Session[:], in.Session),
		equal("record of who asks", cert[:], in.Cert),
		equal("key ID", id[:], out.KeyID),
		equal("device-key", r.Key.Bytes(), in.DeviceKey))
}

func (c *sottoSessionRequest) write() error {
	in := &c.Inputs
	b, err := signForm(in.Seed, in.Cert, requestForm{in.User, in.Session, in.DeviceKey, in.Issued})
	if err != nil {
		return err
	}
	keys, err := device.ParseKeys(in.State)
	if err != nil {
		return err
	}
	defer keys.Destroy()
	have, err := session.Ask(keys, session.Prefix(keyID(in.Session)), time.Unix(int64(in.Issued), 0))
	return errors.Join(err,
		equal("request made anew", b, c.Outputs.Request),
		equal("request that sotto makes", have, c.Outputs.Request))
}
