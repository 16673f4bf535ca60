package conformance

import (
	"errors"

	"github.com/sottokit/sotto/device"
)

// sottoDeviceKinds are the kinds of cases about devices. The map is written nowhere.
var sottoDeviceKinds = sottoKinds{
	"record":       sottoForm[sottoRecord],
	"device_key":   sottoForm[sottoDeviceKey],
	"registration": sottoForm[sottoRegistration],
	"device_log":   sottoForm[sottoLog],
	"extension":    sottoForm[sottoExtension],
	"pinned_log":   sottoForm[sottoPinned],
	"roster":       sottoForm[sottoRoster],
	"device_state": sottoForm[sottoState],
}

// sottoRecord is what a device says of itself.
type sottoRecord struct {
	Inputs struct {
		User    string `json:"user"`
		ID      octets `json:"device_id"`
		Seed    octets `json:"seed"`
		Suite   uint64 `json:"suite"`
		Created uint64 `json:"created"`
	} `json:"inputs"`
	Outputs struct {
		Public octets `json:"public"`
		Cert   octets `json:"cert_id"`
		Record octets `json:"record"`
	} `json:"outputs"`
}

func (c *sottoRecord) read() error {
	r, err := device.ParseRecord(c.Inputs.User, c.Outputs.Record)
	if err != nil {
		return err
	}
	id, cert := r.ID(), r.Cert()
	return errors.Join(
		same("user", r.User(), c.Inputs.User),
		equal("device ID", id[:], c.Inputs.ID),
		equal("Ed25519 key", r.Verifier().PublicKey(), c.Outputs.Public),
		equal("key ID of the signer", r.Verifier().KeyID(), c.Outputs.Cert),
		same("suite", uint64(r.Suite()), c.Inputs.Suite),
		same("time", uint64(r.Created().Unix()), c.Inputs.Created),
		equal("cert_id", cert[:], c.Outputs.Cert))
}

func (c *sottoRecord) write() error {
	in := &c.Inputs
	public, err := publicOf(in.Seed)
	if err != nil {
		return err
	}
	record, err := signRecord(in.Seed, recordForm{in.User, in.ID, public, in.Suite, in.Created})
	return errors.Join(err, equal("record made anew", record, c.Outputs.Record))
}

// sottoDeviceKey is a device's messaging key, held against the log of its user.
type sottoDeviceKey struct {
	Inputs struct {
		User   string    `json:"user"`
		ID     octets    `json:"device_id"`
		Log    []octets  `json:"log"`
		Seen   *seenForm `json:"seen,omitempty"` // the newest key that was accepted before
		Seed   octets    `json:"seed"`
		Gen    uint64    `json:"gen"`
		X25519 octets    `json:"x25519_private"`
		XWing  octets    `json:"xwing_seed,omitempty"` // in suite 2
		Issued uint64    `json:"issued"`
		Seq    uint64    `json:"seq"`
		Head   octets    `json:"head"`
	} `json:"inputs"`
	Outputs struct {
		Cert      octets `json:"cert_id"`
		KeyID     octets `json:"key_id"`
		X25519    octets `json:"x25519_public"`
		XWing     octets `json:"xwing_public,omitempty"`
		DeviceKey octets `json:"device_key"`
	} `json:"outputs"`
}

type seenForm struct {
	Gen   uint64 `json:"gen"`
	KeyID octets `json:"key_id"`
}

// seen is nil for nothing.
func (s *seenForm) seen() *device.Seen {
	if s == nil {
		return nil
	}
	return &device.Seen{Gen: s.Gen, ID: keyID(s.KeyID)}
}

func (c *sottoDeviceKey) read() error {
	l, err := device.Verify(c.Inputs.User, plain(c.Inputs.Log))
	if err != nil {
		return err
	}
	m, err := l.AcceptKey(deviceID(c.Inputs.ID), c.Outputs.DeviceKey, c.Inputs.Seen.seen())
	if err != nil {
		return err
	}
	cert, id := m.Cert(), m.ID()
	return errors.Join(
		equal("cert_id", cert[:], c.Outputs.Cert),
		equal("key_id", id[:], c.Outputs.KeyID),
		same("what is remembered", m.Seen(), device.Seen{Gen: c.Inputs.Gen, ID: id}),
		sameMessagingKey(m, c.Outputs.X25519, c.Outputs.XWing))
}

func (c *sottoDeviceKey) write() error {
	in := &c.Inputs
	x25519, xwing, err := messagingKeys(in.X25519, in.XWing)
	if err != nil {
		return err
	}
	b, err := signForm(in.Seed, c.Outputs.Cert, deviceKeyForm{
		Cert: c.Outputs.Cert, Gen: in.Gen, X25519: x25519, XWing: xwing, Issued: in.Issued, Seq: in.Seq, Head: in.Head,
	})
	return errors.Join(err, equal("device-key made anew", b, c.Outputs.DeviceKey))
}
