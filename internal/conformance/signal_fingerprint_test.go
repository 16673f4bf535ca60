package conformance

import (
	"slices"
	"strings"
	"testing"
)

const signalPath = "testdata/vectors/signal_fingerprint.json"

func TestEveryChangedValueOfSignalFails(t *testing.T) {
	mustFail(t, "signal_fingerprint", read(t, signalPath), except(anyValue,
		"title", "algorithm/*", "vectors/*/name", "vectors/*/source", "negative/*/name", "negative/*/source", // about the file
		"negative/*/ours", "negative/*/theirs", // something else that is refused
		"negative/0/expect", // only how it begins counts
	))
}

func TestNegativeCaseOfSignalThatMatchesFails(t *testing.T) {
	file := read(t, signalPath)
	scans := 0
	for _, object := range field[[]any](t, file, "negative") {
		v := object.(map[string]any)
		ours, ok := v["ours"].(string)
		if !ok {
			continue
		}
		const local, remote, end = 2 * 6, 2 * 42, 2 * 74 // hexadecimal digits
		v["theirs"] = ours[:local] + ours[remote:end] + ours[local+64:remote] + ours[local:local+64]
		scans++
	}
	if n := count(runBytes("signal_fingerprint", encode(t, file))); n.failed != scans || scans == 0 {
		t.Errorf("%+v, want %d failed", n, scans)
	}
}

// What comes of each step of an attempt in which something is wrong. What is wrong may often be otherwise.
func TestEveryChangedOutcomeOfAnAttemptFails(t *testing.T) {
	file := readSotto(t, "sotto_numbers")
	for _, c := range field[[]any](t, file, "cases") {
		if !strings.HasPrefix(field[string](t, c, "name"), "sas refused: ") {
			continue
		}
		one := alone(t, file, c, field[[]any](t, file, "refused")[0])
		mustFail(t, "sotto_numbers", one, func(l leaf) (any, bool) {
			at, ok := strings.CutPrefix(l.path, "cases/0/outputs/steps/")
			parts := strings.Split(at, "/")
			if !ok || !slices.Contains([]string{"reply", "fault", "state", "emoji", "decimals"}, parts[1]) {
				return nil, false
			}
			return anyValue(l)
		})
	}
}
