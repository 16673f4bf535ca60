package sim

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
)

// Check is what must hold at any moment: every phone holds, for every user, the log that the user's devices signed or the
// beginning of it. Where a thief signed, it may be the thief's branch instead; nobody goes from the log to a branch.
func (w *World) Check() error {
	for _, p := range w.everyPhone() {
		for user, l := range p.logs {
			if err := w.checkHeld(p, user, l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *World) everyPhone() []*Phone {
	var all []*Phone
	for _, u := range w.users {
		all = append(append(all, u.Phones...), u.Thieves...)
	}
	return all
}

func (w *World) checkHeld(p *Phone, user string, l *device.Log) error {
	pin, log := l.Pin(), w.Server.logs[user]
	if pin.Seq < uint64(len(log)) && hash(log[pin.Seq]) == pin.Head {
		return nil
	}
	if slices.Contains(w.Server.parted, pin.Head) {
		return nil
	}
	return fmt.Errorf("%s holds entry %d of %s, which nobody who may signed", p, pin.Seq, user)
}

// Peace is what must hold in the end: when the server is honest, all are on line, and every user who was robbed or split recovered,
// everybody holds the whole log of everybody and nothing is frozen.
func (w *World) Peace() error {
	w.Trace("peace")
	w.Server.Evil = false
	w.Net.Heal()
	if err := w.Net.Settle(); err != nil {
		return err
	}
	for _, u := range w.users {
		if len(u.Thieves) > 0 || w.Server.branches[u.Name] != nil {
			if err := w.recover(u, false); err != nil {
				return err
			}
		}
	}
	// Three rounds: for what is pending to be offered, for what that changed, and for a fork to be fetched from its root.
	for range 3 {
		if err := w.eachPhone(w.meet); err != nil {
			return err
		}
	}
	if err := w.eachPhone(w.checkAgrees); err != nil {
		return err
	}
	return w.eachPhone(w.checkRotates)
}

func (w *World) eachPhone(f func(*Phone) error) error {
	for _, u := range w.users {
		for _, p := range u.Phones {
			if err := f(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// meet lets a phone talk with the server about everybody.
func (w *World) meet(p *Phone) error {
	p.disk.Cut(PowerOn)
	if err := p.Start(); err != nil {
		return err
	}
	for _, u := range w.users {
		p.Sync(u.Name)
	}
	if err := w.Net.Settle(); err != nil {
		return err
	}
	if err := p.Offer(); err != nil {
		return err
	}
	return w.Net.Settle()
}

func (w *World) checkAgrees(p *Phone) error {
	for _, u := range w.users {
		log, l := w.Server.logs[u.Name], p.logs[u.Name]
		if l == nil || l.Pin().Seq != uint64(len(log)-1) || l.Pin().Head != hash(log[len(log)-1]) {
			return fmt.Errorf("%s does not hold the log of %s in the end", p, u.Name)
		}
		if p.frozen[u.Name] != nil {
			return fmt.Errorf("%s still sees a fork of %s", p, u.Name)
		}
	}
	if p.keys.Pending() != nil {
		return fmt.Errorf("%s still offers an entry", p)
	}
	return nil
}

// checkRotates lets an active phone renew its messaging key. The server takes it, whatever the phone forgot: its generation
// is above every one that was published.
func (w *World) checkRotates(p *Phone) error {
	active := slices.ContainsFunc(p.logs[p.user].Active(), func(r *device.Record) bool { return r.ID() == p.id })
	if !active {
		return nil // revoked, or never admitted
	}
	if err := p.Rotate(); err != nil {
		return err
	}
	if err := w.Net.Settle(); err != nil {
		return err
	}
	if !bytes.Equal(w.Server.Newest(p.id), p.keys.DeviceKey()) {
		return fmt.Errorf("the server refuses the new messaging key of %s", p)
	}
	return nil
}
