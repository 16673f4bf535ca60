package talk

import (
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/session"
)

// checkTalk lets every device write to everybody, and sees that everybody reads it and that a conversation settles on one
// session when all began one at the same time.
func (w *World) checkTalk() error {
	if _, err := w.talk(); err != nil {
		return err
	}
	if w.Choose("do sessions settle", 2) == 0 {
		return nil
	}
	w.now = w.now.Add(w.policy.MaxAge)
	if _, err := w.talk(); err != nil {
		return err
	}
	used, err := w.talk()
	for conversation, sessions := range used {
		if len(sessions) > 1 {
			return fmt.Errorf("the devices of conversation %s use %d sessions", conversation, len(sessions))
		}
	}
	return err
}

// talk lets every device write to everybody, all at once, and returns the sessions that they used by conversation.
func (w *World) talk() (map[device.Hash]map[session.Prefix]bool, error) {
	from := len(w.ledger.messages)
	if err := w.each(w.writeToAll); err != nil {
		return nil, err
	}
	if err := w.settle(); err != nil {
		return nil, err
	}
	used := map[device.Hash]map[session.Prefix]bool{}
	for _, t := range w.ledger.messages[from:] {
		if err := w.checkArrived(t); err != nil {
			return nil, err
		}
		if w.deaf(t) {
			continue
		}
		if used[t.conversation] == nil {
			used[t.conversation] = map[session.Prefix]bool{}
		}
		for _, f := range t.forms {
			used[t.conversation][f.session] = true
		}
	}
	return used, nil
}

// writeToAll lets a phone write to everybody.
func (w *World) writeToAll(p *Phone) error {
	if !w.active(p.user.name, p.id) || w.frozen(p.user.name) {
		return nil
	}
	for _, u := range w.users {
		if w.frozen(u.name) {
			continue
		}
		before := len(w.ledger.messages)
		if err := p.write(u.name, w.body()); err != nil {
			return err
		}
		if len(w.ledger.messages) == before {
			return fmt.Errorf("%s cannot write to %s", p, u.name)
		}
	}
	return p.sayAll()
}

// deaf reports whether nobody need hear a message: its group stays apart, or who wrote it is not in, or a log has forked.
func (w *World) deaf(t *text) bool {
	return t.room != nil && (t.room.lost || !t.room.newest.has(t.user)) || slices.ContainsFunc(t.users, w.frozen)
}

// checkArrived asks whether everybody read a message.
func (w *World) checkArrived(t *text) error {
	if w.deaf(t) {
		return nil
	}
	if len(t.forms) == 0 && !t.alone {
		return fmt.Errorf("%s was not sealed", t)
	}
	for _, user := range t.users {
		for _, d := range w.Server.Log(user).Active() {
			if id := d.ID(); id != t.from && !t.read[id] && (t.room == nil || !t.room.outside(w.phoneOf(id))) {
				return fmt.Errorf("%s did not read %s in peace", w.phoneOf(id), t)
			}
		}
	}
	return nil
}
