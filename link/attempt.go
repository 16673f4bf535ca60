package link

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/internal/secret"
)

// attempt is what both sides have alike. The zero value is one that was aborted.
type attempt struct {
	mu      sync.Mutex
	state   State
	started time.Time
	due     func(message []byte) (send []byte, err error) // takes the message that is due; nil while none is
	tries   int                                           // how many messages more may be wrong, the last of which ends the attempt
	taken   [][sha256.Size]byte                           // digests of the messages that were accepted
	channel *linking.Channel                              // nil before each side knows of the other
	wipe    func()                                        // wipes what one side has beside it
}

// begin starts the time. It keeps the start without its monotonic reading, so that the clock on the wall counts: the
// other one stands still while a phone sleeps.
func (a *attempt) begin(now time.Time, wipe func()) {
	a.started, a.wipe = now.Round(0), wipe
}

// end leads to an end. a.mu is held.
func (a *attempt) end(state State) {
	a.state, a.due = state, nil
	a.channel.Destroy()
	a.wipe()
}

// over reports whether the attempt was aborted, or is now because its time is up. A clock that went back before the start
// tells nothing about how long ago that was. a.mu is held.
func (a *attempt) over(now time.Time) bool {
	if a.state != Aborted && a.state != Linked && a.state != Done {
		if age := now.Sub(a.started); age < 0 || age >= Life {
			a.end(Aborted)
		}
	}
	return a.state == Aborted
}

var errNoSeed = fmt.Errorf("link: no randomness given: %w", fault.Misuse)

var errOver = fmt.Errorf("link: the attempt is over: %w", fault.Expired)

// stateAt is State of both sides.
func (a *attempt) stateAt(now time.Time) State {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over(now)
	return a.state
}

// in calls f in the one state in which the call has a meaning, with a.mu held.
func (a *attempt) in(want State, now time.Time, f func() error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over(now) {
		return errOver
	}
	if a.state != want {
		return fmt.Errorf("link: the attempt is %v, not %v: %w", a.state, want, fault.Misuse)
	}
	return f()
}

// look calls f, which only reads.
func (a *attempt) look(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

// receive takes a message. Whatever is wrong with one that is due ends the attempt, as long as tries says nothing else;
// but a device that is linked already is not unlinked by it. A message that came before, or while none is due, changes
// nothing.
func (a *attempt) receive(message []byte, now time.Time) (send []byte, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over(now) {
		return nil, errOver
	}
	digest := sha256.Sum256(message)
	if slices.Contains(a.taken, digest) {
		return nil, fmt.Errorf("link: message that came before: %w", fault.Replayed)
	}
	if a.due == nil {
		return nil, fmt.Errorf("link: no message is due: %w", fault.Replayed)
	}
	if send, err = a.due(message); err != nil {
		if a.tries--; a.tries <= 0 && a.state != Linked {
			a.end(Aborted)
		}
		return nil, fmt.Errorf("link: %w", err)
	}
	a.taken, a.tries = append(a.taken, digest), 1
	return send, nil
}

// cancel ends an attempt that has not ended.
func (a *attempt) cancel() {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.state {
	case Aborted, Done:
	case Linked: // only the choice is missing, and nobody waits for it any more
		a.end(Done)
	default:
		a.end(Aborted)
	}
}

// text is what a secret holds that people read, "" when it is gone.
func text(s *secret.Bytes) (shown string) {
	_ = s.Use(func(b []byte) error {
		shown = string(b)
		return nil
	})
	return shown
}
