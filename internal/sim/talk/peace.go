package talk

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/sim"
	"github.com/sottokit/sotto/session"
)

// Peace is what must hold in the end: when nobody lies, nothing gets lost any more and all phones are on, everybody has what
// was written to him, everybody can write to everybody, and all devices of a conversation settle on one session.
func (w *World) Peace() error {
	w.Trace("peace")
	w.Server.Evil, w.Relay.Lies, w.Relay.calm = false, false, true
	for _, p := range w.everyPhone() {
		p.offline = false
		p.disk.Cut(sim.PowerOn)
		if err := p.Start(); err != nil {
			return err
		}
		if p.copy {
			p.end()
		}
	}
	open, err := w.openSessions()
	if err != nil {
		return err
	}
	if err := errors.Join(w.each((*Phone).acknowledge), w.unite()); err != nil {
		return err
	}
	if err := w.checkQuiet(); err != nil {
		return err
	}
	if err := w.checkOwed(open); err != nil {
		return err
	}
	return w.checkTalk()
}

// openSessions are those that a phone holds and does not close yet. What belongs to any other one is lost for a device that
// did not get its envelope.
func (w *World) openSessions() (map[string]bool, error) {
	open := map[string]bool{}
	err := w.each(func(p *Phone) error {
		if !w.active(p.user.name, p.id) {
			return nil
		}
		r, err := p.account.Report(background())
		if err != nil {
			return err
		}
		for id, opened := range sessionsOf(r) {
			if opened.Add(w.policy.MaxAge + session.Grace).After(w.now) {
				open[id] = true
			}
		}
		return nil
	})
	return open, err
}

// maxRounds bounds how long it takes until everybody has everything, questions and their answers included.
const maxRounds = 8

// settle lets everybody sync until nothing is on its way.
func (w *World) settle() error {
	var noise error
	for i := range maxRounds {
		err := w.each(func(p *Phone) error {
			return errors.Join(p.flush(), p.drain(), p.acknowledge(), p.upkeep(), p.flush())
		})
		if err == nil && i%2 == 0 && i < maxRounds-2 { // in the last rounds nobody asks: some answers help nobody
			err = w.each((*Phone).ask)
		}
		if err != nil {
			return err
		}
		if noise = w.noise(); noise == nil {
			return nil
		}
	}
	if slices.ContainsFunc(w.users, func(u *user) bool { return w.frozen(u.name) }) {
		return nil // those on one branch refuse for ever what those on the other one say
	}
	return fmt.Errorf("after %d rounds: %w", maxRounds, noise)
}

// noise is something that is on its way, nil for nothing.
func (w *World) noise() error {
	return w.each(func(p *Phone) error {
		if queue := w.Relay.queues[p.id]; len(queue) > 0 {
			return fmt.Errorf("%s waits for %s", queue[0], p)
		}
		for _, u := range w.users {
			if w.frozen(u.name) {
				continue
			}
			entries, err := p.fetchLog(u.name)
			if err != nil {
				return err
			}
			if n := len(entries) + len(p.fetchKeys(u.name)); n > 0 {
				return fmt.Errorf("%s does not take %d log entries and keys of %s", p, n, u.name)
			}
		}
		return nil
	})
}

// checkQuiet holds what every phone has against the server: its logs, its messaging key, and an empty outbox.
func (w *World) checkQuiet() error {
	return w.each(func(p *Phone) error {
		if !w.active(p.user.name, p.id) || w.frozen(p.user.name) {
			return nil
		}
		if p.behind {
			return fmt.Errorf("%s did not notice that it was put back", p)
		}
		parcels, err := p.account.Pending(background())
		if err != nil {
			return err
		}
		for _, m := range parcels {
			if m.Kind == sotto.ParcelGroup {
				continue // what waits for a group that stays apart: see united
			}
			return fmt.Errorf("%s still has a parcel: %s", p, m.Kind)
		}
		r, err := p.account.Report(background())
		if err != nil {
			return err
		}
		m, err := w.Server.Log(p.user.name).AcceptKey(p.id, w.Server.Newest(p.id), nil)
		if err != nil {
			return fmt.Errorf("messaging key of %s on the server: %w", p, err)
		}
		if m.Seen().Gen != r.Key {
			return fmt.Errorf("%s has messaging key %d, and the server %d", p, r.Key, m.Seen().Gen)
		}
		return nil
	})
}

// frozen reports whether nobody can write to a user any more: the log has forked, and nobody recovers here.
func (w *World) frozen(user string) bool { return w.Server.Split(user) }

// checkOwed asks whether everybody has what was written to him.
func (w *World) checkOwed(open map[string]bool) error {
	for _, t := range w.ledger.messages {
		if slices.ContainsFunc(t.users, w.frozen) || !w.active(t.user, t.from) || t.room != nil && t.room.lost {
			continue
		}
		for _, f := range t.forms {
			for to := range f.readers {
				if to == t.from || t.read[to] || t.lost[to] != "" || !w.active(w.Relay.userOf(to), to) || !f.owed(w.Relay.userOf(to)) {
					continue
				}
				if t.room != nil && t.room.outside(w.phoneOf(to)) {
					continue
				}
				over := t.room != nil && f.entry != t.room.newest // sessions of earlier epochs do not live for long
				if !w.ledger.has(f.session, to) && (over || !open[f.session.String()]) {
					w.Trace("nobody has session %s any more", f.session)
					continue
				}
				return fmt.Errorf("%s never reads %s, on session %s", w.phoneOf(to), f, f.session)
			}
		}
	}
	return nil
}

// owed reports whether a user should have a message: in a group, while writer and reader stay in it. A session that is shared
// is for who has the group.
func (f *form) owed(user string) bool {
	if f.room == nil {
		return !f.history
	}
	return f.room.steady(f.user, f.entry) && f.room.steady(user, f.entry)
}

func (w *World) phoneOf(id device.ID) *Phone {
	for _, p := range w.everyPhone() {
		if p.id == id {
			return p
		}
	}
	return nil
}
