package device

import (
	"fmt"

	"github.com/sottokit/sotto/fault"
)

// ActiveAt returns the record of that ID if it was the present one of an active device after the entry of a pin, whatever
// became of it since: to check what was signed under it then. A log that does not have the pin has the errors of Holds. A
// device that was ended by then is fault.RevokedDevice; a record that is unknown, that came later or that had been replaced
// is fault.UntrustedSigner.
func (l *Log) ActiveAt(c CertID, p Pin) (*Record, error) {
	if err := l.Holds(p); err != nil {
		return nil, err
	}
	at, known := l.certs[c]
	if !known {
		return nil, fmt.Errorf("device: no record of this log: %w", fault.UntrustedSigner)
	}
	m := l.members[at]
	if m.admitted > p.Seq {
		return nil, fmt.Errorf("device: record that came later: %w", fault.UntrustedSigner)
	}
	if m.ended > 0 && m.ended <= p.Seq {
		return nil, fmt.Errorf("device: record of a device that had been revoked: %w", fault.RevokedDevice)
	}
	was := m.current
	for was.seq > p.Seq {
		was = was.before
	}
	if was.record.cert != c {
		return nil, fmt.Errorf("device: record that was not the present one: %w", fault.UntrustedSigner)
	}
	return was.record, nil
}
