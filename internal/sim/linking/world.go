// Package linking is a small world in which devices are linked, revoked and recovered while things go wrong: phones crash
// before and after each commit, are put back to earlier states, and have wrong clocks; messages are lost, doubled and
// changed; two devices do it at once.
//
// An Attempt is one linking, cut into the steps that an app does; the tests enumerate what can happen at each. Afterwards
// everybody is on line for some hours (World.Settle), and then the books must balance (World.Check).
package linking

import (
	"context"
	"slices"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/sim"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
)

// World is everything there is: a server that everybody trusts to carry things, and phones.
type World struct {
	Server *sim.Server
	Now    time.Time
	Phones []*Phone
	users  []string
	queues map[device.ID][][]byte
	posted [][]byte // envelopes and messages
	said   int
}

func background() context.Context { return context.Background() }

func newWorld(users []string) *World {
	calm := sim.Fate{Choose: func(string, int) int { return 0 }, Trace: func(string, ...any) {}}
	return &World{
		Server: sim.NewServer(calm), Now: time.Unix(1_800_000_000, 0), users: users, queues: map[device.ID][][]byte{},
	}
}

// New makes a world of alice and bob, who have one phone each, know each other, and have talked. The recovery key is alice's.
func New(key *recovery.Key) (*World, error) {
	w := newWorld([]string{"alice", "bob"})
	alice, bob := w.Buy("alice"), w.Buy("bob")
	var err error
	for _, p := range []*Phone{alice, bob} {
		o := p.options()
		if p == alice {
			o.Recovery = key
		}
		if p.Account, err = sotto.Create(background(), p.Disk, p.User, o, p.secret); err != nil {
			return nil, err
		}
		if err := p.Sync(); err != nil {
			return nil, err
		}
	}
	for p, user := range map[*Phone]string{alice: "bob", bob: "alice"} {
		if _, err := p.Account.Trust(background(), user, w.Server.Serve(user, 0)); err != nil {
			return nil, err
		}
	}
	if err := w.Rounds(2); err != nil {
		return nil, err
	}
	return w, w.Talk()
}

// Second is the same world in which alice has linked a second phone. It is the third of the phones.
func (w *World) Second() error {
	a := w.Attempt(w.Phones[0], w.Buy("alice"), ByQR, link.Choice{History: link.Sessions})
	if err := a.Run(nil); err != nil {
		return err
	}
	if err := a.Complete(); err != nil {
		return err
	}
	if err := w.Rounds(2); err != nil {
		return err
	}
	return w.Talk()
}

// Clone is a world of its own in the same state, with every phone started anew.
func (w *World) Clone() (*World, error) {
	c := newWorld(w.users)
	c.Now, c.said, c.posted = w.Now, w.said, slices.Clone(w.posted)
	for _, user := range w.users {
		for _, entry := range w.Server.Serve(user, 0) {
			c.Server.Post(user, entry)
		}
		for id, key := range w.Server.Keys(user) {
			c.Server.Publish(user, id, key)
		}
	}
	for id, queue := range w.queues {
		c.queues[id] = slices.Clone(queue)
	}
	for _, p := range w.Phones {
		disk, err := p.Disk.Copy()
		if err != nil {
			return nil, err
		}
		q := &Phone{w: c, User: p.User, Disk: &Disk{Disk: disk}, secret: p.secret}
		c.Phones = append(c.Phones, q)
		if err := q.Start(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Buy is a phone without an account.
func (w *World) Buy(user string) *Phone {
	key, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		panic(err) // the algorithm is one
	}
	p := &Phone{w: w, User: user, Disk: &Disk{Disk: sim.NewDisk()}, secret: lockbox.Wrapped(key)}
	w.Phones = append(w.Phones, p)
	return p
}

// Rounds lets every phone that is on sync, an hour after the last time.
func (w *World) Rounds(n int) error {
	for range n {
		w.Now = w.Now.Add(time.Hour)
		for _, p := range w.Phones {
			if err := p.Sync(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Settle starts every phone, lets all time of attempts pass, and everybody be on line for some hours.
func (w *World) Settle() error {
	for _, p := range w.Phones {
		if err := p.Start(); err != nil {
			return err
		}
	}
	w.Now = w.Now.Add(link.Life)
	return w.Rounds(2)
}

// Active are the IDs of a user's active devices.
func (w *World) Active(user string) map[device.ID]bool {
	active := map[device.ID]bool{}
	for _, r := range w.Server.Log(user).Active() {
		active[r.ID()] = true
	}
	return active
}

// deliver takes a parcel as a server does.
func (w *World) deliver(p *Phone, parcel sotto.Parcel) {
	switch parcel.Kind {
	case sotto.ParcelLog:
		w.Server.Post(p.User, parcel.Data)
	case sotto.ParcelKey:
		w.Server.Publish(p.User, p.Account.Device(), parcel.Data)
	default:
		w.posted = append(w.posted, parcel.Data)
		for _, id := range parcel.To {
			w.queues[id] = append(w.queues[id], parcel.Data)
		}
	}
}
