package device

import (
	"errors"
	"fmt"

	"github.com/sottokit/sotto/fault"
)

// Verify verifies a whole log of user's, entries in order, each as it was signed. Every entry costs one Ed25519
// verification, two when it brings in a device. A log that is broken anywhere is refused as a whole, with the reason.
func Verify(user string, entries [][]byte) (*Log, error) {
	l, err := begin(user, entries)
	if err != nil {
		return nil, err
	}
	for _, b := range entries {
		if err := l.apply(b, false); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Resume reads a log that was verified before, up to pin and no further, without checking signatures again: the entries
// are chained by their hashes, so the pin stands for all of them. The pin must come from the caller's own sealed store;
// entries may come from anywhere. Other entries than those that were pinned are fault.Damaged, those of another root
// fault.IdentityChanged, too few fault.Rollback.
func Resume(user string, entries [][]byte, pin Pin) (*Log, error) {
	l, err := begin(user, entries)
	if err != nil {
		return nil, err
	}
	if uint64(len(entries)) <= pin.Seq {
		return nil, fmt.Errorf("device: log of %d entries is shorter than its pin: %w", len(entries), fault.Rollback)
	}
	if hash(entries[0]) != pin.Root {
		return nil, fmt.Errorf("device: log with another root than its pin: %w", fault.IdentityChanged)
	}
	for _, b := range entries {
		switch err := l.apply(b, true); {
		case errors.Is(err, fault.UnsupportedVersion):
			return nil, err
		case err != nil:
			return nil, fmt.Errorf("device: log is not the one that was pinned: %w (%v)", fault.Damaged, err)
		}
	}
	if l.Pin() != pin {
		return nil, fmt.Errorf("device: log does not end at its pin: %w", fault.Damaged)
	}
	return l, nil
}

func begin(user string, entries [][]byte) (*Log, error) {
	if err := checkUser(user, fault.Misuse); err != nil {
		return nil, err
	}
	switch {
	case len(entries) == 0:
		return nil, fmt.Errorf("device: log without entries: %w", fault.Malformed)
	case len(entries) > MaxEntries:
		return nil, fmt.Errorf("device: log of %d entries: %w", len(entries), fault.OverLimit)
	}
	return newLog(user), nil
}

// Extend takes entries of the same log as somebody serves them now, consecutive and in order. They may begin at any entry
// that is held or at the next one; entries that are held already cost a hash, new ones their signatures. The result is
// the extended log, or l itself when nothing is new.
//
// Who keeps the entries keeps those before the first one given, and then what was given: when the log moved to a branch that
// a recovery chose, entries that were held fall away.
//
// Entries that end before the newest one held are fault.Rollback, ones that begin too late or follow another entry than
// the one held fault.TooFarAhead: fetch from further back. Another first entry is fault.IdentityChanged. A valid entry
// beside one that is held is a fork, see ForkError. Everything else is refused with its own reason, and a list is taken as
// a whole or not at all.
func (l *Log) Extend(entries [][]byte) (*Log, error) {
	if len(entries) == 0 {
		return l, nil
	}
	if len(entries) > MaxEntries {
		return nil, fmt.Errorf("device: %d log entries: %w", len(entries), fault.OverLimit)
	}
	first, err := readEntry(entries[0])
	if err != nil {
		return nil, err
	}
	held := uint64(len(l.hashes))
	if first.Seq > held {
		return nil, fmt.Errorf("device: log entry %d: entry %d comes first: %w", first.Seq, held, fault.TooFarAhead)
	}
	if first.Seq > 0 && first.Prev != l.hashes[first.Seq-1] {
		return nil, fmt.Errorf("device: log entry %d: follows another entry than the one held: %w", first.Seq, fault.TooFarAhead)
	}
	for i, b := range entries {
		n := first.Seq + uint64(i)
		if n == held {
			return l.extend(entries[i:])
		}
		if hash(b) != l.hashes[n] {
			return l.branch(n, entries[i:])
		}
	}
	if end := first.Seq + uint64(len(entries)); end < held {
		return nil, fmt.Errorf("device: log of %d entries, %d are held: %w", end, held, fault.Rollback)
	}
	return l, nil
}

// extend adds new entries.
func (l *Log) extend(entries [][]byte) (*Log, error) {
	next := l.clone()
	for _, b := range entries {
		if err := next.apply(b, false); err != nil {
			return nil, err
		}
	}
	return next, nil
}
