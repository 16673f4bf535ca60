package linking

import (
	"errors"
	"fmt"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/recovery"
)

// until does something to the account of a phone until it is done, whatever happens to the phone meanwhile. What is signed
// already and waits for the server, and what is done although a store said that it failed, is no reason to stop.
func (p *Phone) until(what string, done func() bool, do func() error) error {
	for range maxCalls {
		if err := p.Start(); err != nil {
			return err
		}
		if p.Account != nil {
			if err := p.Sync(); err != nil {
				return err
			}
			if done() {
				return nil
			}
			if p.Account == nil {
				continue
			}
		}
		err := do()
		if errors.Is(err, fault.StoreFailed) {
			p.Off()
		} else if err != nil && !(errors.Is(err, fault.Misuse) && p.pending()) {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return fmt.Errorf("%s after %d calls: %w", what, maxCalls, errNotDone)
}

// pending reports whether a log entry of the phone waits for the server.
func (p *Phone) pending() bool {
	if p.Account == nil {
		return false
	}
	r, err := p.Account.Report(background())
	return err == nil && r.Pending
}

// Alone reports whether a phone is the only device of its user, in the log as it knows that, too.
func (p *Phone) Alone() bool {
	if !p.In() || len(p.w.Active(p.User)) > 1 {
		return false
	}
	r, err := p.Account.Report(background())
	return err == nil && r.Active && !r.Pending
}

// Recover gets the phone's user back in with the recovery key: on a phone without an account it makes one, and one that has an
// account goes on as a new device.
func (p *Phone) Recover(present, next *recovery.Key) error {
	return p.until("recover", p.Alone, func() (err error) {
		if p.Account != nil {
			return p.Account.Recover(background(), present, next)
		}
		o := p.options()
		o.Recovery = next
		log := p.w.Server.Serve(p.User, 0)
		p.Account, err = sotto.Recover(background(), p.Disk, p.User, log, present, o, p.secret)
		return err
	})
}

// SetRecovery replaces the recovery key.
func (p *Phone) SetRecovery(present, next *recovery.Key) error {
	done := func() bool { return p.InForce(next) && !p.pending() }
	return p.until("set the recovery key", done, func() error { return p.Account.SetRecovery(background(), present, next) })
}

// InForce reports whether the user could recover with a key now.
func (p *Phone) InForce(key *recovery.Key) bool {
	return p.w.Server.Log(p.User).CheckRecovery(key) == nil
}
