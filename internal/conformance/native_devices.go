package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// nativeDevice is a device with its private keys.
type nativeDevice struct {
	User      string `json:"user"`
	ID        octets `json:"device_id"`
	Suite     uint64 `json:"suite"`
	Seed      octets `json:"sign_seed"`
	Public    octets `json:"sign_pub"`
	Record    octets `json:"record_cose_sign1"`
	Cert      octets `json:"cert_id"`
	X25519    octets `json:"msg_priv"`
	X25519Pub octets `json:"msg_pub"`
	XWing     octets `json:"xwing_seed,omitempty"` // of a device of suite 2
	XWingPub  octets `json:"xwing_pub,omitempty"`
	DeviceKey octets `json:"device_key_cose_sign1"`
	KeyID     octets `json:"key_id"`
}

func (n *nativeFile) runDevices(s *suite, _ []byte) error {
	if len(n.devices) == 0 {
		return errors.New("no device")
	}
	for _, name := range slices.Sorted(maps.Keys(n.devices)) {
		d := n.devices[name]
		s.check(name+": record", func() (string, error) { return "", d.checkRecord() })
		s.check(name+": device-key", func() (string, error) { return "", n.checkDeviceKey(d) })
	}
	return nil
}

// checkRecord reads the record and makes it anew.
func (d *nativeDevice) checkRecord() error {
	r, err := device.ParseRecord(d.User, d.Record)
	if err != nil {
		return err
	}
	id, cert := r.ID(), r.Cert()
	again, err := d.signRecord(d.Suite, uint64(r.Created().Unix()))
	return errors.Join(err,
		equal("device ID", id[:], d.ID),
		equal("cert_id", cert[:], d.Cert),
		equal("Ed25519 key", r.Verifier().PublicKey(), d.Public),
		same("suite", uint64(r.Suite()), d.Suite),
		equal("record made anew", again, d.Record))
}

// signRecord makes a record of the device.
func (d *nativeDevice) signRecord(suite, created uint64) ([]byte, error) {
	public, err := publicOf(d.Seed)
	if err != nil {
		return nil, err
	}
	return signRecord(d.Seed, recordForm{User: d.User, ID: d.ID, Ed25519: public, Suite: suite, Created: created})
}

// checkDeviceKey makes the device-key anew and has it accepted.
func (n *nativeFile) checkDeviceKey(d *nativeDevice) error {
	var f deviceKeyForm
	if _, err := readForm(d.DeviceKey, &f); err != nil {
		return err
	}
	payload, err := wire.Marshal(f)
	if err != nil {
		return err
	}
	if f.X25519, f.XWing, err = messagingKeys(d.X25519, d.XWing); err != nil {
		return err
	}
	f.Cert = d.Cert
	again, err := signForm(d.Seed, d.Cert, f)
	return errors.Join(err,
		equal("X25519 key", f.X25519, d.X25519Pub),
		equal("key_id", hashOf(payload)[:len(device.KeyID{})], d.KeyID),
		equal("device-key made anew", again, d.DeviceKey),
		n.acceptDeviceKey(d, f))
}

// acceptDeviceKey has the device-key accepted by the log in which it names the newest entry. Of some users the file has no
// log: there the key claims to know more than a log of this one device, and the same key without that claim is accepted.
func (n *nativeFile) acceptDeviceKey(d *nativeDevice, f deviceKeyForm) error {
	whole, updated, err := n.verifyLogs()
	if err != nil {
		return err
	}
	for _, l := range []*device.Log{whole, updated} {
		at, err := l.At(f.Seq)
		if err != nil || l.User() != d.User {
			continue
		}
		if head := at.Pin().Head; bytes.Equal(head[:], f.Head) {
			return d.accepted(at, d.DeviceKey, f.Gen)
		}
	}
	l, err := d.logOfOne(f.Issued)
	if err != nil {
		return err
	}
	if _, err := l.AcceptKey(deviceID(d.ID), d.DeviceKey, nil); fault.Of(err) != fault.TooFarAhead {
		return fmt.Errorf("device-key that names an unknown log entry: %v, want %w", err, fault.TooFarAhead)
	}
	head := l.Pin().Head
	f.Seq, f.Head = 0, head[:]
	claimless, err := signForm(d.Seed, d.Cert, f)
	if err != nil {
		return err
	}
	return d.accepted(l, claimless, f.Gen)
}

// logOfOne is a log in which the device stands alone.
func (d *nativeDevice) logOfOne(issued uint64) (*device.Log, error) {
	root, err := signForm(d.Seed, d.Cert, entryForm{
		User: d.User, Prev: make([]byte, len(device.Hash{})), Arg: (*[]byte)(&d.Record), Issued: issued,
	})
	if err != nil {
		return nil, err
	}
	return device.Verify(d.User, [][]byte{root})
}

// accepted compares what a log accepts of a device-key.
func (d *nativeDevice) accepted(l *device.Log, deviceKey []byte, gen uint64) error {
	m, err := l.AcceptKey(deviceID(d.ID), deviceKey, nil)
	if err != nil {
		return err
	}
	cert := m.Cert()
	return errors.Join(
		equal("cert_id of the device-key", cert[:], d.Cert),
		same("generation", m.Seen().Gen, gen),
		sameMessagingKey(m, d.X25519Pub, d.XWingPub))
}
