package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
)

// verdicts are what a file calls them.
var verdicts = map[group.Verdict]string{group.Idle: "idle", group.Open: "open", group.Refused: "refused"}

// same compares a state.
func (r *groupRun) same(s *group.State, want *groupAfter) error {
	tip := r.place(s.Tip())
	digest := membersDigest(s.Members())
	var have, expected []string
	for _, b := range s.Branches() {
		last, _ := s.VerdictOf(b.Last)
		found := groupBranch{r.place(b.First), r.place(b.Last), b.Parts, verdicts[b.Verdict], verdicts[last]}
		have = append(have, fmt.Sprint(found))
	}
	for i, object := range want.Branches {
		var b groupBranch
		if err := decode(object, &b); err != nil {
			return fmt.Errorf("branch %d: %w", i, err)
		}
		expected = append(expected, fmt.Sprint(b))
	}
	slices.Sort(have)
	slices.Sort(expected)
	return errors.Join(
		same("newest entry", tip, want.Tip),
		same("epoch", s.Epoch(), want.Epoch),
		equal("digest of the members", digest, want.Members),
		same("status", s.Status().String(), want.Status),
		same("branches", strings.Join(have, " "), strings.Join(expected, " ")))
}

// place is where an entry stands in the list, -1 where it does not.
func (r *groupRun) place(hash device.Hash) int {
	return slices.IndexFunc(r.entries, func(b []byte) bool { return hashOfEntry(b) == hash })
}

// resumes stores the state and reads it again: it must be the same one.
func (r *groupRun) resumes() error {
	s := r.state
	if s == nil {
		return nil
	}
	var trunk [][]byte
	for epoch := range s.Epoch() + 1 {
		hash, _ := s.Entry(epoch)
		i := r.place(hash)
		if i < 0 {
			return fmt.Errorf("entry %d that was never served", epoch)
		}
		trunk = append(trunk, r.entries[i])
	}
	again, err := group.Resume(r.id, trunk, s.Side(), s.Heard())
	if err != nil {
		return fmt.Errorf("resumed: %v", err)
	}
	return errors.Join(
		same("newest entry when resumed", again.Tip(), s.Tip()),
		same("status when resumed", again.Status(), s.Status()),
		same("branches when resumed", fmt.Sprint(again.Branches()), fmt.Sprint(s.Branches())),
		same("whether the members are the same when resumed", slices.Equal(again.Members(), s.Members()), true))
}
