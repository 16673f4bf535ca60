package talk

import (
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/sim"
)

// What may happen in the world. Each action chooses for itself whom it happens to; one that is not possible does nothing.
// Errors are what must never happen.

// Write lets a phone write to somebody, or to all its own user's phones, or ask again for what it wrote before.
func (w *World) Write() error {
	p := w.phoneChosen()
	if !p.on() {
		return nil
	}
	if len(p.sent) > 0 && w.Choose("write it again", 8) == 1 {
		if again := p.sent[w.Choose("what it writes again", len(p.sent))].text; !again.history {
			return p.seal(again)
		}
		return nil
	}
	all, err := p.account.Groups(background())
	if err != nil {
		return p.failed("looks for its groups", err)
	}
	if len(all) > 0 && w.Choose("in a group", 2) == 1 {
		return p.say(all[w.Choose("which group", len(all))], w.body())
	}
	return p.write(w.userChosen().name, w.body())
}

// body is a text that is like no other.
func (w *World) body() []byte {
	b := fmt.Appendf(nil, "%07d.", len(w.ledger.messages))
	return append(b, make([]byte, w.Choose("length", 3)*400)...)
}

// Flush lets a phone bring what is pending to the relay.
func (w *World) Flush() error { return w.phoneChosen().flush() }

// Read lets a phone take some of what waits for it, in any order, and now and then a log and keys.
func (w *World) Read() error {
	p := w.phoneChosen()
	if !p.on() || p.offline {
		return nil
	}
	var in [][]byte
	if what := w.Choose("fetch", 4); what > 0 {
		user := w.userChosen().name
		if what != 2 {
			entries, err := p.fetchLog(user)
			if err != nil || !p.on() {
				return err
			}
			in = entries
		}
		if what != 1 {
			in = append(in, p.fetchKeys(user)...)
		}
	}
	if w.Choose("fetch groups", 3) == 1 {
		entries, err := p.fetchGroups()
		if err != nil || !p.on() {
			return err
		}
		in = append(in, entries...)
	}
	var some []*item
	for _, it := range w.Relay.queues[p.id] {
		if w.Choose("take it", 3) > 0 && len(some) < 8 {
			at := 0
			if len(some) > 0 {
				at = w.Choose("order", 2) * len(some)
			}
			some = append(some[:at:at], append([]*item{it}, some[at:]...)...)
		}
	}
	if err := p.take(in, some); err != nil {
		return err
	}
	if w.Choose("acknowledge it", 2) == 1 {
		return p.ack()
	}
	return nil
}

// Sync lets a phone do all that an app does when it is opened.
func (w *World) Sync() error {
	p := w.phoneChosen()
	for _, f := range []func() error{p.flush, p.drain, p.ask, p.upkeep, p.flush} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// Upkeep lets a phone do what time asks for, whatever it has received so far.
func (w *World) Upkeep() error { return w.phoneChosen().upkeep() }

// Wait lets time pass. Whoever is on line for long has got everything.
func (w *World) Wait() error {
	hours := 1 + w.Choose("hours", 12)
	if w.Choose("wait for days", 2) == 1 {
		hours *= 24
	}
	d := time.Duration(hours) * time.Hour
	w.hasty += d
	if w.hasty > 48*time.Hour {
		w.hasty = 0
		for range 2 {
			err := w.each(func(p *Phone) error { return errors.Join(p.flush(), p.drain()) })
			if err != nil {
				return err
			}
		}
	}
	w.Trace("%s pass", d)
	w.now = w.now.Add(d)
	return nil
}

// Break crashes a phone, turns it on, lets power fail at its next commit, or takes it off the network.
func (w *World) Break() error {
	p := w.phoneChosen()
	switch w.Choose("what breaks", 6) {
	case 0:
		w.Trace("%s crashes", p)
		p.off()
	case 1:
		p.disk.Cut(sim.CutBefore)
		return nil
	case 2:
		p.disk.Cut(sim.CutAfter)
		return nil
	case 3:
		w.Trace("%s is off the network: %v", p, !p.offline)
		p.offline = !p.offline
	}
	return p.Start()
}

// Restore puts the disk of a phone back.
func (w *World) Restore() error {
	p := w.phoneChosen()
	if w.Choose("a backup is played back", 4) != 1 {
		return nil
	}
	return p.restore(1 + w.Choose("how far back", 1<<w.Choose("scale", 7)))
}

// How many phones a user has at most: at a time, and in a life.
const (
	maxPhones = 4
	maxBought = 8
)

// Devices lets a phone take another one into the log of its user, or revoke one.
func (w *World) Devices() error {
	p := w.phoneChosen()
	if !p.on() || !w.active(p.user.name, p.id) {
		return nil
	}
	r, err := p.account.Report(background())
	if err != nil {
		return p.failed("reports", err)
	}
	if r.Pending {
		return nil
	}
	if w.Choose("revoke", 3) != 1 {
		if len(w.Server.Log(p.user.name).Active()) >= maxPhones || len(p.user.phones) >= maxBought {
			return nil
		}
		return w.join(p)
	}
	other := p.user.phones[w.Choose("whom it revokes", len(p.user.phones))]
	if other.id == p.id {
		return nil
	}
	if err := errors.Join(p.flush(), p.drain()); err != nil || !p.on() { // what the other one did is not to be lost
		return err
	}
	w.Trace("%s revokes %s", p, other)
	if _, err := p.account.Revoke(background(), other.id); err != nil {
		return p.refused("revoke", err, w.mayRefuse(signing...)...)
	}
	return nil
}

// signing are the reasons why a log entry may not be signed now: another one is pending, or the device was revoked, or is
// not in the log yet.
var signing = []fault.Code{fault.Misuse, fault.RevokedDevice, fault.UntrustedSigner, fault.OverLimit}

// Clone copies a phone that goes on beside the copy, or ends a copy.
func (w *World) Clone() error {
	p := w.phoneChosen()
	if p.copy {
		p.end()
		return nil
	}
	if w.ledger.doubled[p.id] || w.Choose("copy it", 4) != 1 {
		return nil
	}
	w.Trace("%s is copied", p)
	return p.copied()
}

// end turns a copy off for ever.
func (p *Phone) end() {
	p.w.Trace("%s ends", p)
	p.off()
	p.gone = true
	p.w.ledger.single(p)
}
