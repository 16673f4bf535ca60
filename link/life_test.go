package link_test

import (
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
)

// act is what a person, a server or the other device does to one side.
type act struct {
	name  string
	old   bool // to the old device
	reach func(r *run)
	do    func(r *run, now time.Time) error
}

func acts() []act {
	acts := []act{
		{"Join", false, func(r *run) {
			if r.qr == nil {
				r.toNew(r.old.First())
			}
		}, func(r *run, now time.Time) error {
			_, err := r.new.Join(device.Hybrid, now)
			return err
		}},
		{"JoinAs", false, func(r *run) {
			if r.qr == nil {
				r.toNew(r.old.First())
			}
		}, func(r *run, now time.Time) error {
			_, err := r.new.JoinAs(generate(r, alice), now)
			return err
		}},
		{"Confirm", true, (*run).shown, func(r *run, now time.Time) error {
			_, err := r.old.Confirm(r.new.Digits(), r.log, now)
			return err
		}},
		{"Served", false, (*run).confirmed, func(r *run, now time.Time) error {
			_, err := r.new.Served(r.log, now)
			return err
		}},
		{"Admitted", true, func(r *run) { r.entry = r.add(r.phone, r.candidate()) }, func(r *run, now time.Time) error {
			_, err := r.old.Admitted(r.log, r.entry, r.nonce, nil, now)
			return err
		}},
		{"Served again", false, (*run).told, func(r *run, now time.Time) error {
			_, err := r.new.Served(r.log, now)
			return err
		}},
		{"Registered", false, (*run).belongs, func(r *run, now time.Time) error {
			_, err := r.new.Registered([]byte{1}, now)
			return err
		}},
	}
	for _, s := range sealedSteps()[:5] { // M8 comes when it comes
		var message []byte
		acts = append(acts, act{s.name, s.toOld, func(r *run) { message = s.reach(r) }, func(r *run, now time.Time) error {
			_, err := s.receiver(r)(message, now)
			return err
		}})
	}
	return acts
}

// eachAct runs a test before everything that is done to one side of an attempt.
func eachAct(t *testing.T, f func(r *run, a act)) {
	t.Helper()
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		for _, a := range acts() {
			t.Run(a.name, func(t *testing.T) {
				r := begin(t)
				a.reach(r)
				f(r, a)
			})
		}
	})
}

func (r *run) state(old bool, now time.Time) link.State {
	if old {
		return r.old.State(now)
	}
	return r.new.State(now)
}

func TestAttemptLivesUntilItsLastMoment(t *testing.T) {
	eachAct(t, func(r *run, a act) {
		if err := a.do(r, start.Add(link.Life-1)); err != nil {
			r.Error(err)
		}
	})
}

func TestAttemptIsOverInTime(t *testing.T) {
	for name, late := range map[string]time.Duration{
		"in time": link.Life, "long ago": 1000 * time.Hour, "the clock went back": -1, "the clock went far back": -1000 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			eachAct(t, func(r *run, a act) {
				wantFault(r, a.do(r, start.Add(late)), fault.Expired)
				// It does not begin to live again.
				if s := r.state(a.old, start); s != link.Aborted {
					r.Errorf("state %v", s)
				}
				wantFault(r, a.do(r, start), fault.Expired)
			})
		})
	}
}

func TestStateEndsAnAttemptThatIsOver(t *testing.T) {
	for _, late := range []time.Duration{link.Life, -1} {
		eachAct(t, func(r *run, a act) {
			if s := r.state(a.old, start.Add(late)); s != link.Aborted {
				r.Errorf("state %v", s)
			}
			wantFault(r, a.do(r, start), fault.Expired)
		})
	}
}

// What is done stays done, and what is linked may learn the choice at any time.
func TestEndDoesNotExpire(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		m8 := r.toOld(r.linked())
		r.now = start.Add(1000 * time.Hour)
		r.states(link.Done, link.Linked)
		r.toNew(m8)
		r.states(link.Done, link.Done)
		if _, told := r.new.Choice(); !told {
			t.Error("the choice is not told")
		}
		r.now = start.Add(-time.Hour)
		r.states(link.Done, link.Done)
	})
}

func TestNothingIsTakenAfterTheEnd(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		r.done()
		for _, m := range append(r.sent, nil, []byte{1}) {
			r.refuses(r.old.Receive, m, fault.Replayed)
			r.refuses(r.new.Receive, m, fault.Replayed)
		}
		_, err1 := r.old.Confirm("000000", r.log, start)
		_, err2 := r.old.Admitted(r.log, r.entry, r.nonce, nil, start)
		_, err3 := r.new.Join(device.Classical, start)
		_, err4 := r.new.Served(r.log, start)
		_, err5 := r.new.Registered([]byte{1}, start)
		for _, err := range []error{err1, err2, err3, err4, err5} {
			wantFault(t, err, fault.Misuse)
		}
		r.old.Cancel()
		r.new.Cancel()
		r.states(link.Done, link.Done)
	})
}

func TestCancelEndsAnAttempt(t *testing.T) {
	eachAct(t, func(r *run, a act) {
		if a.old {
			r.old.Cancel()
		} else {
			r.new.Cancel()
		}
		if s := r.state(a.old, start); s != link.Aborted {
			r.Errorf("state %v", s)
		}
		wantFault(r, a.do(r, start), fault.Expired)
	})
}

func TestCancelDoesNotUnlink(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		m8 := r.toOld(r.linked())
		r.new.Cancel()
		r.states(link.Done, link.Done)
		r.refuses(r.new.Receive, m8, fault.Replayed)
		if _, told := r.new.Choice(); told {
			t.Error("a choice after the end")
		}
		if r.new.Keys() == nil || r.new.Log() == nil {
			t.Error("the keys are gone")
		}
	})
}

// The keys are the caller's from Registering on: an attempt that ends there leaves them whole.
func TestKeysOutliveTheAttempt(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		for name, end := range map[string]func(r *run){
			"cancelled": func(r *run) { r.new.Cancel() },
			"expired":   func(r *run) { r.new.State(start.Add(link.Life)) },
			"done":      func(r *run) { r.toNew(r.toOld(r.say(r.new.Registered(r.register(), start)))) },
		} {
			r := begin(t)
			r.belongs()
			keys := r.new.Keys()
			end(r)
			if r.new.Keys() != keys || r.new.Log() == nil || r.new.Nonce() != r.nonce {
				t.Errorf("%s: the keys are gone", name)
			}
			r.register()
		}
	})
}
