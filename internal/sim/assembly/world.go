// Package assembly is a world for package group alone. Devices of some users change a group at the same time, each on the
// branch that it sees; statements of sessions are heard by some of them and not by others; devices are added and revoked;
// accounts are made anew. A thief goes on signing with the keys of devices, also of revoked ones and with whatever log he
// likes, and a wicked member helps him. The server gives everybody what it likes when it likes.
//
// Beside it runs a book that knows every entry that was ever signed, who is a member after it by the rules, written down a
// second time, and who said what. Every device is held against it.
package assembly

import (
	"fmt"
	"slices"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/sim"
)

// World is everything there is.
type World struct {
	sim.Fate
	Orderly bool // the server takes an entry only behind the newest one, and nobody steals keys

	id     device.Hash
	users  []*user // those whose account was made anew are in it twice
	nodes  []*node // every entry that anybody signed
	byHash map[device.Hash]*node
	wicked string  // a user who helps thieves
	facts  []*fact // everything there is to learn
	newest *node   // that an orderly server took
	parted bool
	now    time.Time
	bought int
}

// user is an identity.
type user struct {
	name    string
	devices []*Device
	log     *device.Log // the newest
	gone    bool        // its user ID stands for another identity now
}

func (u *user) root() device.Hash { return u.log.Pin().Root }

// fact is something that a device may learn: an entry, that a device has named one in a statement, or how far a log has grown.
type fact struct {
	entry *node
	by    *Device // who said that names counts, or nobody
	names *node
	log   *device.Log
	half  int // of the network, when it was parted
}

// New makes a world with one user for each name. The first one makes a group and adds some of the others.
func New(f sim.Fate, names ...string) (*World, error) {
	w := &World{Fate: f, byHash: map[device.Hash]*node{}, now: time.Unix(1_800_000_000, 0)}
	for _, name := range names {
		u, err := w.found(name)
		if err != nil {
			return nil, err
		}
		for range w.Choose("more devices", 3) {
			if err := w.add(u); err != nil {
				return nil, err
			}
		}
	}
	w.wicked = names[len(names)-1]
	first := w.users[0].devices[0]
	if err := w.bring(first, w.facts...); err != nil {
		return nil, err
	}
	state, b, err := group.Create(first.keys, first.logs[first.user.root()], w.now)
	if err != nil {
		return nil, err
	}
	w.id, first.state = state.ID(), state
	if _, err := w.publish(first, b); err != nil {
		return nil, err
	}
	for _, u := range w.users[1 : 1+w.Choose("first members", len(w.users))] {
		if err := w.propose(first, group.Add(u.name, u.root())); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// found makes an account.
func (w *World) found(name string) (*user, error) {
	u := &user{name: name}
	d, err := w.buy(u)
	if err != nil {
		return nil, err
	}
	entry, err := d.keys.Found(nil, w.now)
	if err != nil {
		return nil, err
	}
	if u.log, err = device.Verify(name, [][]byte{entry}); err != nil {
		return nil, err
	}
	w.users = append(w.users, u)
	return u, w.grown(u, d)
}

// grown settles a log that has another entry, and lets everybody learn of it.
func (w *World) grown(u *user, by *Device) error {
	if _, err := by.keys.Settle(u.log); err != nil {
		return err
	}
	w.facts = append(w.facts, &fact{log: u.log, half: by.half})
	return w.bring(by, w.facts[len(w.facts)-1])
}

func (w *World) buy(u *user) (*Device, error) {
	keys, err := device.Generate(u.name, device.Classical, w.now)
	if err != nil {
		return nil, err
	}
	w.bought++
	d := &Device{
		w: w, user: u, name: fmt.Sprintf("%s/%d", u.name, w.bought), keys: keys, half: w.Choose("half", 2),
		logs: map[device.Hash]*device.Log{}, seen: map[*fact]bool{}, counted: map[device.Hash]bool{},
	}
	u.devices = append(u.devices, d)
	return d, nil
}

// add gives a user another device. It knows what the one knows that took it in.
func (w *World) add(u *user) error {
	by := u.honest()[0]
	d, err := w.buy(u)
	if err != nil {
		return err
	}
	entry, err := u.log.Add(by.keys, d.keys.Record(), w.now)
	if err != nil {
		return err
	}
	return w.append(u, by, entry)
}

func (w *World) append(u *user, by *Device, entry []byte) error {
	log, err := u.log.Extend([][]byte{entry})
	if err != nil {
		return err
	}
	u.log = log
	w.Trace("the log of %s has entry %d", u.name, log.Pin().Seq)
	return w.grown(u, by)
}

// live reports whether a device is active.
func (d *Device) live() bool { return d.user.log.Standing(d.cert()) == nil }

// honest are the devices of a user that are active and that no thief has.
func (u *user) honest() []*Device {
	return slices.DeleteFunc(slices.Clone(u.devices), func(d *Device) bool { return !d.live() || d.stolen })
}

// devices are all there ever were.
func (w *World) devices() []*Device {
	var all []*Device
	for _, u := range w.users {
		all = append(all, u.devices...)
	}
	return all
}

// honest are the devices that do what they should.
func (w *World) honest() []*Device {
	return slices.DeleteFunc(w.devices(), func(d *Device) bool { return d.stolen || d.user.gone })
}

func (w *World) honestChosen() *Device {
	all := w.honest()
	return all[w.Choose("device", len(all))]
}

// present are the users whose account is the one that their user ID stands for.
func (w *World) present() []*user {
	return slices.DeleteFunc(slices.Clone(w.users), func(u *user) bool { return u.gone })
}

func (w *World) userChosen() *user {
	all := w.present()
	return all[w.Choose("user", len(all))]
}
