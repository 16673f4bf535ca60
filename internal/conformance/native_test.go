package conformance

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"testing"
)

const nativePath = "testdata/vectors/native_v2.json"

// runNative runs one section of a file.
func runNative(name string, file []byte) []Case {
	s := suite{ctx: context.Background()}
	s.check("file", func() (string, error) {
		n, err := readNative(file)
		if err != nil {
			return "", err
		}
		var sections map[string]json.RawMessage
		if err := json.Unmarshal(file, &sections); err != nil {
			return "", err
		}
		for _, section := range nativeSections {
			if section.name == name {
				return "", section.run(n, &s, sections[name])
			}
		}
		return "", nil
	})
	return s.cases
}

func TestEveryChangedValueOfTheNativeProtocolFails(t *testing.T) {
	for _, section := range nativeSections {
		if section.run == nil {
			continue
		}
		run := func(file []byte) []Case { return runNative(section.name, file) }
		mustFailBy(t, section.name, read(t, nativePath), run, except(func(l leaf) (any, bool) {
			if !strings.HasPrefix(l.path, section.name+"/") {
				return nil, false
			}
			return anyValue(l)
		}, "backup/chunk0_*", "backup/manifest*")) // skipped
	}
}

// One value of each section, in the file as a whole.
func TestEverySectionOfTheNativeProtocolCounts(t *testing.T) {
	mustFail(t, "native_v2", read(t, nativePath), func(l leaf) (any, bool) {
		switch l.path {
		case "devices/alice/phone/key_id", "device_log/anchor", "registration/external_aad", "backup/kek":
			return anyHex(l)
		}
		return nil, false
	})
}

func TestSectionOfTheNativeProtocolIsRunOrSkipped(t *testing.T) {
	file := read(t, nativePath).(map[string]any)
	all := count(runBytes("native_v2", encode(t, file)))
	few, kept := maps.Clone(file), 0 // those that are run, and one that is not
	for _, section := range nativeSections {
		if section.run == nil && section.name == "group" {
			kept = 1 // the safety number of the group needs its ID
			continue
		}
		if section.run == nil {
			delete(few, section.name)
			continue
		}
		without := maps.Clone(file)
		delete(without, section.name)
		if n := count(runBytes("native_v2", encode(t, without))); n.failed == 0 {
			t.Errorf("without %s: %+v, want a failed case", section.name, n)
		}
	}
	few["added"] = map[string]any{}
	// Skipped are the chunks of the vault and what was added.
	if n := count(runBytes("native_v2", encode(t, few))); n != (outcomes{all.passed, 0, 2 + kept}) {
		t.Errorf("with an unknown section instead of those that are skipped: %+v", n)
	}
	if missing := len(file) - len(few); all.skipped != missing+2+kept {
		t.Errorf("%d skipped, and %d sections", all.skipped, missing)
	}
}

func TestMissingFieldOfTheNativeProtocolFails(t *testing.T) {
	for _, section := range nativeSections {
		if section.run == nil {
			continue
		}
		file := read(t, nativePath)
		object := field[map[string]any](t, file, section.name)
		switch section.name {
		case "padded_length_of_plaintext_length":
			continue // a table: its rows are no fields
		case "devices":
			object = field[map[string]any](t, object, "carol/phone") // of suite 2
		}
		for key, value := range maps.Clone(object) {
			if strings.HasPrefix(key, "chunk0_") || strings.HasPrefix(key, "manifest") {
				continue // skipped
			}
			delete(object, key)
			if n := count(runNative(section.name, encode(t, file))); n.failed == 0 {
				t.Errorf("without %s of %s: %+v, want a failed case", key, section.name, n)
			}
			object[key] = value
		}
	}
}
