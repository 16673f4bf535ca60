package sotto

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

// grown is a log that was extended, or whose other branch turned up, before it is stored.
type grown struct {
	user    string
	base    *device.Log // the one that is stored, nil for a user who is not pinned yet
	log     *device.Log // what it became; base when nothing is new
	from    uint64      // the place of entries[0]
	entries [][]byte
	fork    *device.ForkError
}

// grow holds entries against a log. They are of one user, consecutive, and begin anywhere up to the end of the log.
func grow(user string, base *device.Log, from uint64, entries [][]byte) (*grown, error) {
	g := &grown{user: user, base: base, log: base, from: from, entries: entries}
	var err error
	if base == nil {
		g.log, err = device.Verify(user, entries)
	} else {
		g.log, err = base.Extend(entries)
	}
	if errors.As(err, &g.fork) {
		g.log = base
	}
	return g, err
}

// apply stores the log and everything that follows from it, and returns what changed. That the store has another log by now
// is errStale.
func (g *grown) apply(v *view) ([]Event, error) {
	p, err := v.user(g.user)
	if err != nil {
		return nil, err
	}
	if p == nil {
		p = &pinned{}
	}
	if p.log != g.base && (p.log == nil || g.base == nil || p.log.Pin() != g.base.Pin()) {
		return nil, errStale
	}
	if g.fork != nil {
		other := slices.Clone(g.fork.Other)
		p.fields.Fork = &other
		return nil, v.putUser(g.user, &p.fields)
	}
	if g.log == g.base {
		return nil, nil
	}
	if g.base == nil {
		if err := v.noteUser(g.user); err != nil {
			return nil, err
		}
	}
	g.putEntries(v.tx)
	pin := g.log.Pin()
	p.fields.Root, p.fields.Seq, p.fields.Head = pin.Root, pin.Seq, pin.Head
	if p.fields.Fork != nil {
		if _, err := g.log.Extend([][]byte{*p.fields.Fork}); !errors.Is(err, fault.LogFork) {
			p.fields.Fork = nil // a recovery decided it
		}
	}
	if err := v.putUser(g.user, &p.fields); err != nil {
		return nil, err
	}
	v.tx.AfterCommit(func() { v.known.setLog(g.log) })
	if err := g.closeParted(v); err != nil {
		return nil, err
	}
	return g.follow(v)
}

// closeParted closes the sessions that name an entry of a branch which lost: their rosters can never be computed again.
func (g *grown) closeParted(v *view) error {
	if g.base == nil || g.log.Holds(g.base.Pin()) == nil {
		return nil
	}
	me, err := v.me()
	if err != nil {
		return err
	}
	return v.eachUser(func(name string, p *pinned) error {
		if name != g.user && g.user != v.Account.user {
			return nil
		}
		place, err := direct(v.Account.user, me.fields.Root, name, p.fields.Root)
		if err != nil {
			return err
		}
		open, err := session.List(v.tx, place.ID)
		for _, s := range open {
			resumed, failed := v.resume(s.ID)
			resumed.Destroy()
			if errors.Is(failed, fault.UnknownSession) {
				err = errors.Join(err, session.Close(v.tx, s.ID))
			}
		}
		return err
	})
}

// putEntries stores what is new. Entries of a branch that lost are deleted.
func (g *grown) putEntries(tx *store.Tx) {
	end := g.log.Pin().Seq
	for i, entry := range g.entries {
		if seq := g.from + uint64(i); seq <= end {
			tx.Put(logName(g.user, seq), entry)
		}
	}
	if g.base == nil {
		return
	}
	for seq := end + 1; seq <= g.base.Pin().Seq; seq++ {
		tx.Delete(logName(g.user, seq))
	}
}

// follow does what the change of a log asks for: the records can be found, what waits for a device that is no longer one is
// dropped, device-keys from ahead are looked at again, and this device keeps step with its own log.
func (g *grown) follow(v *view) ([]Event, error) {
	before := map[device.ID]bool{}
	if g.base != nil {
		for _, r := range g.base.Active() {
			before[r.ID()] = true
		}
	}
	var events []Event
	for _, r := range g.log.Active() {
		v.tx.Put(certName(r.Cert()), []byte(g.user))
		if !before[r.ID()] && g.base != nil {
			events = append(events, Event{Kind: KindDeviceAdded, User: g.user, Device: r.ID()})
		}
		delete(before, r.ID())
	}
	for id := range before {
		events = append(events, Event{Kind: KindDeviceRevoked, User: g.user, Device: id})
		v.tx.Delete(keyName(roomKey, g.user, id))
		v.tx.Delete(keyName(roomWaiting, g.user, id))
	}
	slices.SortFunc(events, func(a, b Event) int { return slices.Compare(a.Device[:], b.Device[:]) })
	if len(before) > 0 {
		if err := v.cutQueue(before); err != nil {
			return nil, err
		}
	}
	for _, r := range g.log.Active() {
		if err := v.retryKey(g.log, r.ID()); err != nil {
			return nil, err
		}
	}
	if g.user != v.Account.user {
		return events, nil
	}
	overtaken, err := v.keepStep(g.log)
	return append(events, overtaken...), err
}

// keepStep settles what this device signed for its own log and gives it a messaging key once it is in the log.
func (v *view) keepStep(l *device.Log) ([]Event, error) {
	keys, err := v.keys()
	if err != nil {
		return nil, err
	}
	pending := keys.Pending()
	var events []Event
	err = v.changeKeys(func(k *device.Keys) error {
		if _, err := k.Settle(l); err != nil {
			return err
		}
		if pending != nil && k.Pending() == nil {
			if err := v.overtaken(pending); err != nil {
				events = append(events, Event{Kind: KindOvertaken, User: v.Account.user, Device: v.Account.device, Why: fault.Of(err)})
			}
		}
		if l.Standing(k.Record().Cert()) != nil || !k.RotationDue(v.now()) {
			return nil
		}
		return v.rotate(k, l, nil)
	})
	return events, err
}

// overtaken is an error when an entry that this device signed lost its place in the log to another one.
func (v *view) overtaken(entry []byte) error {
	_, seq, err := device.EntryClaim(entry)
	if err != nil {
		return err
	}
	held, found, err := v.tx.Get(logName(v.Account.user, seq))
	if err != nil {
		return err
	}
	if !found || !slices.Equal(held, entry) {
		return fmt.Errorf("sotto: another log entry came first: %w", fault.StoreConflict)
	}
	return nil
}
