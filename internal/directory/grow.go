package directory

import (
	"errors"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/trust"
)

// ErrMoved says that the store has another log by now than the one that a Growth began from.
var ErrMoved = errors.New("the log has grown meanwhile")

// Growth is a log that was extended, or whose other branch turned up, before it is stored.
type Growth struct {
	User    string
	Base    *device.Log // the one that is stored, nil for a user who is not pinned yet
	Log     *device.Log // what it became; Base when nothing is new
	fork    *device.ForkError
	from    uint64 // the place of entries[0]
	entries [][]byte
}

// Grow holds entries against a log. They are of one user, consecutive, and begin at from, anywhere up to the end of the log.
// The errors are those of device.Verify and Log.Extend; a fork comes as a Growth, too, for its evidence is to be kept.
func Grow(user string, base *device.Log, from uint64, entries [][]byte) (*Growth, error) {
	g := &Growth{User: user, Base: base, Log: base, from: from, entries: entries}
	var err error
	if base == nil {
		g.Log, err = device.Verify(user, entries)
	} else {
		g.Log, err = base.Extend(entries)
	}
	if errors.As(err, &g.fork) {
		g.Log = base
		return g, err
	}
	if err != nil {
		return nil, err
	}
	return g, nil
}

// Forks reports whether the other branch of the log turned up.
func (g *Growth) Forks() bool { return g != nil && g.fork != nil }

// Change is what the growth of a log brought.
type Change struct {
	Added, Revoked []device.ID // ascending; none are added when the user is pinned for the first time
	Parted         bool        // entries that were held are gone: another branch was chosen
	Keys           []*device.MessagingKey
	Event          trust.Event  // what happened to the identity
	Notice         trust.Notice // and what to tell of it
}

// Apply stores the log and what follows from it: its records can be found, keys of devices that are none any more are
// dropped, and device-keys that were ahead of it are looked at again; those that are accepted now are Keys. The mark follows
// what happened. nil says that nothing has changed. It is ErrMoved when the store has another log by now.
func (d *Directory) Apply(tx *store.Tx, g *Growth) (*Change, error) {
	u, err := d.User(tx, g.User)
	if err != nil {
		return nil, err
	}
	if u == nil {
		u = &User{Name: g.User}
	}
	if u.Log != g.Base && (u.Log == nil || g.Base == nil || u.Log.Pin() != g.Base.Pin()) {
		return nil, ErrMoved
	}
	if g.fork != nil {
		return d.fork(tx, u, g.fork.Other)
	}
	if g.Log == g.Base {
		return nil, nil
	}
	c := &Change{}
	if g.Base == nil {
		if err := note(tx, g.User); err != nil {
			return nil, err
		}
		if u.Trust, c.Event, c.Notice, err = d.first(tx, g.Log); err != nil {
			return nil, err
		}
	} else {
		c.Event = trust.Between(g.Base, g.Log)
		u.Trust, c.Notice = u.Trust.See(c.Event, g.Log.Pin())
	}
	return c, d.replace(tx, u, g, c)
}

// replace stores the log that a user has from now on, and what follows from that.
func (d *Directory) replace(tx *store.Tx, u *User, g *Growth, c *Change) error {
	g.putEntries(tx)
	pin := g.Log.Pin()
	u.fields.Root, u.fields.Seq, u.fields.Head = pin.Root, pin.Seq, pin.Head
	if u.fields.Fork != nil && decided(g.Log, *u.fields.Fork) {
		u.fields.Fork = nil
	}
	if err := put(tx, u); err != nil {
		return err
	}
	tx.AfterCommit(func() { d.remember(g.Log) })
	g.change(tx, c)
	for _, r := range g.Log.Active() {
		m, err := retry(tx, g.Log, r.ID())
		if err != nil {
			return err
		}
		if m != nil {
			c.Keys = append(c.Keys, m)
		}
	}
	return nil
}

// putEntries stores what is new. Entries of a branch that lost are deleted.
func (g *Growth) putEntries(tx *store.Tx) {
	end := g.Log.Pin().Seq
	for i, entry := range g.entries {
		if seq := g.from + uint64(i); seq <= end {
			tx.Put(logName(g.User, seq), entry)
		}
	}
	if g.Base == nil {
		return
	}
	for seq := end + 1; seq <= g.Base.Pin().Seq; seq++ {
		tx.Delete(logName(g.User, seq))
	}
}

// change compares the devices before and after.
func (g *Growth) change(tx *store.Tx, c *Change) {
	before := map[device.ID]bool{}
	if g.Base != nil {
		c.Parted = g.Log.Holds(g.Base.Pin()) != nil
		for _, r := range g.Base.Active() {
			before[r.ID()] = true
		}
	}
	for _, r := range g.Log.Active() {
		tx.Put(certName(r.Cert()), []byte(g.User))
		if !before[r.ID()] && g.Base != nil {
			c.Added = append(c.Added, r.ID())
		}
		delete(before, r.ID())
	}
	for id := range before {
		c.Revoked = append(c.Revoked, id)
		tx.Delete(keyName(roomKey, g.User, id))
		tx.Delete(keyName(roomWaiting, g.User, id))
	}
	byID := func(a, b device.ID) int { return slices.Compare(a[:], b[:]) }
	slices.SortFunc(c.Added, byID)
	slices.SortFunc(c.Revoked, byID)
}

// retry looks again at a device-key that was ahead of the log, and returns it if it is accepted now. One that is good for
// nothing, because it is older or of a clone, is dropped.
func retry(tx *store.Tx, l *device.Log, id device.ID) (*device.MessagingKey, error) {
	b, found, err := tx.Get(keyName(roomWaiting, l.User(), id))
	if err != nil || !found {
		return nil, err
	}
	m, err := Accept(tx, l, id, b)
	if err == nil {
		return m, answered(tx, l, id, maxGen)
	}
	switch fault.Of(err) {
	case fault.TooFarAhead:
		return nil, nil
	case fault.Rollback, fault.SenderReset, fault.UntrustedSigner, fault.RevokedDevice, fault.Malformed:
		tx.Delete(keyName(roomWaiting, l.User(), id))
		return nil, nil
	}
	return nil, err
}

// maxGen is beyond every generation.
const maxGen = 1 << 53
