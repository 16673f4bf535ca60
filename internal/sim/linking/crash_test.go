package linking_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/sottokit/sotto/internal/sim/linking"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/recovery"
)

var (
	printed = recovery.Generate()
	base    = sync.OnceValues(func() (*linking.World, error) { return linking.New(printed) })
	second  = sync.OnceValues(func() (*linking.World, error) {
		w, err := linking.New(printed)
		if err == nil {
			err = w.Second()
		}
		return w, err
	})
	cloning sync.Mutex
)

// world is one of alice and bob with a phone each; or, from second, with a second phone of alice.
func world(t *testing.T, from func() (*linking.World, error)) *linking.World {
	t.Helper()
	cloning.Lock()
	defer cloning.Unlock()
	b, err := from()
	ok(t, err)
	w, err := b.Clone()
	ok(t, err)
	return w
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var choices = []link.Choice{{History: link.Sessions}, {History: link.Nothing}}

// attempt is one of alice's first phone with a new phone.
func attempt(w *linking.World, byCode bool, c link.Choice) *linking.Attempt {
	return w.Attempt(w.Phones[0], w.Buy("alice"), byCode, c)
}

// confirmed is the step with which the two ways to link become one.
func confirmed(byCode bool) int {
	return slices.IndexFunc(linking.Steps(byCode), func(s linking.Step) bool { return s.Name == "confirms" })
}

// effects are those of each step of an attempt in which nothing goes wrong.
func effects(t *testing.T, byCode bool, c link.Choice) []linking.Effect {
	t.Helper()
	all, err := attempt(world(t, base), byCode, c).Effects()
	ok(t, err)
	return all
}

// faults are all that can go wrong once in an attempt. What both ways to link have alike goes wrong with a QR code; of a code
// only the commits are tried again.
func faults(t *testing.T, byCode bool, c link.Choice) (all []linking.Fault) {
	t.Helper()
	for step, e := range effects(t, byCode, c) {
		for n := range e.Commits {
			for _, k := range []linking.Kind{linking.CrashBefore, linking.CrashAfter, linking.FailBefore, linking.FailAfter} {
				all = append(all, linking.Fault{Step: step, Commit: n, Kind: k, Late: n%2 == 1})
			}
		}
		later := step > confirmed(byCode)
		if byCode && later {
			continue
		}
		all = append(all, linking.Fault{Step: step, Kind: linking.CrashSent}, linking.Fault{Step: step, Kind: linking.CrashBoth})
		if later { // before that nothing is kept that could make a difference
			all = append(all, linking.Fault{Step: step, Kind: linking.CrashSent, Late: true})
		}
		if e.Sends {
			for _, k := range []linking.Kind{linking.CrashUnsent, linking.Lose, linking.Double} {
				all = append(all, linking.Fault{Step: step, Kind: k})
			}
		}
	}
	return all
}

func TestALinkThatBreaksAnywhereEndsWell(t *testing.T) {
	for i, byCode := range []bool{linking.ByQR, linking.ByCode} {
		for _, f := range faults(t, byCode, choices[i]) {
			t.Run(fmt.Sprint(way[byCode], &f), func(t *testing.T) {
				t.Parallel()
				endsWell(t, byCode, choices[i], &f)
			})
		}
	}
}

var way = map[bool]string{linking.ByQR: "QR ", linking.ByCode: "code "}

// endsWell runs an attempt in which something goes wrong, lets everybody settle, and tries again.
func endsWell(t *testing.T, byCode bool, c link.Choice, f *linking.Fault) {
	t.Helper()
	w := world(t, base)
	a := attempt(w, byCode, c)
	ok(t, a.Run(f))
	ok(t, a.CheckOpen())
	ok(t, w.Settle())
	ok(t, w.Check())
	ok(t, errors.Join(a.Over(linking.OldSide), a.Over(linking.NewSide)))
	// A crash right after what the last message asks for was committed: only the old device's store knows.
	unsaid := f.Kind == linking.CrashAfter && linking.Steps(byCode)[f.Step].Name == "finishes"
	if in := w.Active("alice")[a.ID]; in != a.Finished && !unsaid {
		t.Errorf("in the log %v, finished at the old device %v: %v", in, a.Finished, a.Refusals)
	}
	if k := f.Kind; !a.Finished && (k == linking.FailBefore || k == linking.FailAfter || k == linking.Double) {
		t.Errorf("it did not go on: %v", a.Refusals)
	}
	again(t, w, byCode, c)
}

// again is another attempt, in which nothing goes wrong.
func again(t *testing.T, w *linking.World, byCode bool, c link.Choice) {
	t.Helper()
	a := attempt(w, byCode, c)
	ok(t, a.Run(nil))
	ok(t, a.Complete())
	ok(t, w.Rounds(1))
	ok(t, w.Talk())
	ok(t, w.Check())
	if !w.Active("alice")[a.ID] {
		t.Error("the second attempt did not last")
	}
}

// A person who loses patience, and clocks that go wrong.
func TestALinkThatIsCancelledOrLosesTrackOfTimeEndsWell(t *testing.T) {
	for i, byCode := range []bool{linking.ByQR, linking.ByCode} {
		for step := range linking.Steps(byCode) {
			if byCode && step > confirmed(byCode) {
				break
			}
			for k := linking.Cancel; k <= linking.ClockBlinks; k++ {
				f := &linking.Fault{Step: step, Kind: k}
				t.Run(fmt.Sprint(way[byCode], f), func(t *testing.T) {
					t.Parallel()
					endsWell(t, byCode, choices[i], f)
				})
			}
		}
	}
}

// Contacts are handed over when that was chosen, and only then.
func TestALinkHandsOverWhatWasChosen(t *testing.T) {
	for _, byCode := range []bool{linking.ByQR, linking.ByCode} {
		for _, c := range choices {
			w := world(t, base)
			a := attempt(w, byCode, c)
			ok(t, a.Run(nil))
			ok(t, a.Complete())
			ok(t, a.CheckOpen())
			ok(t, w.Settle())
			ok(t, w.Check())
			if knows := a.New().Knows("bob"); knows != (c.History != link.Nothing) {
				t.Errorf("%v was chosen, and bob is a contact: %v", c.History, knows)
			}
			ok(t, w.Talk())
			ok(t, w.Check())
		}
	}
}
