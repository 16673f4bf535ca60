package group

import (
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// Heard is what a State remembers of a device beside the entries: that a statement of it named an entry, or, with an Entry
// of zeros, that the device was revoked.
type Heard struct {
	User  string
	Root  device.Hash
	Cert  device.CertID
	Entry device.Hash
}

// mark is a statement that was heard.
type mark struct {
	signer
	at *node
}

// Hear takes that a device of user's signed the statement of a session that names an entry, which the caller has verified:
// it stands for that entry and all below. It decides between branches as an entry of that user on top would. An entry that
// is not known is fault.TooFarAhead, a user who is no member there or a device that is not his fault.UntrustedSigner; a log
// that is missing is a LogError. The statement of a device that was revoked changes nothing.
func (s *State) Hear(user string, cert device.CertID, entry device.Hash, logs Logs) (*State, error) {
	n := s.lookup(entry)
	if n == nil {
		return nil, fmt.Errorf("group: statement names an entry that is not known: %w", fault.TooFarAhead)
	}
	m := s.membersAt(n).find(user)
	if m == nil {
		return nil, fmt.Errorf("group: statement of a user who is no member at its entry: %w", fault.UntrustedSigner)
	}
	by := signer{m.identity(), cert}
	log := logs.find(by.identity)
	if log == nil {
		return nil, &LogError{User: user, Root: m.Root}
	}
	if _, known := log.Known(cert); !known || log.User() != user {
		return nil, fmt.Errorf("group: statement of an unknown device: %w", fault.UntrustedSigner)
	}
	if log.Standing(cert) != nil || s.covered(mark{by, n}) {
		return s, nil
	}
	d := s.draft(logs)
	d.hear(mark{by, n})
	return d.finish()
}

// covered reports whether a statement says nothing new: the device has named this entry or one above it.
func (s *State) covered(m mark) bool {
	return slices.ContainsFunc(s.heard, func(h mark) bool { return h.signer == m.signer && h.at.above(m.at) })
}

// hear remembers a statement, instead of those of the same device that it covers. When there are too many, what was said on
// the trunk longest ago goes: a device that is alive says it again.
func (d *draft) hear(m mark) {
	d.heard = slices.DeleteFunc(slices.Clone(d.heard), func(h mark) bool { return h.signer == m.signer && m.at.above(h.at) })
	d.heard = append(d.heard, m)
	for len(d.heard) > MaxHeard {
		oldest := 0
		for i, h := range d.heard {
			if d.onTrunk(h.at) && (!d.onTrunk(d.heard[oldest].at) || h.at.Epoch < d.heard[oldest].at.Epoch) {
				oldest = i
			}
		}
		d.heard = slices.Delete(d.heard, oldest, oldest+1)
	}
}

// Heard returns what Resume needs beside the entries.
func (s *State) Heard() []Heard {
	all := make([]Heard, 0, len(s.heard)+len(s.dead))
	for _, h := range s.heard {
		all = append(all, Heard{h.user, h.root, h.cert, h.at.hash})
	}
	for by := range s.dead {
		all = append(all, Heard{by.user, by.root, by.cert, device.Hash{}})
	}
	slices.SortFunc(all, compareHeard)
	return all
}
