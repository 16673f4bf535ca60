// Package sim is a small world for property tests: users with phones, a server, a network and disks that do everything that
// real ones do. Packets are lost, doubled, reordered and cut off; phones crash before a commit and after one that became
// durable and reported failure; disks are put back to an earlier state; a thief copies a disk; and the server may lie,
// differently to everybody.
//
// The world has no will and no randomness of its own but keys: every choice is asked of Choose, which a property-test
// library draws, so that a failing run shrinks and can be repeated. Trace tells what happened, a line for each event.
package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/sottokit/sotto/recovery"
)

// World is everything there is.
type World struct {
	Fate
	Server *Server
	Net    *Net
	now    time.Time
	users  []*User
	phones int
	asked  int  // questions so far
	reset  bool // a disk was put back or copied: a generation of a key may come twice
}

// User is a person: phones, a printed recovery key, and contacts, which are all other users.
type User struct {
	Name     string
	Phones   []*Phone
	Recovery *recovery.Key
	Thieves  []*Phone // run on copies of this user's disks
}

// New makes a world with one user for each name, each with one phone that founded the user's log.
func New(choose func(what string, n int) int, trace func(format string, args ...any), names ...string) (*World, error) {
	w := &World{Fate: Fate{choose, trace}, now: time.Unix(1_800_000_000, 0)}
	w.Server = NewServer(w.Fate)
	w.Net = &Net{w: w}
	for _, name := range names {
		w.users = append(w.users, &User{Name: name})
	}
	for _, u := range w.users {
		u.Recovery = recovery.Generate()
		p, err := w.buy(u)
		if err != nil {
			return nil, err
		}
		if err := p.found(u.Recovery); err != nil {
			return nil, fmt.Errorf("%s founds: %w", p, err)
		}
	}
	return w, nil
}

// buy gives a user a new phone, which is not in the log yet.
func (w *World) buy(u *User) (*Phone, error) {
	w.phones++
	p := &Phone{w: w, user: u.Name, name: fmt.Sprintf("%s/%d", u.Name, w.phones), disk: NewDisk()}
	if err := p.setUp(); err != nil {
		return nil, fmt.Errorf("%s is set up: %w", p, err)
	}
	u.Phones = append(u.Phones, p)
	return p, nil
}

// Pass lets time go by.
func (w *World) Pass(d time.Duration) { w.now = w.now.Add(d) }

// Users returns all users.
func (w *World) Users() []*User { return w.users }

// phoneChosen is one of the phones of one of the users.
func (w *World) phoneChosen() (*User, *Phone) {
	u := w.users[w.Choose("user", len(w.users))]
	return u, u.Phones[w.Choose("phone", len(u.Phones))]
}

func background() context.Context { return context.Background() }
