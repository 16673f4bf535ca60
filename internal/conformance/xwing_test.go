package conformance

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestEveryChangedValueOfXWingFails(t *testing.T) {
	// The randomness of an encapsulation is of no case.
	mustFail(t, "x-wing", read(t, "testdata/x-wing/x-wing.json"), except(anyHex, "*/eseed"))

	rows := read(t, "testdata/hpke/hpke-pq.json").([]any)
	mustFail(t, "hpke-pq", rows, func(l leaf) (any, bool) {
		row, _, _ := strings.Cut(l.path, "/")
		i, err := strconv.Atoi(row)
		if err != nil || rows[i].(map[string]any)["kem_id"] != float64(xwingKEM) {
			return nil, false
		}
		always := []string{"skRm", "pkRm", "enc", "shared_secret"}
		inSchedule := []string{"info", "key", "base_nonce", "exporter_secret"}
		scheduled := rows[i].(map[string]any)["kdf_id"] == float64(hkdfSHA256)
		if name := path.Base(l.path); !slices.Contains(always, name) && !(scheduled && slices.Contains(inSchedule, name)) {
			return nil, false
		}
		return anyHex(l)
	})
}

func TestMissingFieldOfXWingFails(t *testing.T) {
	for base, file := range map[string]string{"x-wing": "testdata/x-wing/x-wing.json", "hpke-pq": "testdata/hpke/hpke-pq.json"} {
		rows := read(t, file).([]any)
		row := rows[0].(map[string]any)
		for _, name := range []string{"seed", "eseed", "ss", "sk", "pk", "ct", "kem_id", "kdf_id", "skRm", "enc", "shared_secret", "key"} {
			value, ok := row[name]
			if !ok {
				continue
			}
			delete(row, name)
			if n := count(runBytes(base, encode(t, rows))); n.failed == 0 {
				t.Errorf("%s without %s: %+v, want a failed case", base, name, n)
			}
			row[name] = value
		}
	}
}
