package device

import (
	"fmt"

	"github.com/sottokit/sotto/fault"
)

// RosterAt makes the roster of a conversation from the logs of its users as they were at heads, which ascend by user. The
// logs may be longer. A log that is missing or ends before its head is fault.TooFarAhead: fetch it. What else does not fit
// has the errors of Holds; heads out of order, or none, are fault.Malformed, too many users or devices fault.OverLimit. A
// log under the name of another user is fault.Misuse.
func RosterAt(conversation Hash, epoch uint64, heads []Head, logs map[string]*Log) (*Roster, error) {
	if len(heads) == 0 || epoch > maxInt {
		return nil, fmt.Errorf("device: roster of %d heads: %w", len(heads), fault.Malformed)
	}
	if len(heads) > MaxHeads {
		return nil, fmt.Errorf("device: roster of %d users: %w", len(heads), fault.OverLimit)
	}
	r := newRoster()
	for i, h := range heads {
		if i > 0 && heads[i-1].User >= h.User {
			return nil, fmt.Errorf("device: roster: heads do not ascend by user: %w", fault.Malformed)
		}
		l := logs[h.User]
		if err := l.Holds(h.Pin); err != nil {
			return nil, err
		}
		if l.user != h.User {
			return nil, fmt.Errorf("device: roster: log of another user: %w", fault.Misuse)
		}
		r.add(l, h.Pin)
	}
	if err := r.finish(conversation, epoch); err != nil {
		return nil, err
	}
	return r, nil
}

// activeAt yields the records of the devices that were active after entry seq.
func (l *Log) activeAt(seq uint64) func(yield func(*Record) bool) {
	return func(yield func(*Record) bool) {
		for _, m := range l.members {
			if m.admitted > seq {
				return // members stand in order of admission
			}
			if m.ended > 0 && m.ended <= seq {
				continue
			}
			was := m.current
			for was.seq > seq {
				was = was.before
			}
			if !yield(was.record) {
				return
			}
		}
	}
}

// changedAt is the newest entry up to seq that brought in or renewed a device, of those that are gone, too. Where the devices
// are the same again, one that was ended since was brought in since.
func (l *Log) changedAt(seq uint64) (newest uint64) {
	for _, m := range l.members {
		if m.admitted > seq {
			break
		}
		was := m.current
		for was.seq > seq {
			was = was.before
		}
		newest = max(newest, was.seq)
	}
	return newest
}

// Holds reports that the log has the entry of a pin: nil if entry p.Seq is p.Head and the root p.Root. Another root is
// fault.IdentityChanged, a log that does not go that far fault.TooFarAhead, another entry in that place
// fault.UntrustedSigner: that there is such an entry is only a claim, and a claim is never a fork.
func (l *Log) Holds(p Pin) error {
	switch {
	case l == nil || len(l.hashes) == 0:
		return fmt.Errorf("device: no log at hand: %w", fault.TooFarAhead)
	case l.hashes[0] != p.Root:
		return fmt.Errorf("device: log with another root: %w", fault.IdentityChanged)
	case p.Seq >= uint64(len(l.hashes)):
		return fmt.Errorf("device: entry %d of a log of %d: %w", p.Seq, len(l.hashes), fault.TooFarAhead)
	case l.hashes[p.Seq] != p.Head:
		return fmt.Errorf("device: another entry %d than the one held: %w", p.Seq, fault.UntrustedSigner)
	}
	return nil
}

// Known returns the record of that ID if it ever was in the log, also when it was replaced or its device revoked: to check
// what was signed under it then.
func (l *Log) Known(c CertID) (*Record, bool) {
	at, known := l.certs[c]
	if !known {
		return nil, false
	}
	was := l.members[at].current
	for was.record.cert != c {
		was = was.before
	}
	return was.record, true
}

// Standing reports whether a device still speaks for its user: nil if the record of that ID, present or replaced by an
// update, is of an active device. A device that was revoked is fault.RevokedDevice, an unknown one fault.UntrustedSigner.
func (l *Log) Standing(c CertID) error {
	at, known := l.certs[c]
	if !known {
		return fmt.Errorf("device: no record of this log: %w", fault.UntrustedSigner)
	}
	if l.members[at].ended > 0 {
		return fmt.Errorf("device: record of a revoked device: %w", fault.RevokedDevice)
	}
	return nil
}
