package group

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// Resume reads a State that was kept: the entries of the trunk in order, and what Side and Heard returned. No signature is
// checked, so everything comes from the caller's own sealed store. Extend without entries then judges with the logs: no more
// than a few hundred revoked devices are remembered. What does not fit together is fault.Damaged.
func Resume(id device.Hash, trunk, side [][]byte, heard []Heard) (*State, error) {
	s, err := resume(id, trunk, side, heard)
	switch {
	case err == nil, errors.Is(err, fault.UnsupportedVersion):
		return s, err
	default:
		return nil, fmt.Errorf("group: not what was kept: %w (%v)", fault.Damaged, err)
	}
}

func resume(id device.Hash, trunk, side [][]byte, heard []Heard) (*State, error) {
	if len(trunk) == 0 || len(trunk) > MaxEntries || len(side) > MaxSideEntries {
		return nil, fmt.Errorf("%d entries and %d beside them: %w", len(trunk), len(side), fault.OverLimit)
	}
	d := (&State{id: id}).draft(nil)
	d.trusted = true
	for i, b := range trunk {
		if err := d.place(b); err != nil {
			return nil, err
		}
		if len(d.trunk) != i+1 {
			return nil, fmt.Errorf("entry %d is not on the trunk: %w", i, fault.Malformed)
		}
	}
	if d.cur.digest() != d.newest().Members {
		return nil, fmt.Errorf("digest is not that of the members: %w", fault.Malformed)
	}
	d.aside = true
	for _, b := range side {
		if err := d.place(b); err != nil {
			return nil, err
		}
	}
	return d.remember(heard)
}

// remember takes what was heard, and judges.
func (d *draft) remember(heard []Heard) (*State, error) {
	d.dead = map[signer]bool{}
	d.living = map[signer]bool{} // what was looked at so far did not know who is revoked
	for _, h := range heard {
		by := signer{identity{h.User, h.Root}, h.Cert}
		if h.Entry == (device.Hash{}) {
			d.dead[by] = true
			continue
		}
		n := d.lookup(h.Entry)
		if n == nil {
			return nil, fmt.Errorf("statement names an entry that is not there: %w", fault.Malformed)
		}
		d.heard = append(d.heard, mark{by, n})
	}
	kept := *d
	s, err := d.finish()
	if err != nil || s.newest() == kept.newest() {
		return s, err
	}
	// Without logs too few devices were known to be revoked. What was kept stays, until Extend judges it with the logs.
	kept.status, kept.verdict = Frozen, nil
	kept.cur.to(kept.newest())
	unjudged := kept.State
	unjudged.tip = *kept.cur
	return &unjudged, nil
}

func compareHeard(a, b Heard) int {
	return cmp.Or(cmp.Compare(a.User, b.User), bytes.Compare(a.Root[:], b.Root[:]), bytes.Compare(a.Cert[:], b.Cert[:]),
		bytes.Compare(a.Entry[:], b.Entry[:]))
}
