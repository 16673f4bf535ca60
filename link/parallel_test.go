package link_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
)

// atOnce makes one call from many goroutines, among others that only look. It returns what the one that got through said; the
// others are refused with that code.
func (r *run) atOnce(others fault.Code, call func() ([]byte, error)) (send []byte) {
	r.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	through := 0
	for range 8 {
		all.Go(func() {
			m, err := call()
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				through, send = through+1, m
			} else {
				wantFault(r, err, others)
			}
		})
		all.Go(func() {
			r.old.Candidate()
			_, _ = r.old.PNG(500)
			_ = fmt.Sprint(r.old.QR(), r.old.Code(), r.old.Choice(), r.old.State(start), r.old, r.new, r.new.State(start))
			_, _ = r.new.Rendezvous()
			_, _ = r.new.Choice()
			_ = fmt.Sprint(r.new.User(), r.new.Digits(), r.new.Keys(), r.new.Log(), r.new.Nonce(), r.new.Ticket())
		})
	}
	all.Wait()
	if through != 1 {
		r.Fatalf("%d got through", through)
	}
	return send
}

// Whatever is called at once, each step is made once: no message is sealed twice for one place.
func TestEachStepIsMadeOnce(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		m := r.joined()
		m = r.atOnce(fault.Replayed, func() ([]byte, error) { return r.old.Receive(m, start) })
		r.atOnce(fault.Replayed, func() ([]byte, error) { return r.new.Receive(m, start) })
		digits := r.new.Digits()
		m = r.atOnce(fault.Misuse, func() ([]byte, error) { return r.old.Confirm(digits, r.log, start) })
		r.atOnce(fault.Replayed, func() ([]byte, error) { return r.new.Receive(m, start) })
		m = r.atOnce(fault.Misuse, func() ([]byte, error) { return r.new.Served(r.log, start) })
		r.atOnce(fault.Replayed, func() ([]byte, error) { return r.old.Receive(m, start) })
		record, _ := r.old.Candidate()
		entry := r.add(r.phone, record)
		m = r.atOnce(fault.Misuse, func() ([]byte, error) { return r.old.Admitted(r.log, entry, r.nonce, nil, start) })
		r.atOnce(fault.Replayed, func() ([]byte, error) { return r.new.Receive(m, start) })
		r.atOnce(fault.Misuse, func() ([]byte, error) { return r.new.Served(r.log, start) })
		m = r.atOnce(fault.Misuse, func() ([]byte, error) { return r.new.Registered([]byte{1}, start) })
		m = r.atOnce(fault.Replayed, func() ([]byte, error) { return r.old.Receive(m, start) })
		r.atOnce(fault.Replayed, func() ([]byte, error) { return r.new.Receive(m, start) })
		r.states(link.Done, link.Done)
	})
}
