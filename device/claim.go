package device

import (
	"fmt"

	"github.com/sottokit/sotto/fault"
)

// What an object says of itself before it is verified: enough to find the log to hold it against, and good for nothing
// else.

// EntryClaim returns whose log an entry claims to be of, and at which place.
func EntryClaim(entry []byte) (user string, seq uint64, err error) {
	e, err := readEntry(entry)
	if err != nil {
		return "", 0, err
	}
	return e.User, e.Seq, nil
}

// KeyClaim returns the record that a device-key claims to hang on, and what would be remembered of it.
func KeyClaim(deviceKey []byte) (CertID, Seen, error) {
	m, _, err := readMessagingKey(deviceKey)
	if err != nil {
		return CertID{}, Seen{}, err
	}
	return m.fields.Cert, m.Seen(), nil
}

// AddClaim tells what an entry that adds a device says of itself: the record of the device that signed it, the record that
// it brings in, and the entry before it. Only a log that has the entry makes any of it true. An entry of another kind is
// fault.Malformed.
func AddClaim(entry []byte) (by CertID, record []byte, prev Hash, err error) {
	e, err := readEntry(entry)
	if err != nil {
		return by, nil, prev, err
	}
	if e.Op != opAdd || e.Arg == nil || len(e.kid) != len(by) {
		return by, nil, prev, fmt.Errorf("device: log entry: adds no device: %w", fault.Malformed)
	}
	return CertID(e.kid), *e.Arg, e.Prev, nil
}

// RevokeClaim tells which record an entry that revokes a device names. An entry of another kind is fault.Malformed.
func RevokeClaim(entry []byte) (CertID, error) {
	e, err := readEntry(entry)
	if err != nil {
		return CertID{}, err
	}
	if e.Op != opRevoke {
		return CertID{}, fmt.Errorf("device: log entry: revokes no device: %w", fault.Malformed)
	}
	c, err := e.revoked()
	if err != nil {
		return CertID{}, fmt.Errorf("device: log entry: %w", err)
	}
	return c, nil
}
