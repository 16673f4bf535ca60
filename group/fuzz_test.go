package group_test

import (
	"bytes"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/faulttest"
)

// FuzzExtend takes its input as an entry that a server serves, and as the first one of a group.
func FuzzExtend(f *testing.F) {
	v := readVectors(f)
	logs := v.logs(f)
	s, err := group.Verify(device.Hash(v.Group.ID), v.entries()[:2], logs)
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range v.entries() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		next, err := s.Extend([][]byte{b}, logs)
		faulttest.FromInput(t, err)
		if (next == nil) != (err != nil) {
			t.Fatalf("a state beside the error, or neither: %v", err)
		}
		if err == nil && next.Tip() != s.Tip() && !bytes.Equal(b, v.Group.BobAdmin) {
			t.Error("an entry that nobody signed counts")
		}
		_, err = group.Verify(s.ID(), [][]byte{b}, logs)
		faulttest.FromInput(t, err)
		if err == nil && !bytes.Equal(b, v.Group.Create) {
			t.Error("a first entry that nobody signed counts")
		}
		info, err := group.Inspect(b)
		faulttest.FromInput(t, err)
		if err == nil && info.Hash != hashOf(b) {
			t.Error("the hash is of something else")
		}
	})
}

// FuzzResume takes its input as an entry that was kept, where no signature is checked. It reaches what stands behind that.
func FuzzResume(f *testing.F) {
	v := readVectors(f)
	id := device.Hash(v.Group.ID)
	for _, b := range v.entries() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for n := range len(v.entries()) + 1 {
			trunk := append(v.entries()[:n:n], b)
			for _, side := range [][][]byte{nil, {b}} {
				s, err := group.Resume(id, trunk[:len(trunk)-len(side)], side, nil)
				if code := fault.Of(err); err != nil && code != fault.Damaged && code != fault.UnsupportedVersion {
					t.Errorf("error %v has code %d", err, code)
				}
				if err == nil {
					show(s)
				}
			}
		}
	})
}
