package sotto_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
)

// fuzzed gives inputs to a copy of an account, with all that is promised of what comes out.
func fuzzed(t *testing.T, a *sotto.Account, in ...[]byte) []sotto.Event {
	t.Helper()
	events, err := a.Receive(background, in...)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) < len(in) {
		t.Fatalf("%d events for %d inputs", len(events), len(in))
	}
	never := []fault.Code{ // of an input
		fault.Misuse, fault.DestroyedKey, fault.StoreFailed, fault.StoreConflict, fault.Canceled, fault.WrongSecret,
	}
	for i, e := range events {
		if i < len(in) && e.ID != sum(in[i]) {
			t.Errorf("event %d is of another input", i)
		}
		notice := i >= len(in) && (e.Kind == sotto.KindRestored || e.Kind == sotto.KindOvertaken)
		if e.Why == 0 || notice {
			continue
		}
		if !slices.Contains(fault.Codes(), e.Why) || slices.Contains(never, e.Why) || e.Body != nil {
			t.Errorf("event of kind %q has reason %v and a body of %d bytes", e.Kind, e.Why, len(e.Body))
		}
	}
	return events
}

// Whatever comes in, nothing breaks, every event has a reason that an input can have, and a good message beside it comes
// out.
func FuzzReceive(f *testing.F) { fuzzReceive(f, readFrozen(f)) }

// The same with an account that is in a group.
func FuzzReceiveInGroup(f *testing.F) { fuzzReceive(f, readFrozenGroup(f)) }

func fuzzReceive(f *testing.F, frozen *frozen) {
	for _, b := range append(frozen.More, frozen.Message, frozen.Unread) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzzed(t, frozen.unlock(), b)
		for at, in := range [][][]byte{{frozen.Message, b}, {b, frozen.Message}} {
			a := frozen.unlock()
			if _, err := a.Peek(background, in...); err != nil {
				t.Error(err)
			}
			if e := fuzzed(t, a, in...)[at]; string(e.Body) != "good" || e.Why != 0 {
				t.Errorf("the good message is %+v", e)
			}
			if e := fuzzed(t, a, in...)[at]; string(e.Body) != "good" || !e.Again {
				t.Errorf("the good message again is %+v", e)
			}
		}
	})
}
