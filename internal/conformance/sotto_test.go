package conformance

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// sottoFiles are the files of sotto's own formats.
var sottoFiles = []string{"sotto_keys", "sotto_devices", "sotto_lockbox", "sotto_sessions", "sotto_suite2", "sotto_numbers"}

func readSotto(t *testing.T, base string) any {
	t.Helper()
	return read(t, "testdata/vectors/"+base+".json")
}

// named returns the case of a name.
func named(t *testing.T, file any, name string) any {
	t.Helper()
	cases := field[[]any](t, file, "cases")
	i := slices.IndexFunc(cases, func(c any) bool { return field[string](t, c, "name") == name })
	if i < 0 {
		t.Fatalf("no case %q", name)
	}
	return cases[i]
}

// alone returns a file of one case, and of what is refused with the case that it is of.
func alone(t *testing.T, file, c, refused any) any {
	t.Helper()
	cases := []any{c}
	if of := field[string](t, refused, "of"); of != field[string](t, c, "name") {
		cases = append(cases, named(t, file, of))
	}
	return map[string]any{"cases": cases, "refused": []any{refused}}
}

// loose are values that may be other ones, too: case and field.
var loose = []string{
	"registration */inputs/made", // a second more is in time
	"registration */inputs/now",
	"device-key of suite 1/inputs/seen/key_id",       // of a generation before
	"typed with a line feed at the end/inputs/typed", // or any other white space
	"box with a password*/inputs/secrets/0/kind",     // a password opens slots of both kinds

	"*/inputs/now",            // a second more is early enough
	"*/inputs/statement",      // its signature is checked where it comes in
	"relay-*/inputs/envelope", // the part of another recipient
	"request*/inputs/seen/*",  // of a generation before
	"padded lengths/inputs/lengths/*",
}

// alike are cases whose values stand in others, too, and that take their time.
var alike = []string{
	"log of 32 devices*", "box with all kinds", "box with costlier *", "password *",
	"session of two users with *", "session with *", "session that *", "notes to self of [24] *", "opened*", "created *",
	"more logs held *", "rewrapped*", "*left-out: *", "relay-stripped: *", "content of *", "body of *", "message * of a *",
	"statement in the store: *", "request of *",
	"the other side", "devices in *", "32 devices*", "one device less", "another *", "users *", "the same user ID *",
	"scanned *", "group of three*", "group of 25", "logs, *", "sas, *", "sas refused: *",
}

func TestEveryChangedValueOfSottoFails(t *testing.T) {
	for _, base := range sottoFiles {
		file := readSotto(t, base)
		for _, c := range field[[]any](t, file, "cases") {
			name := field[string](t, c, "name")
			if matches(alike, name) || field[string](t, c, "kind") == "sequence" {
				continue
			}
			one := alone(t, file, c, field[[]any](t, file, "refused")[0])
			mustFail(t, base, one, func(l leaf) (any, bool) {
				at, ok := strings.CutPrefix(l.path, "cases/0/")
				if !ok || at == "name" || matches(loose, name+"/"+at) {
					return nil, false
				}
				return anyValue(l)
			})
		}
	}
}

// What comes of each step of a sequence. When it happens, or in which envelope, may often be otherwise.
func TestEveryChangedOutcomeOfASequenceFails(t *testing.T) {
	file := readSotto(t, "sotto_sessions")
	for _, c := range field[[]any](t, file, "cases") {
		if field[string](t, c, "kind") != "sequence" {
			continue
		}
		one := alone(t, file, c, field[[]any](t, file, "refused")[0])
		mustFail(t, "sotto_sessions", one, func(l leaf) (any, bool) {
			if !matches([]string{"cases/0/inputs/steps/*/*", "cases/0/inputs/steps/*/closed/*"}, l.path) ||
				slices.Contains([]string{"now", "envelope", "message", "drained", "crash"}, path.Base(l.path)) {
				return nil, false
			}
			return anyValue(l)
		})
	}
}

func TestEveryChangedFaultOfSottoFails(t *testing.T) {
	for _, base := range sottoFiles {
		file := readSotto(t, base)
		refused := field[[]any](t, file, "refused")
		for _, r := range refused {
			r.(map[string]any)["fault"] = "store_failed"
		}
		if n := count(runBytes(base, encode(t, file))); n.failed != len(refused) {
			t.Errorf("%s: %+v, want %d failed", base, n, len(refused))
		}
	}
}

func TestEveryChangedGroupOfARecoveryKeyFails(t *testing.T) {
	file := readSotto(t, "sotto_lockbox")
	shorten(t, file, "refused", func(r any) bool { return r.(map[string]any)["group"] != nil })
	refused := field[[]any](t, file, "refused")
	for i, r := range refused {
		r := r.(map[string]any)
		if r["group"] = field[float64](t, r, "group") + 1; i%2 == 0 {
			delete(r, "group")
		}
	}
	shorten(t, file, "cases", func(c any) bool { return field[string](t, c, "kind") == "typed_key" })
	if n := count(runBytes("sotto_lockbox", encode(t, file))); n.failed != len(refused) || n.failed == 0 {
		t.Errorf("%+v, want %d failed", n, len(refused))
	}
}

func TestRefusedCaseOfSottoIsBrokenInOneField(t *testing.T) {
	const of = "sealed, short content"
	for name, change := range map[string]map[string]any{
		"nothing":         {},
		"to itself":       {"kind": "sealed"},
		"two fields":      {"aad": "00", "secret": strings.Repeat("00", 32)},
		"an absent field": {"ad": "00"},
		"a type":          {"aad": 0},
		"nothing of note": {"iv": strings.Repeat("00", 12)}, // which a reader takes from the message: it opens
	} {
		file := readSotto(t, "sotto_keys")
		refused := map[string]any{"name": name, "of": of, "change": change, "fault": "damaged"}
		one := alone(t, file, named(t, file, of), refused)
		if n := count(runBytes("sotto_keys", encode(t, one))); n != (outcomes{1, 1, 0}) {
			t.Errorf("change of %s: %+v, want one failed case", name, n)
		}
	}
}
