package linking_test

import (
	"fmt"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/internal/sim/linking"
)

// A store that was put back does not remember what it signed, and one of a new device not that there was an account. Then a
// device may be in the log whose keys nobody has. The person was told of it, and revokes it.
func TestAStoreThatIsPutBackIsMended(t *testing.T) {
	for i, byCode := range []bool{linking.ByQR, linking.ByCode} {
		for step, e := range effects(t, byCode, choices[i]) {
			if byCode && step > confirmed(byCode) {
				break
			}
			for _, k := range []linking.Kind{linking.RestoreStep, linking.RestoreAttempt} {
				if k == linking.RestoreStep && e.Commits == 0 {
					continue // there is nothing to put back
				}
				f := &linking.Fault{Step: step, Kind: k, Late: step%2 == i}
				t.Run(fmt.Sprint(way[byCode], f), func(t *testing.T) {
					t.Parallel()
					w := world(t, base)
					a := attempt(w, byCode, choices[i])
					ok(t, a.Run(f))
					ok(t, w.Settle())
					if lost := w.Lost("alice"); len(lost) > 0 {
						revokeLost(t, w, a, lost)
					}
					ok(t, w.Check())
					again(t, w, byCode, choices[i])
				})
			}
		}
	}
}

// revokeLost is what a person does about a device that is in the log and that is nobody's.
func revokeLost(t *testing.T, w *linking.World, a *linking.Attempt, lost []linking.ID) {
	t.Helper()
	old := w.Phones[0]
	if len(lost) != 1 || lost[0] != a.ID || !old.ToldOf(sotto.KindDeviceAdded, a.ID) {
		t.Fatalf("%d devices that nobody has; told: %v", len(lost), old.Told)
	}
	ok(t, old.Revoke(a.ID))
	ok(t, w.Rounds(1))
}
