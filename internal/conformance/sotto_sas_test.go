package conformance

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// What comes of each step of an attempt in which something is wrong. What is wrong may often be otherwise.
func TestEveryChangedOutcomeOfAnAttemptFails(t *testing.T) {
	for _, c := range field[[]any](t, readSotto(t, "sotto_numbers"), "cases") {
		name := field[string](t, c, "name")
		if !strings.HasPrefix(name, "sas refused: ") {
			continue
		}
		mustFailBy(t, name, c, runCase, func(l leaf) (any, bool) {
			parts := strings.Split(l.path, "/")
			if len(parts) < 4 || !slices.Contains([]string{"reply", "fault", "state", "emoji", "decimals"}, parts[3]) {
				return nil, false
			}
			return anyValue(l)
		})
	}
}

// runCase reads one case of a file of numbers, alone.
func runCase(object []byte) []Case {
	s := suite{ctx: context.Background()}
	s.check("case", func() (string, error) {
		c, err := sottoNumberKinds.newCase(s.ctx, object)
		if err != nil {
			return "", err
		}
		return "", c.read()
	})
	return s.cases
}
