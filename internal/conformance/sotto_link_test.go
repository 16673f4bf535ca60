package conformance

import (
	"context"
	"path"
	"slices"
	"strings"
	"testing"
)

// likeOtherLinks are cases whose values stand in others, too, and that take their time.
var likeOtherLinks = []string{
	"qr, the 32nd device", "qr, suite [12] links *", "qr, digits *", "qr, keys *", "qr, record *", "qr, after *",
	"qr, last *", "cpace: password of *", "cpace: associated data of 16,384 bytes", "digits: any *",
}

// looseInLinks are values that may be other ones, too: case and field.
var looseInLinks = []string{
	"*/inputs/later",   // a second more is early enough
	"code*/inputs/now", // only a QR code holds a time
}

func TestEveryChangedValueOfALinkFails(t *testing.T) {
	file := readSotto(t, "sotto_link")
	refused := field[[]any](t, file, "refused")[0]
	for _, c := range field[[]any](t, file, "cases") {
		name := field[string](t, c, "name")
		if field[string](t, c, "kind") == "link_sequence" || matches(likeOtherLinks, name) {
			continue
		}
		mustFail(t, "sotto_link", alone(t, file, c, refused), func(l leaf) (any, bool) {
			at, ok := strings.CutPrefix(l.path, "cases/0/")
			if !ok || at == "name" || matches(looseInLinks, name+"/"+at) {
				return nil, false
			}
			return anyValue(l)
		})
	}
}

// eachLinkSequence calls f with every sequence, and with what runs a sequence alone.
func eachLinkSequence(t *testing.T, f func(name string, sequence any, run func([]byte) []Case)) {
	t.Helper()
	cases := field[[]any](t, readSotto(t, "sotto_link"), "cases")
	objects := map[string][]byte{}
	for _, c := range cases {
		objects[field[string](t, c, "name")] = encode(t, c)
	}
	run := func(object []byte) []Case {
		s := suite{ctx: context.Background()}
		s.check("sequence", func() (string, error) { return "", linkSequence(objects, object) })
		return s.cases
	}
	sequences := 0
	for _, c := range cases {
		if field[string](t, c, "kind") == "link_sequence" {
			sequences++
			f(field[string](t, c, "name"), c, run)
		}
	}
	if sequences == 0 {
		t.Error("no sequence")
	}
}

// linkOutcomes are what comes of a step, and the step itself. When it happens, or with which message, may often be
// otherwise.
var linkOutcomes = []string{"do", "send", "answers", "fault", "state", "digits"}

func TestEveryChangedOutcomeOfALinkSequenceFails(t *testing.T) {
	eachLinkSequence(t, func(name string, sequence any, run func([]byte) []Case) {
		mustFailBy(t, name, sequence, run, func(l leaf) (any, bool) {
			ofStep := strings.HasPrefix(l.path, "inputs/steps/") && slices.Contains(linkOutcomes, path.Base(l.path))
			if !ofStep && l.path != "inputs/of" && l.path != "inputs/side" {
				return nil, false
			}
			return anyValue(l)
		})
	})
}

// A step without what is to come of it is no pass.
func TestMissingOutcomeOfALinkSequenceFails(t *testing.T) {
	eachLinkSequence(t, func(name string, sequence any, run func([]byte) []Case) {
		if !strings.HasSuffix(name, "replays") {
			return // these have steps of all kinds
		}
		for i, s := range field[[]any](t, field[map[string]any](t, sequence, "inputs"), "steps") {
			step := s.(map[string]any)
			for _, what := range linkOutcomes {
				old, ok := step[what]
				if !ok {
					continue
				}
				delete(step, what)
				if n := count(run(encode(t, sequence))); n.failed != 1 {
					t.Errorf("%s, step %d without %s: %+v, want one failed case", name, i, what, n)
				}
				step[what] = old
			}
		}
	})
}

func TestEveryChangedFaultOfALinkFails(t *testing.T) {
	file := readSotto(t, "sotto_link")
	refused := field[[]any](t, file, "refused")
	for _, r := range refused {
		r.(map[string]any)["fault"] = "store_failed"
	}
	if n := count(runBytes("sotto_link", encode(t, file))); n.failed != len(refused) {
		t.Errorf("%+v, want %d failed", n, len(refused))
	}
}

// Whether an attempt is over after a refusal is said of every attempt, and of nothing else.
func TestEveryChangedEndOfALinkFails(t *testing.T) {
	file := readSotto(t, "sotto_link")
	refused := field[[]any](t, file, "refused")
	for i, r := range refused {
		r := r.(map[string]any)
		over, ok := r["over"].(bool)
		switch {
		case !ok:
			r["over"] = true
		case i%2 == 0:
			r["over"] = !over
		default:
			delete(r, "over")
		}
	}
	if n := count(runBytes("sotto_link", encode(t, file))); n.failed != len(refused) {
		t.Errorf("%+v, want %d failed", n, len(refused))
	}
}
