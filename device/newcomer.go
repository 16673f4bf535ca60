package device

import (
	"fmt"

	"github.com/sottokit/sotto/fault"
)

// What is asked about a device before it is in its user's log: package link does, before anything is signed for it.

// CheckNew tells what Add would refuse a record with: a user ID, a device ID or a key that does not fit, too many
// active devices, or a log that is full. nil is a record that the log would take.
func (l *Log) CheckNew(r *Record) error {
	switch {
	case l == nil || r == nil || l.user != r.fields.User:
		return fmt.Errorf("device: no record of a device of this user: %w", fault.UntrustedSigner)
	case len(l.hashes) == MaxEntries:
		return fmt.Errorf("device: the log is full: %w", fault.OverLimit)
	}
	if err := l.checkNew(r); err != nil {
		return fmt.Errorf("device: new device: %w", err)
	}
	return nil
}

// VerifyKey verifies a device-key that hangs on a record which is in no log yet. Its device must have made it looking
// at exactly that end of the user's log; the pin's root is not compared, because a device-key does not name it. Once
// the record is in the log AcceptKey is for device-keys.
//
// A device-key of another record, or one that names another place, is fault.UntrustedSigner; the other errors are those
// of AcceptKey.
func (r *Record) VerifyKey(deviceKey []byte, at Pin) (*MessagingKey, error) {
	if r == nil || r.verifier == nil {
		return nil, fmt.Errorf("device: no record: %w", fault.Misuse)
	}
	m, s, err := readMessagingKey(deviceKey)
	if err != nil {
		return nil, err
	}
	if m.fields.Cert != r.cert {
		return nil, fmt.Errorf("device: device-key of another record: %w", fault.UntrustedSigner)
	}
	if err := s.verify("device-key", r.verifier, deviceKeyContext(r.cert)); err != nil {
		return nil, err
	}
	if m.fields.Seq != at.Seq || m.fields.Head != at.Head {
		return nil, fmt.Errorf("device: device-key made at another end of the log: %w", fault.UntrustedSigner)
	}
	if err := m.checkSuite(r); err != nil {
		return nil, fmt.Errorf("device: device-key: %w", err)
	}
	return m, nil
}
