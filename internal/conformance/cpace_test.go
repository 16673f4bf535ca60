package conformance

import (
	"maps"
	"strings"
	"testing"
)

const (
	cpaceBase = "cpace_ristretto255_and_x25519"
	cpacePath = "testdata/vectors/" + cpaceBase + ".json"
)

func TestEveryChangedValueOfCPaceFails(t *testing.T) {
	mustFail(t, cpaceBase, read(t, cpacePath), except(anyValue,
		"source",                          // about the file
		"G_Coffee25519_points/Invalid Y?", // something else that is refused
	))
}

func TestMissingValueOfCPaceFails(t *testing.T) {
	file := read(t, cpacePath)
	for _, object := range []map[string]any{
		field[map[string]any](t, file, "G_25519"),
		field[map[string]any](t, file, "G_Coffee25519"),
		field[map[string]any](t, field[any](t, file, "G_Coffee25519_points"), "Valid"),
	} {
		for key, value := range maps.Clone(object) {
			delete(object, key)
			if n := count(runBytes(cpaceBase, encode(t, file))); n.failed == 0 {
				t.Errorf("without %s: %+v, want a failed case", key, n)
			}
			object[key] = value
		}
	}
}

func TestPointOfCPaceThatIsGoodFailsAsAnInvalidOne(t *testing.T) {
	file := read(t, cpacePath)
	share := field[string](t, field[any](t, file, "G_25519"), "Ya")
	element := field[string](t, field[any](t, file, "G_Coffee25519"), "Ya")
	for _, test := range []struct{ list, point string }{
		{"X25519_points", share},
		{"X25519_points", share[:62] + "FF"}, // with bit 255
		{"X25519_points", share[:62]},
		{"X25519_points", ""},
		{"G_Coffee25519_points", element},
		{"G_Coffee25519_points", element[:62]},
	} {
		points := field[map[string]any](t, file, test.list)
		points["Invalid Z"] = test.point
		if n := count(runBytes(cpaceBase, encode(t, file))); n.failed != 1 {
			t.Errorf("%s as an invalid one of %s: %+v, want one failed case", test.point, test.list, n)
		}
		delete(points, "Invalid Z")
	}
}

func TestWhatIsUnknownOfCPaceIsReported(t *testing.T) {
	file := read(t, cpacePath)
	all := count(runBytes(cpaceBase, encode(t, file)))
	file.(map[string]any)["G_Decaf448"] = map[string]any{}
	field[map[string]any](t, file, "G_25519")["more"] = "00"
	field[map[string]any](t, file, "X25519_points")["Other Y0"] = "00"
	field[map[string]any](t, field[any](t, file, "G_Coffee25519_points"), "Valid")["more"] = 7
	cases := runBytes(cpaceBase, encode(t, file))
	if n := count(cases); n != (outcomes{all.passed, 0, 4}) {
		t.Errorf("%+v, want four more that are skipped", n)
	}
	for _, c := range cases {
		if c.Status == Skipped && !strings.Contains(c.Note, "unknown") && !strings.Contains(c.Note, "not an algorithm") {
			t.Errorf("%s: %s", c.Name, c.Note)
		}
	}
}
