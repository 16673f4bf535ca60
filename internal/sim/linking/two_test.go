package linking_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/sim/linking"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/recovery"
)

// blocks are the steps of an attempt in parts: what is done in one of them has nothing to do with another attempt.
func blocks() (all [][]linking.Step) {
	var part []linking.Step
	for _, s := range linking.Steps(linking.ByQR) {
		part = append(part, s)
		switch s.Name {
		case "confirms", "signs", "posts":
			all, part = append(all, part), nil
		}
	}
	return append(all, part)
}

// orders are all orders in which two rows of n parts can be done, the first one of which begins.
func orders(n int) (all [][]int) {
	var add func(done []int)
	add = func(done []int) {
		if len(done) == 2*n {
			all = append(all, slices.Clone(done))
		}
		for which := range 2 {
			count := 0
			for _, d := range done {
				if d == which {
					count++
				}
			}
			if count < n && (which == 0 || len(done) > 0) {
				add(append(slices.Clone(done), which))
			}
		}
	}
	add(nil)
	return all
}

// Two old devices link at once, two new phones or one that scans both. One entry comes first; whoever was overtaken begins
// again, and has it.
func TestTwoOldDevicesAtOnceEndWell(t *testing.T) {
	parts := blocks()
	for _, same := range []bool{false, true} {
		for _, order := range orders(len(parts)) {
			t.Run(fmt.Sprintf("same phone %v, order %v", same, order), func(t *testing.T) {
				t.Parallel()
				w := world(t, second)
				first := w.Attempt(w.Phones[0], w.Buy("alice"), linking.ByQR, choices[0])
				phone := first.New()
				if !same {
					phone = w.Buy("alice")
				}
				both := []*linking.Attempt{first, w.Attempt(w.Phones[2], phone, linking.ByQR, choices[1])}
				var done [2]int
				for _, which := range order {
					for _, s := range parts[done[which]] {
						ok(t, both[which].Do(&s))
					}
					done[which]++
				}
				ok(t, w.Settle())
				ok(t, w.Check())
				for i, a := range both {
					if in := w.Active("alice")[a.ID]; in != a.Finished {
						t.Errorf("attempt %d: in the log %v, finished at the old device %v: %v", i, in, a.Finished, a.Refusals)
					}
					if !a.Finished {
						wantOvertaken(t, a)
						a = w.Attempt(a.Old(), w.Buy("alice"), linking.ByQR, choices[1])
						ok(t, a.Run(nil))
						ok(t, a.Complete())
						ok(t, w.Rounds(1))
					}
				}
				ok(t, w.Talk())
				ok(t, w.Check())
			})
		}
	}
}

// wantOvertaken holds that an attempt ended because the other one was faster, and said so.
func wantOvertaken(t *testing.T, a *linking.Attempt) {
	t.Helper()
	why := map[string]fault.Code{
		"is served the log": fault.TooFarAhead,   // the digits were typed at a device that did not know of the other entry yet
		"admits":            fault.StoreConflict, // both signed
		"makes its account": fault.Misuse,        // the phone has one
	}
	if len(a.Refusals) == 0 {
		t.Fatal("nothing was refused")
	}
	first := a.Refusals[0]
	if want := why[first.Step]; want == 0 || !errors.Is(first.Err, want) {
		t.Errorf("%s is refused: %v", first.Step, first.Err)
	}
}

// A revocation that loses its place in the log to an entry of another device is signed again, by itself: of a link that was
// broken off, and of a device that a person revokes.
func TestARevocationThatIsOvertakenIsSignedAgain(t *testing.T) {
	for _, broken := range []bool{true, false} {
		w := world(t, second)
		by, other := w.Phones[0], w.Phones[2]
		a := attempt(w, linking.ByQR, choices[0])
		for _, s := range linking.Steps(linking.ByQR) {
			if broken && s.Name == "admits" {
				break
			}
			ok(t, a.Do(&s))
		}
		ok(t, other.Sync())
		if !w.Active("alice")[a.ID] {
			t.Fatal("the device is not in the log")
		}
		if broken {
			w.Now = w.Now.Add(link.Life)
			ok(t, by.Account.Upkeep(t.Context(), false))
		} else {
			_, err := by.Account.Revoke(t.Context(), a.ID)
			ok(t, err)
		}
		ok(t, other.SetRecovery(printed, recovery.Generate()))
		ok(t, w.Settle())
		if w.Active("alice")[a.ID] || !by.ToldOf(sotto.KindOvertaken, by.Account.Device()) {
			t.Errorf("the device is active: %v", w.Active("alice")[a.ID])
		}
		ok(t, w.Rounds(1))
		ok(t, w.Check())
	}
}

// Whoever was revoked before the last message came is not linked, and the old device does not say so.
func TestADeviceThatWasRevokedMeanwhileIsNotLinked(t *testing.T) {
	w := world(t, second)
	a := attempt(w, linking.ByQR, choices[0])
	for _, s := range linking.Steps(linking.ByQR) {
		if s.Name == "finishes" {
			ok(t, w.Phones[2].Sync())
			ok(t, w.Phones[2].Revoke(a.ID))
			ok(t, w.Phones[0].Sync())
		}
		ok(t, a.Do(&s))
	}
	if a.Finished || len(a.Refusals) == 0 || !errors.Is(a.Refusals[0].Err, fault.Expired) {
		t.Errorf("finished %v, refused: %v", a.Finished, a.Refusals)
	}
	ok(t, w.Settle())
	ok(t, w.Talk())
	ok(t, w.Check())
}

// Nothing is signed on another log than the one that the digits were typed for.
func TestALogThatGrowsAfterTheDigitsWereTypedEndsTheAttempt(t *testing.T) {
	w := world(t, second)
	a := attempt(w, linking.ByQR, choices[0])
	for _, s := range linking.Steps(linking.ByQR) {
		if s.Name == "signs" {
			ok(t, w.Phones[2].SetRecovery(printed, recovery.Generate()))
			ok(t, w.Phones[0].Sync())
		}
		ok(t, a.Do(&s))
	}
	if len(a.Refusals) == 0 || a.Refusals[0].Step != "signs" || !errors.Is(a.Refusals[0].Err, fault.StoreConflict) {
		t.Errorf("refused: %v", a.Refusals)
	}
	ok(t, w.Settle())
	ok(t, w.Check())
	again(t, w, linking.ByQR, choices[0])
}
