package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/recovery"
)

// What may happen in the world. Each action chooses for itself whom it happens to; an action that is not possible does
// nothing. Errors are what must never happen.

// Act lets a phone sign something: another device, a revocation, a new record, a new messaging key.
func (w *World) Act() error {
	u, p := w.phoneChosen()
	if !p.on {
		return nil
	}
	switch w.Choose("what the phone does", 4) {
	case 0:
		return ignorePower(w.add(u, p))
	case 1:
		other := u.Phones[w.Choose("whom it revokes", len(u.Phones))]
		return ignorePower(p.Sign("revoke "+other.name, func(l *device.Log, now time.Time) ([]byte, error) {
			return l.Revoke(p.keys, other.id, now)
		}))
	case 2:
		return ignorePower(p.Sign("update itself", func(l *device.Log, now time.Time) ([]byte, error) {
			return l.Update(p.keys, device.Classical, now)
		}))
	default:
		return ignorePower(p.Rotate())
	}
}

// maxPhones bounds the phones of a user.
const maxPhones = 8

// add gives the user a new phone, which another one takes into the log.
func (w *World) add(u *User, by *Phone) error {
	if len(u.Phones) == maxPhones {
		return nil
	}
	p, err := w.buy(u)
	if err != nil {
		return err
	}
	return by.Sign("add "+p.name, func(l *device.Log, now time.Time) ([]byte, error) {
		return l.Add(by.keys, p.keys.Record(), now)
	})
}

// Recover gives a user, who seldom needs it, a new phone that ends all others with the recovery key; now and then the key
// is replaced, too.
func (w *World) Recover() error {
	u := w.users[w.Choose("user", len(w.users))]
	if len(u.Phones) == maxPhones || w.Choose("all phones fell into the lake", 5) != 1 {
		return nil
	}
	return w.recover(u, w.Choose("replace the recovery key", 2) == 1)
}

func (w *World) recover(u *User, replace bool) error {
	p, err := w.buy(u)
	if err != nil {
		return err
	}
	p.logs[u.Name], p.synced = w.Server.verified[u.Name], true // fetched in an honest moment
	if err := p.save(map[string][][]byte{u.Name: w.Server.logs[u.Name]}); err != nil {
		return err
	}
	next := (*recovery.Key)(nil)
	if replace {
		next = recovery.Generate()
	}
	err = p.Sign("recover", func(l *device.Log, now time.Time) ([]byte, error) {
		entry, err := l.Recover(p.keys, u.Recovery, next, now)
		if err == nil { // the person stands before the server until it has the entry
			w.Server.Post(u.Name, entry)
		}
		return entry, err
	})
	if err == nil && replace {
		u.Recovery = next
	}
	return ignorePower(err)
}

// Talk lets a phone offer what it has and ask for a log, now and then for all of it, and moves a few packets.
func (w *World) Talk() error {
	_, p := w.phoneChosen()
	if !p.on {
		return nil
	}
	if err := p.Offer(); err != nil {
		return err
	}
	user := w.users[w.Choose("whose log", len(w.users))].Name
	if w.Choose("ask for all of it", 3) == 1 {
		p.ask(user, 0)
	} else {
		p.Sync(user)
	}
	for range 3 {
		if err := w.Net.Step(); err != nil {
			return err
		}
	}
	return nil
}

// Break crashes a phone, turns it on, lets power fail at its next commit, or puts its disk back.
func (w *World) Break() error {
	_, p := w.phoneChosen()
	switch w.Choose("what breaks", 5) {
	case 0:
		p.Crash()
	case 1:
		p.disk.Cut(CutBefore)
	case 2:
		p.disk.Cut(CutAfter)
	case 3:
		if err := p.restore(1 + w.Choose("how far back", 4)); err != nil {
			return err
		}
	}
	return p.Start()
}

// restore puts the disk back by some commits, as a phone backup does, but never to before the keys were made.
func (p *Phone) restore(back int) error {
	states := p.disk.States()
	if states < 3 {
		return nil
	}
	to := max(1, states-1-back)
	p.w.Trace("the disk of %s is put back to %d of %d", p, to, states-1)
	p.clear()
	p.restored, p.w.reset = true, true
	return p.disk.Restore(to)
}

// Part takes a phone off the network, or puts all back.
func (w *World) Part() error {
	_, p := w.phoneChosen()
	if w.Choose("all are back", 2) == 1 {
		w.Net.Heal()
		return nil
	}
	w.Trace("%s is off the network", p)
	w.Net.Cut(p, true)
	return nil
}

// Steal copies the disk of a phone, with the root key of its store. The thief's phone then acts as that device, with the
// help of the server if that is evil.
func (w *World) Steal() error {
	u, p := w.phoneChosen()
	if len(u.Thieves) == 2 || p.disk.States() < 2 {
		return nil
	}
	disk, err := p.disk.Copy()
	if err != nil {
		return err
	}
	t := &Phone{
		w: w, user: u.Name, name: p.name + " (thief)", id: p.id, disk: disk, root: p.root, restored: true,
		posted: map[uint64]device.Hash{},
	}
	w.Trace("a thief copies %s", p)
	w.reset = true
	u.Thieves = append(u.Thieves, t)
	return t.Start()
}

// Attack lets a thief sign, with whatever log it has, and post at once.
func (w *World) Attack() error {
	u := w.users[w.Choose("user", len(w.users))]
	if len(u.Thieves) == 0 {
		return nil
	}
	t := u.Thieves[w.Choose("thief", len(u.Thieves))]
	l := t.logs[u.Name]
	if !t.on || l == nil || t.keys.Pending() != nil {
		return nil
	}
	accomplice, err := device.Generate(u.Name, device.Classical, w.now)
	if err != nil {
		return err
	}
	victim := u.Phones[w.Choose("victim", len(u.Phones))]
	var entry []byte
	if w.Choose("attack", 2) == 0 {
		entry, err = l.Add(t.keys, accomplice.Record(), w.now)
	} else {
		entry, err = l.Revoke(t.keys, victim.id, w.now)
	}
	if err != nil {
		return nil // revoked, or nothing to revoke
	}
	w.Trace("%s signs entry %d", t, l.Pin().Seq+1)
	w.Server.Post(u.Name, entry)
	return nil
}

// Wait lets time pass, after which a phone says that it is on line.
func (w *World) Wait() error {
	_, p := w.phoneChosen()
	w.Pass(time.Duration(1+w.Choose("days", 10)) * 24 * time.Hour)
	if !p.on {
		return nil
	}
	if _, err := p.keys.Online(w.now); err != nil {
		return fmt.Errorf("%s is on line: %w", p, err)
	}
	return ignorePower(p.save(nil))
}

// ignorePower takes it as it comes: the phone is off now.
func ignorePower(err error) error {
	if errors.Is(err, errPower) {
		return nil
	}
	return err
}
