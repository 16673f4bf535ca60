package device

import (
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// Log is a user's device log, verified from its first entry on. The identity of a user is the user ID together with the
// hash of that entry. A Log is immutable: what extends it returns a new one.
type Log struct {
	_        [0]func()
	user     string
	hashes   []Hash // of every entry, by seq
	members  []*member
	active   []int // positions in members, in order of admission
	ids      map[ID]bool
	certs    map[CertID]int                       // every record there ever was, to its position in members
	keys     map[[ed25519.PublicKeySize]byte]bool // every key there ever was, recovery keys too
	recovery []recoveryKey                        // the last one is in force
	recovers []recoverEntry
}

// member is a device and its history. It is immutable.
type member struct {
	current  *admitted
	admitted uint64 // seq of the entry that brought the device in
	ended    uint64 // seq of the entry that ended it; 0 while it is active, since the first entry ends none
}

// admitted is a record, the seq of the entry that brought it in, and the record before, so that logs share their history.
type admitted struct {
	record *Record
	seq    uint64
	before *admitted
}

// recoveryKey is a recovery key and the seq of the entry that set it.
type recoveryKey struct {
	key *cose.Verifier
	seq uint64
}

// recoverEntry is the seq of a recover entry and the key that signed it.
type recoverEntry struct {
	by  *cose.Verifier
	seq uint64
}

func newLog(user string) *Log {
	return &Log{user: user, ids: map[ID]bool{}, certs: map[CertID]int{}, keys: map[[ed25519.PublicKeySize]byte]bool{}}
}

func (l *Log) clone() *Log {
	c := *l
	c.hashes, c.members, c.active = slices.Clone(l.hashes), slices.Clone(l.members), slices.Clone(l.active)
	c.ids, c.certs, c.keys = maps.Clone(l.ids), maps.Clone(l.certs), maps.Clone(l.keys)
	c.recovery, c.recovers = slices.Clone(l.recovery), slices.Clone(l.recovers)
	return &c
}

// String tells whose log it is and how long.
func (l *Log) String() string {
	return fmt.Sprintf("device log of %q, %d entries", l.user, len(l.hashes))
}

// User returns the user's ID.
func (l *Log) User() string { return l.user }

// Pin returns what a contact remembers of the log.
func (l *Log) Pin() Pin {
	if len(l.hashes) == 0 { // of a zero Log, which is nobody's
		return Pin{}
	}
	newest := len(l.hashes) - 1
	return Pin{Root: l.hashes[0], Head: l.hashes[newest], Seq: uint64(newest)}
}

// Anchor is the only thing of a log that may be published: H(["sotto/v1.anchor", root, seq, head]). Who has the log can
// compare it with what others see.
func (l *Log) Anchor() Hash {
	p := l.Pin()
	b := wire.AppendText(wire.AppendHead(nil, wire.MajorArray, 4), wire.LabelAnchor)
	b = wire.AppendBytes(b, p.Root[:])
	b = wire.AppendHead(b, wire.MajorUint, p.Seq)
	return hash(wire.AppendBytes(b, p.Head[:]))
}

// Active returns the present records of the active devices, in the order in which the devices were admitted.
func (l *Log) Active() []*Record {
	records := make([]*Record, len(l.active))
	for i, at := range l.active {
		records[i] = l.members[at].current.record
	}
	return records
}

// Device returns the newest record of the device of that ID, and whether it is active; nil for a device that never was in the
// log.
func (l *Log) Device(id ID) (r *Record, active bool) {
	for _, m := range l.members {
		if m.current.record.fields.ID == id {
			return m.current.record, m.ended == 0
		}
	}
	return nil, false
}

// Find returns the record of that ID if it is the present one of an active device. A record of a device that was revoked
// is fault.RevokedDevice, another one fault.UntrustedSigner.
func (l *Log) Find(c CertID) (*Record, error) {
	at, known := l.certs[c]
	if !known {
		return nil, fmt.Errorf("device: no record of this log: %w", fault.UntrustedSigner)
	}
	switch m := l.members[at]; {
	case m.ended > 0:
		return nil, fmt.Errorf("device: record of a revoked device: %w", fault.RevokedDevice)
	case m.current.record.cert != c:
		return nil, fmt.Errorf("device: record that was replaced: %w", fault.UntrustedSigner)
	default:
		return m.current.record, nil
	}
}

// HasRecovery reports whether a recovery key is in force. There is none only when none was ever set.
func (l *Log) HasRecovery() bool { return len(l.recovery) > 0 }

// At returns the log as it was after its entry seq. A later one than the newest is fault.TooFarAhead.
func (l *Log) At(seq uint64) (*Log, error) {
	if seq >= uint64(len(l.hashes)) {
		return nil, fmt.Errorf("device: entry %d of a log of %d: %w", seq, len(l.hashes), fault.TooFarAhead)
	}
	return l.until(seq + 1), nil
}

// until is the log of the first n entries; without any it is good for nothing but to extend.
func (l *Log) until(n uint64) *Log {
	then := newLog(l.user)
	then.hashes = slices.Clone(l.hashes[:n])
	for _, m := range l.members {
		if m.admitted >= n {
			break // members stand in order of admission
		}
		was := *m
		for was.current.seq >= n {
			was.current = was.current.before
		}
		for a := was.current; a != nil; a = a.before {
			then.certs[a.record.cert] = len(then.members)
		}
		if was.ended >= n {
			was.ended = 0
		}
		if was.ended == 0 {
			then.active = append(then.active, len(then.members))
		}
		then.ids[was.current.record.fields.ID] = true
		then.keys[was.current.record.fields.Ed25519] = true
		then.members = append(then.members, &was)
	}
	for _, r := range l.recovery {
		if r.seq < n {
			then.recovery = append(then.recovery, r)
			then.keys[keyOf(r.key)] = true
		}
	}
	for _, r := range l.recovers {
		if r.seq < n {
			then.recovers = append(then.recovers, r)
		}
	}
	return then
}

func keyOf(v *cose.Verifier) [ed25519.PublicKeySize]byte {
	return [ed25519.PublicKeySize]byte(v.PublicKey())
}
