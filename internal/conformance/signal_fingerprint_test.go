package conformance

import "testing"

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
