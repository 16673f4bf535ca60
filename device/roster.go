package device

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// Roster is the set of devices that one conversation has in one epoch: every active device of each user's log. It is
// immutable.
type Roster struct {
	_       [0]func()
	hash    Hash
	heads   []Head
	certs   []CertID // ascending
	records map[CertID]*Record
	changed map[string]uint64 // by user: the newest log entry that changed a device
	suite   Suite
}

// Head says up to where the log of a user counts.
type Head struct {
	User string
	Pin  Pin
}

// NewRoster makes the roster of a conversation from the logs of its users, as they are; Log.At makes an earlier one. No
// log, or two of one user, is fault.Misuse; more than MaxHeads users or MaxRoster devices are fault.OverLimit.
func NewRoster(conversation Hash, epoch uint64, logs ...*Log) (*Roster, error) {
	if len(logs) == 0 || epoch > maxInt {
		return nil, fmt.Errorf("device: roster of %d logs: %w", len(logs), fault.Misuse)
	}
	if len(logs) > MaxHeads {
		return nil, fmt.Errorf("device: roster of %d users: %w", len(logs), fault.OverLimit)
	}
	r := newRoster()
	for _, l := range logs {
		if l == nil || len(l.hashes) == 0 {
			return nil, fmt.Errorf("device: roster with a log that is none: %w", fault.Misuse)
		}
		r.add(l, l.Pin())
	}
	if err := r.finish(conversation, epoch); err != nil {
		return nil, err
	}
	slices.SortFunc(r.heads, func(a, b Head) int { return strings.Compare(a.User, b.User) })
	for i := range r.heads[1:] {
		if r.heads[i].User == r.heads[i+1].User {
			return nil, fmt.Errorf("device: roster with a user twice: %w", fault.Misuse)
		}
	}
	return r, nil
}

func newRoster() *Roster {
	return &Roster{records: map[CertID]*Record{}, changed: map[string]uint64{}, suite: Hybrid}
}

// add takes in a log as it was at one of its entries.
func (r *Roster) add(l *Log, at Pin) {
	r.heads = append(r.heads, Head{l.user, at})
	r.changed[l.user] = l.changedAt(at.Seq)
	for record := range l.activeAt(at.Seq) {
		r.certs = append(r.certs, record.cert)
		r.records[record.cert] = record
		r.suite = min(r.suite, record.fields.Suite)
	}
}

// finish completes the roster when every log was added.
func (r *Roster) finish(conversation Hash, epoch uint64) error {
	if len(r.certs) > MaxRoster {
		return fmt.Errorf("device: roster of %d devices: %w", len(r.certs), fault.OverLimit)
	}
	if len(r.certs) == 0 {
		r.suite = 0
	}
	slices.SortFunc(r.certs, func(a, b CertID) int { return bytes.Compare(a[:], b[:]) })
	r.hash = r.sum(conversation, epoch)
	return nil
}

// sum is H(["sotto/v1.roster", conversation, epoch, [CertID, …]]).
func (r *Roster) sum(conversation Hash, epoch uint64) Hash {
	b := wire.AppendText(wire.AppendHead(nil, wire.MajorArray, 4), wire.LabelRoster)
	b = wire.AppendBytes(b, conversation[:])
	b = wire.AppendHead(b, wire.MajorUint, epoch)
	b = wire.AppendHead(b, wire.MajorArray, uint64(len(r.certs)))
	for _, c := range r.certs {
		b = wire.AppendBytes(b, c[:])
	}
	return hash(b)
}

// String tells how many users and devices there are.
func (r *Roster) String() string {
	return fmt.Sprintf("roster of %d users, %d devices", len(r.heads), len(r.certs))
}

// Hash stands for the conversation, the epoch and every device.
func (r *Roster) Hash() Hash { return r.hash }

// Version stands for the same and for every change that led there: when a device came and went again, the Hash is what it
// was before, and the Version is not.
func (r *Roster) Version() Hash {
	b := wire.AppendBytes(wire.AppendHead(nil, wire.MajorArray, 2), r.hash[:])
	b = wire.AppendHead(b, wire.MajorArray, uint64(len(r.heads)))
	for _, h := range r.heads {
		b = wire.AppendHead(b, wire.MajorUint, r.changed[h.User])
	}
	return hash(b)
}

// Heads returns up to where each user's log counts, ascending by user ID.
func (r *Roster) Heads() []Head { return slices.Clone(r.heads) }

// Certs returns the IDs of all records, ascending.
func (r *Roster) Certs() []CertID { return slices.Clone(r.certs) }

// Suite returns the highest suite that every device can do, 0 when there is no device.
func (r *Roster) Suite() Suite { return r.suite }

// Find returns the record of that ID if it is in the roster.
func (r *Roster) Find(c CertID) (*Record, bool) {
	record, ok := r.records[c]
	return record, ok
}
