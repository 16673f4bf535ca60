package sotto_test

import (
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// A power cut at any call, before or after the commit became durable: the operation done again gives a right result.
func TestAPowerCutAtAnyCallLosesAndDoublesNothing(t *testing.T) {
	for name, o := range operations {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, o)
			alice, bob := copyOf(t, s.alice.Backend), copyOf(t, s.bob.Backend)
			for _, durable := range []bool{false, true} {
				cuts, failures := 0, 0
				for at := 1; ; at++ {
					restore(t, s.bob, copyOf(t, bob))
					restore(t, s.alice, copyOf(t, alice))
					b := tapped(s.alice)
					calls := 0
					b.before = func(call string) error {
						if calls++; calls < at {
							return nil
						}
						if calls == at && durable && call == "Commit" {
							cuts++
							return errDurable
						}
						return errPower
					}
					err := o.do(s)
					down := calls >= at
					b.before = nil
					if down {
						failures++
						restore(t, s.alice, b.Backend)
						if err != nil { // else it was done, but for what Upkeep does again
							wantFault(t, err, fault.StoreFailed)
							err = o.do(s)
						}
					}
					if err != nil {
						t.Fatalf("call %d, durable %t: %v", at, durable, err)
					}
					o.check(s)
					if t.Failed() {
						t.Fatalf("at call %d, durable %t", at, durable)
					}
					if !down {
						break
					}
				}
				if failures == 0 || durable && cuts == 0 {
					t.Errorf("%d power cuts, %d of them after a commit", failures, cuts)
				}
			}
		})
	}
}

// A power cut while an account is made leaves nothing, or the account.
func TestAPowerCutAtCreateLeavesNothingOrAnAccount(t *testing.T) {
	for _, durable := range []bool{false, true} {
		made := 0
		for at := 1; ; at++ {
			b, key := newTap(), newSecret()
			calls := 0
			b.before = func(call string) error {
				switch calls++; {
				case calls < at:
					return nil
				case calls == at && durable && call == "Commit":
					return errDurable
				}
				return errPower
			}
			_, err := sotto.Create(background, b, "alice", nil, key)
			down := calls >= at
			b.before = nil
			if down {
				wantFault(t, err, fault.StoreFailed)
				if _, found := must2(store.Header(background, b)); found {
					made++
					_, err = sotto.Unlock(background, b, nil, key)
				} else {
					_, err = sotto.Create(background, b, "alice", nil, key)
				}
			}
			if err != nil {
				t.Fatalf("call %d, durable %t: %v", at, durable, err)
			}
			if !down {
				break
			}
		}
		if (made > 0) != durable {
			t.Errorf("durable %t: %d accounts", durable, made)
		}
	}
}

func must2[T, U any](a T, b U, err error) (T, U) {
	if err != nil {
		panic(err)
	}
	return a, b
}
