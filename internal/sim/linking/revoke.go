package linking

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
)

// maxCalls bounds how often something is called until it is done.
const maxCalls = 12

// Revoke is what an app does to end a device: it calls until it is done, whatever happens to the phone meanwhile.
func (p *Phone) Revoke(id ID) error {
	for range maxCalls {
		if err := p.Start(); err != nil {
			return err
		}
		r, err := p.Account.Revoke(background(), id)
		switch {
		case errors.Is(err, fault.StoreFailed):
			p.Off()
			continue
		case err != nil:
			return err
		case r.Done():
			return nil
		}
		if err := p.Sync(); err != nil {
			return err
		}
	}
	return fmt.Errorf("a device is not revoked after %d calls: %w", maxCalls, errNotDone)
}

var errNotDone = errors.New("sim: not done")

// Overhears gives a phone everything that was ever posted, and reports whether it can read a text.
func (p *Phone) Overhears(text string) (bool, error) {
	var in [][]byte
	for _, user := range p.w.users {
		in = append(in, p.w.Server.Serve(user, 0)...)
	}
	events, err := p.Account.Receive(background(), append(in, p.w.posted...)...)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(events, func(e sotto.Event) bool { return string(e.Body) == text }), nil
}

// Sessions are the open sessions of each conversation with a contact and of the notes, those without any left out.
func (p *Phone) Sessions() ([][]string, error) {
	r, err := p.Account.Report(background())
	if err != nil {
		return nil, err
	}
	var all [][]string
	for _, c := range r.Contacts {
		var ids []string
		for _, s := range c.Sessions {
			ids = append(ids, s.ID)
		}
		if ids != nil {
			all = append(all, ids)
		}
	}
	return all, nil
}
