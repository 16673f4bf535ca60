package group

import (
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// Verify verifies a group from its first entry on, which must be the first one given. The others may come in any order in
// which each follows the one before it, and with them those of branches that were rejected: a resolve names one of them. A
// list that is broken anywhere is refused as a whole, with the reason.
//
// Whoever joins asks for more than that the chain holds together: the member who added this user must have named the tip, or
// a later entry, in a statement of his own.
func Verify(id device.Hash, entries [][]byte, logs Logs) (*State, error) {
	if len(entries) == 0 {
		return nil, fmt.Errorf("group: no entries: %w", fault.Malformed)
	}
	d := (&State{id: id}).draft(logs)
	d.scratch = true
	if err := d.placeAll(entries); err != nil {
		return nil, err
	}
	return d.finish()
}

// Extend takes entries of the same group as somebody serves them now, in any order in which each follows the one before it.
// Entries that are known cost a hash. All of them are taken or none.
//
// With logs that have grown it judges the branches anew, also when there are no entries. s itself is returned when nothing is
// new and there is no branch to judge. Entries of revoked devices that come without those who vouch for them cost more, so
// who takes entries from strangers hands in a few thousand at a time.
//
// An entry that follows one that is not known, or rejects one, is fault.TooFarAhead: fetch from further back. So is a
// LogError. An actor who is no member, has not the right or is not who signed is fault.UntrustedSigner, a device that had
// been revoked by then fault.RevokedDevice, an actor whose log is older than at his last entry fault.Rollback, too many
// branches fault.OverLimit, and what else breaks a rule fault.Malformed.
func (s *State) Extend(entries [][]byte, logs Logs) (*State, error) {
	entries = s.unknown(entries)
	if len(entries) == 0 && len(s.side) == 0 {
		return s, nil
	}
	d := s.draft(logs)
	if err := d.placeAll(entries); err != nil {
		return nil, err
	}
	return d.finish()
}

// unknown leaves out the beginning of a list that is the trunk as it is held, which is what servers serve most.
func (s *State) unknown(entries [][]byte) [][]byte {
	if len(entries) == 0 {
		return nil
	}
	first, err := Inspect(entries[0])
	if err != nil {
		return entries
	}
	for epoch := first.Epoch; len(entries) > 0 && epoch < uint64(len(s.trunk)); epoch++ {
		if hashOf(entries[0]) != s.trunk[epoch].hash {
			break
		}
		entries = entries[1:]
	}
	return entries
}

// placeAll places entries, and waits for their signatures. Of several that are wrong the first one is reported.
func (d *draft) placeAll(entries [][]byte) error {
	if len(entries) > MaxEntries+MaxSideEntries {
		return fmt.Errorf("group: %d entries: %w", len(entries), fault.OverLimit)
	}
	d.checks = startChecks(len(entries))
	var failed error
	for i, b := range entries {
		d.checks.at = i
		if err := d.place(b); err != nil {
			failed = fmt.Errorf("group: entry %d of those given: %w", i, err)
			break
		}
	}
	if err := d.checks.wait(); err != nil {
		return err
	}
	return failed
}
