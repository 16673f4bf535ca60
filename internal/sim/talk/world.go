// Package talk is a world like that of package sim, with messages in it: phones run the facade over disks that crash and are
// put back, and a relay carries what they seal to each other. Parcels are lost, doubled, reordered, held back, cut to one
// recipient, and given to whom they are not for; phones are added, revoked and copied; time passes.
//
// Beside it runs a ledger that knows who wrote what, who may read it, and which keys and IVs were used. It is asked after
// everything that a phone hands out, and in the end everybody who was owed a message must have it.
package talk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/sim"
	"github.com/sottokit/sotto/session"
)

// World is everything there is.
type World struct {
	sim.Fate
	Server *sim.Server
	Relay  *Relay
	ledger *ledger
	now    time.Time
	policy session.Policy
	users  []*user
	rooms  []*room
	made   int // groups that somebody made
	bought int
	lied   bool          // somebody was told what is not so
	hasty  time.Duration // that passed since everybody on line last got everything
}

// user is a person with phones, who knows all others.
type user struct {
	name   string
	phones []*Phone
}

// New makes a world with one user for each name, each with one phone.
func New(f sim.Fate, policy session.Policy, names ...string) (*World, error) {
	w := &World{Fate: f, Server: sim.NewServer(f), now: time.Unix(1_800_000_000, 0), policy: policy, ledger: newLedger()}
	w.Relay = &Relay{w: w, calm: true, queues: map[device.ID][]*item{}}
	for _, name := range names {
		u := &user{name: name}
		w.users = append(w.users, u)
		if err := w.found(u); err != nil {
			return nil, fmt.Errorf("%s founds: %w", name, err)
		}
	}
	if err := errors.Join(w.each((*Phone).flush), w.each((*Phone).drain)); err != nil {
		return nil, err
	}
	w.Relay.calm = false
	return w, nil
}

// Lie lets the server and the relay lie from now on.
func (w *World) Lie() { w.Server.Evil, w.Relay.Lies, w.lied = true, true, true }

func background() context.Context { return context.Background() }

// everyPhone is every phone that still exists.
func (w *World) everyPhone() []*Phone {
	var all []*Phone
	for _, u := range w.users {
		for _, p := range u.phones {
			if !p.gone {
				all = append(all, p)
			}
		}
	}
	return all
}

// each calls f for every phone.
func (w *World) each(f func(p *Phone) error) error {
	for _, p := range w.everyPhone() {
		if err := f(p); err != nil {
			return err
		}
	}
	return nil
}

// phoneChosen is one of the phones.
func (w *World) phoneChosen() *Phone {
	all := w.everyPhone()
	return all[w.Choose("phone", len(all))]
}

// userChosen is one of the users.
func (w *World) userChosen() *user { return w.users[w.Choose("user", len(w.users))] }

// active reports whether a device is in the log of its user.
func (w *World) active(user string, id device.ID) bool {
	return slices.ContainsFunc(w.Server.Log(user).Active(), func(r *device.Record) bool { return r.ID() == id })
}
