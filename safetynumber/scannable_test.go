package safetynumber_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/safetynumber"
)

// wantOutcome scans a code.
func wantOutcome(t testing.TB, n *safetynumber.Number, scanned []byte, want safetynumber.Outcome) {
	t.Helper()
	if o, err := n.Compare(scanned); err != nil || o != want {
		t.Errorf("outcome %v, %v, want %v", o, err, want)
	}
}

// wantNoOutcome scans what must be refused.
func wantNoOutcome(t testing.TB, n *safetynumber.Number, scanned []byte, want fault.Code) {
	t.Helper()
	o, err := n.Compare(scanned)
	if wantFault(t, err, want); o != 0 {
		t.Errorf("outcome %v", o)
	}
}

func TestScanOfTheOtherDeviceMatches(t *testing.T) {
	ours, theirs := number(t, alice(), bob()), number(t, bob(), alice())
	wantOutcome(t, ours, theirs.Scannable(), safetynumber.Match)
	wantOutcome(t, theirs, ours.Scannable(), safetynumber.Match)
	wantOutcome(t, ours, ours.Scannable(), safetynumber.OwnCode)
	if b := ours.Scannable(); len(b) != 74 || !bytes.Equal(b[:6], []byte{8, 101, 0x12, 34, 0x0a, 32}) {
		t.Errorf("code %x", b)
	}
}

func TestScanFindsEveryDifferenceOfEitherParty(t *testing.T) {
	ours := number(t, alice(), bob())
	for name, change := range changes {
		p := bob()
		change(&p)
		wantOutcome(t, ours, number(t, p, alice()).Scannable(), safetynumber.Differ)
		wantOutcome(t, number(t, alice(), p), number(t, bob(), alice()).Scannable(), safetynumber.Differ)
		wantOutcome(t, number(t, p, alice()), ours.Scannable(), safetynumber.Differ)
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// One half that is right is none: somebody may stand on the other side only.
func TestScanComparesBothHalves(t *testing.T) {
	ours := number(t, alice(), bob())
	const local, remote = 6, 42
	theirs := number(t, bob(), alice()).Scannable()
	for _, last := range []int{local, local + 31, remote, remote + 31} {
		b := slices.Clone(theirs)
		b[last] ^= 1
		wantOutcome(t, ours, b, safetynumber.Differ)
		own := ours.Scannable()
		own[last] ^= 1
		wantOutcome(t, ours, own, safetynumber.Differ)
	}
	twice := slices.Concat(theirs[:remote], theirs[local:local+32])
	wantOutcome(t, ours, twice, safetynumber.Differ)
}

func TestNoChangedByteMatches(t *testing.T) {
	ours, theirs := number(t, alice(), bob()), number(t, bob(), alice()).Scannable()
	for i := range theirs {
		for bit := range 8 {
			b := slices.Clone(theirs)
			b[i] ^= 1 << bit
			o, err := ours.Compare(b)
			if faulttest.FromInput(t, err); o == safetynumber.Match || o == safetynumber.OwnCode {
				t.Errorf("byte %d, bit %d: %v", i, bit, o)
			}
		}
	}
	for n := 1; n < len(theirs); n++ {
		want := fault.Malformed
		wantNoOutcome(t, ours, theirs[:n], want)
	}
}

func TestAnotherVersionIsAnErrorAndNotADifference(t *testing.T) {
	ours, theirs := number(t, alice(), bob()), number(t, bob(), alice()).Scannable()
	other := slices.Clone(theirs)
	for _, v := range []byte{0, 1, 2, 100, 102, 127} {
		other[1] = v
		wantNoOutcome(t, ours, other, fault.UnsupportedVersion)
	}
	wantNoOutcome(t, ours, theirs[2:], fault.UnsupportedVersion) // protocol buffers: a missing number is 0
	wantNoOutcome(t, ours, nil, fault.UnsupportedVersion)
}

func TestFieldsOfACodeAreReadAsProtocolBuffersWriteThem(t *testing.T) {
	ours, theirs := number(t, alice(), bob()), number(t, bob(), alice()).Scannable()
	version, local, remote := theirs[:2], theirs[2:38], theirs[38:]
	unknown := []byte{0x20, 0x96, 0x01, 0x29, 1, 2, 3, 4, 5, 6, 7, 8, 0x32, 1, 0xff, 0x3d, 1, 2, 3, 4}
	inside := slices.Concat([]byte{0x12, 34 + 4}, []byte{0x12, 0}, local[2:], []byte{0x18, 0})
	for name, code := range map[string][]byte{
		"any order":       slices.Concat(remote, local, version),
		"unknown fields":  slices.Concat(unknown, version, unknown, local, remote, unknown),
		"unknown inside":  slices.Concat(version, inside, remote),
		"a longer number": slices.Concat([]byte{0x08, 0xe5, 0x80, 0x00}, local, remote),
	} {
		if wantOutcome(t, ours, code, safetynumber.Match); t.Failed() {
			t.Fatal(name)
		}
	}
	for name, code := range map[string][]byte{
		"version twice":        slices.Concat(version, version, local, remote),
		"local twice":          slices.Concat(version, local, local, remote),
		"remote twice":         slices.Concat(version, local, remote, remote),
		"content twice":        slices.Concat(version, []byte{0x12, 68}, local[2:], local[2:], remote),
		"local missing":        slices.Concat(version, remote),
		"remote missing":       slices.Concat(version, local),
		"content missing":      slices.Concat(version, []byte{0x12, 0}, remote),
		"content of 31 bytes":  slices.Concat(version, []byte{0x12, 33, 0x0a, 31}, local[4:35], remote),
		"content of 33 bytes":  slices.Concat(version, []byte{0x12, 35, 0x0a, 33, 0}, local[4:], remote),
		"content of a number":  slices.Concat(version, []byte{0x12, 2, 0x08, 1}, remote),
		"version as bytes":     slices.Concat([]byte{0x0a, 1, 101}, local, remote),
		"local as a number":    slices.Concat(version, []byte{0x10, 1}, remote),
		"version of 33 bits":   slices.Concat([]byte{0x08, 0xe5, 0x80, 0x80, 0x80, 0x10}, local, remote),
		"number without end":   slices.Concat(theirs, []byte{0x20, 0x80}),
		"length without end":   slices.Concat(theirs, []byte{0x32, 0x80}),
		"length over the rest": slices.Concat(theirs, []byte{0x32, 2, 0}),
		"length over all":      slices.Concat(theirs, []byte{0x32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}),
		"8 bytes cut":          slices.Concat(theirs, []byte{0x29, 1, 2, 3, 4, 5, 6, 7}),
		"4 bytes cut":          slices.Concat(theirs, []byte{0x3d, 1, 2, 3}),
		"a group":              slices.Concat(theirs, []byte{0x23, 0x24}),
		"field 0":              slices.Concat(theirs, []byte{0x00, 0x00}),
		"trailing byte":        slices.Concat(theirs, []byte{0x20}),
	} {
		if wantNoOutcome(t, ours, code, fault.Malformed); t.Failed() {
			t.Fatal(name)
		}
	}
	// What is no code of any version is no question of the version.
	wantNoOutcome(t, ours, []byte{0x08, 102, 0x10, 1}, fault.Malformed)
}

func TestScanOverTheLimitIsRefused(t *testing.T) {
	ours, theirs := number(t, alice(), bob()), number(t, bob(), alice()).Scannable()
	room := safetynumber.MaxScanned - len(theirs) - 3
	code := slices.Concat(theirs, []byte{0x32, byte(room&127 | 128), byte(room >> 7)}, make([]byte, room))
	wantOutcome(t, ours, code, safetynumber.Match)
	wantNoOutcome(t, ours, append(code, 0), fault.OverLimit)
}

func TestOutcomesHaveNames(t *testing.T) {
	names := map[safetynumber.Outcome]string{
		safetynumber.Match: "match", safetynumber.Differ: "differ", safetynumber.OwnCode: "own code", 0: "none", 9: "none",
	}
	for o, want := range names {
		if o.String() != want {
			t.Errorf("%d is %q", o, o)
		}
	}
}

// FuzzCompare holds that nothing that is scanned makes Compare panic, and that Match and OwnCode come of the right
// fingerprints only.
func FuzzCompare(f *testing.F) {
	ours, theirs := number(f, alice(), bob()), number(f, bob(), alice()).Scannable()
	const local, remote = 6, 42
	f.Add(theirs)
	f.Add(ours.Scannable())
	f.Add(slices.Concat(theirs[38:], theirs[2:38], theirs[:2]))
	f.Add(slices.Concat(theirs, []byte{0x20, 0x96, 0x01, 0x29, 1, 2, 3, 4, 5, 6, 7, 8, 0x32, 1, 0xff, 0x3d, 1, 2, 3, 4}))
	f.Fuzz(func(t *testing.T, scanned []byte) {
		o, err := ours.Compare(scanned)
		faulttest.FromInput(t, err)
		both := bytes.Contains(scanned, theirs[local:local+32]) && bytes.Contains(scanned, theirs[remote:])
		if (o == safetynumber.Match || o == safetynumber.OwnCode) && !both || (o == 0) != (err != nil) {
			t.Errorf("%v, %v", o, err)
		}
	})
}
