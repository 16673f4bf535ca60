package device

import (
	"bytes"
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// apply verifies one entry against the state after the entries before it and makes the change. It is only called on a log
// that nobody else has. When it fails the change may be half made; until(len(l.hashes)) undoes it. A trusted entry was
// verified before: everything but its signatures is checked again.
func (l *Log) apply(b []byte, trusted bool) error {
	e, err := readEntry(b)
	if err != nil {
		return err
	}
	if err := l.checkPlace(e); err != nil {
		return fmt.Errorf("device: log entry %d: %w", e.Seq, err)
	}
	if err := l.change(e, trusted); err != nil {
		return fmt.Errorf("device: log entry %d: %w", e.Seq, err)
	}
	l.hashes = append(l.hashes, e.hash)
	return nil
}

// checkPlace checks that the entry is the next one of this log.
func (l *Log) checkPlace(e *entry) error {
	next := uint64(len(l.hashes))
	var prev Hash
	if next > 0 {
		prev = l.hashes[next-1]
	}
	switch {
	case e.User != l.user:
		return fmt.Errorf("of another user: %w", fault.UntrustedSigner)
	case e.Seq > next:
		return fmt.Errorf("entry %d comes first: %w", next, fault.TooFarAhead)
	case e.Seq < next:
		return fmt.Errorf("comes a second time: %w", fault.Malformed)
	case next == MaxEntries:
		return fmt.Errorf("the log is full: %w", fault.OverLimit)
	case e.Prev != prev:
		return fmt.Errorf("does not follow the entry before it: %w", fault.Malformed)
	case next == 0 && e.Op != opRoot:
		return fmt.Errorf("does not begin a log: %w", fault.Malformed)
	case next > 0 && e.Op == opRoot:
		return fmt.Errorf("begins a log a second time: %w", fault.Malformed)
	}
	return nil
}

// change checks who signed the entry and whether it may do what it says, and does it.
func (l *Log) change(e *entry, trusted bool) error {
	set, err := e.recoveryKey()
	if err != nil {
		return err
	}
	r, record, err := e.record()
	if err != nil {
		return err
	}
	by, err := l.signer(e, r)
	if err != nil {
		return err
	}
	if !trusted {
		if err := e.verify("signature", by, userContext(wire.LabelDeviceLog, l.user)); err != nil {
			return err
		}
	}
	if !trusted && r != nil {
		if err := record.verify("record", r.verifier, recordContext()); err != nil {
			return err
		}
	}
	switch e.Op {
	case opRoot, opAdd:
		err = l.admit(r, e.Seq)
	case opRevoke:
		err = l.revoke(e)
	case opUpdate:
		err = l.update(e, r)
	case opRecover:
		for len(l.active) > 0 {
			l.end(l.active[0], e.Seq)
		}
		l.recovers = append(l.recovers, recoverEntry{by, e.Seq})
		err = l.admit(r, e.Seq)
	case opSetRecovery:
		if e.Arg != nil {
			err = fmt.Errorf("argument where none belongs: %w", fault.Malformed)
		}
	}
	if err != nil || set == nil {
		return err
	}
	return l.setRecovery(set, e.Seq)
}

// signer is who must have signed the entry, which brings in r.
func (l *Log) signer(e *entry, r *Record) (*cose.Verifier, error) {
	switch {
	case e.Op == opRoot:
		return r.verifier, nil
	case e.Op == opRecover && !l.HasRecovery():
		return nil, fmt.Errorf("there is no recovery key: %w", fault.UntrustedSigner)
	case e.Op == opRecover, e.Op == opSetRecovery && l.HasRecovery():
		return l.recoverySigner(e.kid)
	}
	record, err := l.device(e.kid)
	if err != nil {
		return nil, err
	}
	return record.verifier, nil
}

// device is the active device that signs under kid.
func (l *Log) device(kid []byte) (*Record, error) {
	if len(kid) != len(CertID{}) {
		return nil, fmt.Errorf("key ID of %d bytes: %w", len(kid), fault.UntrustedSigner)
	}
	return l.Find(CertID(kid))
}

// recoverySigner is the recovery key in force. Whoever else signed where only that key may is told apart.
func (l *Log) recoverySigner(kid []byte) (*cose.Verifier, error) {
	inForce := l.recovery[len(l.recovery)-1].key
	if bytes.Equal(kid, inForce.KeyID()) {
		return inForce, nil
	}
	for _, r := range l.recovery {
		if bytes.Equal(kid, r.key.KeyID()) {
			return nil, fmt.Errorf("signed by a recovery key that was replaced: %w", fault.UntrustedSigner)
		}
	}
	if _, err := l.device(kid); err == nil {
		return nil, fmt.Errorf("signed by a device where the recovery key must sign: %w", fault.UntrustedSigner)
	}
	return nil, fmt.Errorf("not signed by the recovery key: %w", fault.UntrustedSigner)
}

// checkNew refuses a device whose ID or key was ever in the log, and one for which there is no room.
func (l *Log) checkNew(r *Record) error {
	switch {
	case l.ids[r.fields.ID]:
		return fmt.Errorf("device ID that was used before: %w", fault.Malformed)
	case l.keys[r.fields.Ed25519]:
		return fmt.Errorf("device key that was used before: %w", fault.Malformed)
	case len(l.active) == MaxActive:
		return fmt.Errorf("more than %d active devices: %w", MaxActive, fault.OverLimit)
	}
	return nil
}

// admit makes a device active.
func (l *Log) admit(r *Record, seq uint64) error {
	if err := l.checkNew(r); err != nil {
		return err
	}
	l.ids[r.fields.ID], l.keys[r.fields.Ed25519] = true, true
	l.certs[r.cert] = len(l.members)
	l.active = append(l.active, len(l.members))
	l.members = append(l.members, &member{current: &admitted{record: r, seq: seq}, admitted: seq})
	return nil
}

func (l *Log) revoke(e *entry) error {
	cert, err := e.revoked()
	if err != nil {
		return err
	}
	at, known := l.certs[cert]
	switch {
	case !known:
		return fmt.Errorf("revokes no device of this log: %w", fault.Malformed)
	case l.members[at].ended > 0:
		return fmt.Errorf("revokes a device that was revoked before: %w", fault.Malformed)
	case l.members[at].current.record.cert != cert:
		return fmt.Errorf("revokes by a record that was replaced: %w", fault.Malformed)
	}
	l.end(at, e.Seq)
	return nil
}

// end makes the device at a position in members inactive.
func (l *Log) end(at int, seq uint64) {
	was := *l.members[at]
	was.ended = seq
	l.members[at] = &was
	for i, position := range l.active {
		if position == at {
			l.active = append(l.active[:i], l.active[i+1:]...)
			break
		}
	}
}

// update replaces the record of the device that signed the entry.
func (l *Log) update(e *entry, r *Record) error {
	at := l.certs[CertID(e.kid)]
	m := *l.members[at]
	was := m.current.record
	_, known := l.certs[r.cert]
	switch {
	case r.fields.ID != was.fields.ID:
		return fmt.Errorf("updates another device than the one that signed: %w", fault.UntrustedSigner)
	case r.fields.Ed25519 != was.fields.Ed25519:
		return fmt.Errorf("updates to another key: %w", fault.Malformed)
	case r.fields.Suite < was.fields.Suite:
		return fmt.Errorf("updates to a lower suite: %w", fault.Malformed)
	case known:
		return fmt.Errorf("updates to a record that was used before: %w", fault.Malformed)
	}
	l.certs[r.cert] = at
	m.current = &admitted{record: r, seq: e.Seq, before: m.current}
	l.members[at] = &m
	return nil
}

func (l *Log) setRecovery(v *cose.Verifier, seq uint64) error {
	if l.keys[keyOf(v)] {
		return fmt.Errorf("recovery key that was used before: %w", fault.Malformed)
	}
	l.keys[keyOf(v)] = true
	l.recovery = append(l.recovery, recoveryKey{v, seq})
	return nil
}
