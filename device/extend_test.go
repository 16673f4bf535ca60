package device_test

import (
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

func TestExtendTakesWhatFollows(t *testing.T) {
	s := newScene(t)
	whole, n := s.log(), uint64(len(s.entries))
	for held := range n {
		l := at(t, whole, held)
		for from := range held + 2 {
			if from == n {
				continue // nothing follows the newest entry
			}
			got, err := l.Extend(s.entries[from:])
			if err != nil || got.Pin() != whole.Pin() {
				t.Errorf("%d held, served from %d: %v", held+1, from, err)
			}
		}
		if from := held + 2; from < n {
			got, err := l.Extend(s.entries[from:])
			wantFault(t, err, fault.TooFarAhead)
			if got != nil {
				t.Error("a log beside the error")
			}
		}
	}
}

func TestExtendByNothingNewIsTheSameLog(t *testing.T) {
	s := newScene(t)
	l := s.log()
	for _, entries := range [][][]byte{nil, {}, s.entries, s.entries[3:], s.entries[len(s.entries)-1:]} {
		if got, err := l.Extend(entries); err != nil || got != l {
			t.Errorf("%d entries served again: %v", len(entries), err)
		}
	}
}

func TestExtendRefusesLessThanThePin(t *testing.T) {
	s := newScene(t)
	l, n := s.log(), len(s.entries)
	for from := range n - 1 {
		for to := from + 1; to < n; to++ {
			got, err := l.Extend(s.entries[from:to])
			wantFault(t, err, fault.Rollback)
			if got != nil {
				t.Error("shorter-than-pin: a log beside the error")
			}
		}
	}
}

func TestExtendRefusesAnotherRoot(t *testing.T) {
	s, other := newScene(t), newStranger(t, alice)
	l := s.log()
	w := &writer{TB: t}
	w.put(other.signer, opRoot, other.record, nil)
	for range 2 {
		got, err := l.Extend(w.entries)
		wantFault(t, err, fault.IdentityChanged)
		if got != nil {
			t.Error("other-root-than-pin: a log beside the error")
		}
		w.put(other.signer, opAdd, newStranger(t, alice).record, nil)
	}
	// A root that is none changes no identity.
	good := entry(nil, opRoot, other.record, nil)
	for name, c := range map[string]struct {
		root []byte
		want fault.Code
	}{
		"signed by another":  {s.founder.entry(t, good), fault.UntrustedSigner},
		"of another user":    {other.entry(t, good.with(1, bob)), fault.UntrustedSigner},
		"of a newer version": {other.entry(t, good.with(4, 6)), fault.UnsupportedVersion},
		"no root":            {other.entry(t, good.with(4, opAdd)), fault.Malformed},
		"with a wrong prev":  {other.entry(t, good.with(3, random(32))), fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := l.Extend([][]byte{c.root})
			wantFault(t, err, c.want)
		})
	}
}

// An entry alone that follows one that is not at hand claims that there is another branch. That is no fork.
func TestClaimOfAnotherBranchIsNoFork(t *testing.T) {
	s := newScene(t)
	n := len(s.entries)
	other := s.branch(n - 3)
	for range 5 {
		other.put(s.founder.signer, opAdd, newStranger(t, alice).record, nil)
	}
	l := s.log()
	for name, from := range map[string]int{"at a place that is held": n - 2, "after the newest": n, "later": n + 1} {
		t.Run(name, func(t *testing.T) {
			got, err := l.Extend(other.entries[from:])
			wantFault(t, err, fault.TooFarAhead)
			if got != nil {
				t.Error("a log beside the error")
			}
		})
	}
	_, err := l.Extend(other.entries[n-3:])
	wantFault(t, err, fault.LogFork)
}

func TestExtendTakesAListAsAWhole(t *testing.T) {
	s := newScene(t)
	l := s.log()
	s.put(s.founder.signer, opAdd, newStranger(t, alice).record, nil)
	good := len(s.entries)
	s.put(newStranger(t, alice).signer, opAdd, newStranger(t, alice).record, nil)
	got, err := l.Extend(s.entries)
	wantFault(t, err, fault.UntrustedSigner)
	if got != nil {
		t.Error("part of the list was taken")
	}
	if _, err := l.Extend(s.entries[:good]); err != nil {
		t.Errorf("the good part alone: %v", err)
	}
}

// The list must be consecutive, also where its entries are held.
func TestExtendRefusesGapsAndRepeats(t *testing.T) {
	s := newScene(t)
	l := s.log()
	e := s.entries
	for name, c := range map[string]struct {
		held    *device.Log
		entries [][]byte
		want    fault.Code
	}{
		"gap among what is held":    {l, [][]byte{e[1], e[3], e[4], e[5], e[6]}, fault.TooFarAhead},
		"repeat among what is held": {l, [][]byte{e[1], e[1], e[2]}, fault.Malformed},
		"gap among what is new":     {at(t, l, 2), [][]byte{e[2], e[3], e[5]}, fault.TooFarAhead},
		"repeat among what is new":  {at(t, l, 2), [][]byte{e[2], e[3], e[3]}, fault.Malformed},
		"order":                     {at(t, l, 2), [][]byte{e[4], e[3]}, fault.TooFarAhead},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.held.Extend(c.entries)
			wantFault(t, err, c.want)
			if got != nil {
				t.Error("a log beside the error")
			}
		})
	}
}
