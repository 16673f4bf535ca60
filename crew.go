package sotto

import (
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/session"
)

// crew is who reads the next message of a conversation.
type crew struct {
	place   *session.Conversation
	logs    session.Logs
	roster  *device.Roster
	without map[string]fault.Code // members of a group to whom nothing is sealed now, and why
}

// crew returns who reads the next message, if nothing keeps this device from writing: it is in its own log, which has not
// forked, and it is known up to where it goes. A member to whom nothing may be sealed keeps a conversation of two from going
// on; a group goes on without him.
func (v *view) crew(c place) (*crew, error) {
	version, err := directory.Version(v.tx)
	if err != nil {
		return nil, err
	}
	state, err := c.state(v)
	if err != nil {
		return nil, err
	}
	if known := v.known.crewOf(c.id(), state, version); known != nil {
		return known, v.mayWrite(known.logs)
	}
	p, err := c.at(v)
	if err != nil {
		return nil, err
	}
	w := &crew{place: p, logs: session.Logs{}, without: map[string]fault.Code{}}
	var all []*device.Log
	for _, m := range p.Members {
		l, why, err := v.reach(m)
		if err != nil {
			return nil, err
		}
		if why != 0 {
			if p.State == nil || m.User == v.Account.user || l == nil {
				return nil, unreachable(m.User, why)
			}
			w.without[m.User] = why
		}
		w.logs[m.User] = l
		all = append(all, l)
	}
	if w.roster, err = device.NewRoster(p.ID, p.Epoch, all...); err != nil {
		return nil, err
	}
	if err := v.mayWrite(w.logs); err != nil {
		return nil, err
	}
	if v.looks { // what a transaction has not committed yet may never be
		v.known.setCrew(w, version)
	}
	return w, nil
}

// mayWrite refuses a device that does not belong to its user, not yet or no longer.
func (v *view) mayWrite(logs session.Logs) error {
	keys, err := v.keys()
	if err != nil {
		return err
	}
	switch err := logs[v.Account.user].Standing(keys.Record().Cert()); {
	case errors.Is(err, fault.RevokedDevice):
		return fmt.Errorf("sotto: this device: %w", err)
	case err != nil:
		return errNotYet
	}
	return nil
}

// reach returns the log of a member, and why nothing may be sealed to him: his identity is not the pinned one, people must
// decide first, a device of his knows more of his log than is known here, or his log is not here at all.
func (v *view) reach(m session.Member) (*device.Log, fault.Code, error) {
	l, err := v.users.Identity(v.tx, m.User, m.Root)
	if err != nil {
		return nil, 0, err
	}
	u, err := v.users.User(v.tx, m.User)
	if err != nil {
		return nil, 0, err
	}
	switch {
	case u == nil:
		return nil, fault.TooFarAhead, nil
	case u.Root() != m.Root:
		return l, fault.IdentityChanged, nil
	}
	why, err := v.blocked(u)
	return l, why, err
}

// blocked returns why nothing may be sealed to a user, 0 when it may.
func (v *view) blocked(u *directory.User) (fault.Code, error) {
	if u.Name == v.Account.user {
		if u.Forked {
			return fault.LogFork, nil
		}
	} else if why := u.Trust.Why(); why != 0 {
		return why, nil
	}
	waits, err := directory.Waiting(v.tx, u.Log)
	if waits {
		return fault.TooFarAhead, err
	}
	return 0, err
}

// unreachable says why nothing can be written to a conversation with a user.
func unreachable(user string, why fault.Code) error {
	return fmt.Errorf("sotto: nothing is sealed to %q now: %w", user, why)
}
