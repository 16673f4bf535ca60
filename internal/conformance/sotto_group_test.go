package conformance

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

// slowGroups are cases whose values stand in others, too, and that take their time.
var slowGroups = []string{
	"50 members*", "51st member", "user ID [1-9]*", "leave*", "remove *", "role that *", "transfer back",
}

// longSequences have many branches.
var longSequences = []string{"*sixteen*", "* at random *"}

func TestEveryChangedValueOfAGroupEntryFails(t *testing.T) {
	file := readSotto(t, "sotto_groups")
	refused := field[[]any](t, file, "refused")[0]
	for _, c := range field[[]any](t, file, "cases") {
		if name := field[string](t, c, "name"); field[string](t, c, "kind") == "group_entry" && !matches(slowGroups, name) {
			mustFail(t, "sotto_groups", alone(t, file, c, refused), func(l leaf) (any, bool) {
				if at, ok := strings.CutPrefix(l.path, "cases/0/"); !ok || at == "name" {
					return nil, false
				}
				return anyValue(l)
			})
		}
	}
}

// What comes of a step: the state after the last one, and after the first other order of them.
func TestEveryChangedOutcomeOfAGroupSequenceFails(t *testing.T) {
	file := readSotto(t, "sotto_groups")
	refused := field[[]any](t, file, "refused")[0]
	outcomes := []string{"do", "fault", "epoch", "members"}
	sequences := 0
	for _, c := range field[[]any](t, file, "cases") {
		if field[string](t, c, "kind") != "group_sequence" || matches(longSequences, field[string](t, c, "name")) {
			continue
		}
		sequences++
		inputs := field[map[string]any](t, c, "inputs")
		if orders, ok := inputs["orders"].([]any); ok {
			inputs["orders"] = orders[:1]
		}
		steps := field[[]any](t, inputs, "steps")
		last := fmt.Sprintf("cases/0/inputs/steps/%d/after/", len(steps)-1)
		mustFail(t, "sotto_groups", alone(t, file, c, refused), func(l leaf) (any, bool) {
			step, ok := strings.CutPrefix(l.path, "cases/0/inputs/steps/")
			outcome := ok && strings.Count(step, "/") == 1 && slices.Contains(outcomes, path.Base(step))
			if !outcome && !strings.HasPrefix(l.path, last) && !strings.HasPrefix(l.path, "cases/0/inputs/orders/") {
				return nil, false
			}
			return anyValue(l)
		})
	}
	if sequences == 0 {
		t.Error("no sequence")
	}
}

func TestEveryChangedFaultOfAGroupFails(t *testing.T) {
	file := readSotto(t, "sotto_groups")
	refused := field[[]any](t, file, "refused")
	for _, r := range refused {
		r.(map[string]any)["fault"] = "store_failed"
	}
	if n := count(runBytes("sotto_groups", encode(t, file))); n.failed != len(refused) {
		t.Errorf("%+v, want %d failed", n, len(refused))
	}
}

// A step without what is to come of it is no pass.
func TestMissingOutcomeOfAGroupSequenceFails(t *testing.T) {
	file := readSotto(t, "sotto_groups")
	c := named(t, file, "sequence: resolve")
	one := alone(t, file, c, field[[]any](t, file, "refused")[0])
	for i, s := range field[[]any](t, field[map[string]any](t, c, "inputs"), "steps") {
		step := s.(map[string]any)
		for _, what := range []string{"do", "after", "fault", "epoch", "members"} {
			old, ok := step[what]
			if !ok {
				continue
			}
			delete(step, what)
			if n := count(runBytes("sotto_groups", encode(t, one))); n.failed != 1 {
				t.Errorf("step %d without %s: %+v, want one failed case", i, what, n)
			}
			step[what] = old
		}
	}
}
