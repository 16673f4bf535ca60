package sotto

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
)

// entryInput is an input that claims to be an entry of a log.
type entryInput struct {
	*input
	seq uint64
}

// prepareLogs verifies the entries of every user.
func (b *batch) prepareLogs(ctx context.Context) error {
	byUser := map[string][]entryInput{}
	for _, in := range b.of(KindLog) {
		user, seq, err := device.EntryClaim(in.data)
		if err != nil {
			in.refuse(err)
			continue
		}
		in.event.User = user
		byUser[user] = append(byUser[user], entryInput{in, seq})
	}
	for _, user := range slices.Sorted(maps.Keys(byUser)) {
		var root *device.Hash
		err := b.view(ctx, func(v *view) error {
			u, err := v.users.User(v.tx, user)
			if err != nil {
				return err
			}
			if u != nil {
				b.logs[user] = u.Log
			} else if user == b.user {
				f, err := v.account()
				if err != nil {
					return err
				}
				root = f.Root
			}
			return nil
		})
		if err != nil {
			return err
		}
		entries := byUser[user]
		slices.SortStableFunc(entries, func(x, y entryInput) int { return cmp.Compare(x.seq, y.seq) })
		entries, twice := once(entries)
		if b.logs[user] == nil && root == nil {
			for _, e := range entries {
				e.refuse(fmt.Errorf("sotto: log of somebody who is no contact: %w", fault.UntrustedSigner))
				e.event.Needs = []Need{{LogOf: user}}
			}
		} else {
			b.growUser(user, root, entries)
		}
		for in, first := range twice {
			in.event.Why, in.event.Needs = first.event.Why, first.event.Needs
		}
	}
	return nil
}

// once returns each entry once, and whose bytes came before with which one they are the same.
func once(entries []entryInput) (different []entryInput, twice map[*input]*input) {
	first, twice := map[[sha256.Size]byte]*input{}, map[*input]*input{}
	for _, e := range entries {
		if same := first[e.event.ID]; same != nil {
			twice[e.input] = same
			continue
		}
		first[e.event.ID] = e.input
		different = append(different, e)
	}
	return different, twice
}

// growUser holds entries, ascending, against the log of a user. root is the identity of the own user as long as there is no
// log. Entries that go together are verified together; where they break, one by one, so that a bad one spoils no other.
func (b *batch) growUser(user string, root *device.Hash, entries []entryInput) {
	for len(entries) > 0 {
		base := b.logs[user]
		if base != nil && base.Holds(device.Pin{Root: base.Pin().Root, Seq: entries[0].seq, Head: sha256.Sum256(entries[0].data)}) == nil {
			entries = entries[1:] // held already
			continue
		}
		if base == nil && entries[0].seq > 0 {
			entries[0].refuse(fmt.Errorf("sotto: own log from its middle on: %w", fault.TooFarAhead))
			entries[0].event.Needs = []Need{{LogOf: user}}
			entries = entries[1:]
			continue
		}
		if base == nil && sha256.Sum256(entries[0].data) != *root {
			entries[0].refuse(fmt.Errorf("sotto: own log of another root than the one this device was told: %w", fault.IdentityChanged))
			entries = entries[1:]
			continue
		}
		g, used, err := growRun(user, base, entries)
		switch {
		case g.Forks():
			b.grew(entries[0].input, g)
		case err != nil:
			entries[0].refuse(err)
			if errors.Is(err, fault.TooFarAhead) {
				entries[0].event.Needs = []Need{{LogOf: user, FromSeq: missingFrom(base, entries[0].seq)}}
			}
		default:
			b.grew(entries[0].input, g)
			b.logs[user] = g.Log
		}
		entries = entries[used:]
	}
}

// grew notes what became of a log. It is applied in this order, whatever the order of the inputs.
func (b *batch) grew(in *input, g *directory.Growth) {
	in.ready = &grownLog{b, g}
	b.grown = append(b.grown, in)
}

// missingFrom is where to fetch a log from, when an entry does not follow what is held.
func missingFrom(base *device.Log, seq uint64) uint64 {
	if next := base.Pin().Seq + 1; seq > next {
		return next
	}
	return 0
}

// growRun tries the entries up to the first gap, and if that fails half of them, and so on: one that is bad costs what a
// few logs cost, wherever it stands. It tells how many it used.
func growRun(user string, base *device.Log, entries []entryInput) (g *directory.Growth, used int, err error) {
	run := [][]byte{entries[0].data}
	for i, e := range entries[1:] {
		if e.seq != entries[i].seq+1 {
			break
		}
		run = append(run, e.data)
	}
	for used = len(run); ; used /= 2 {
		g, err = directory.Grow(user, base, entries[0].seq, run[:used])
		if err == nil || g.Forks() || used == 1 {
			return g, used, err
		}
	}
}

// grownLog is a log to be stored.
type grownLog struct {
	b *batch
	*directory.Growth
}

func (g *grownLog) apply(v *view, in *input) error {
	events, err := v.grow(g.Growth)
	if err != nil {
		return err
	}
	g.b.notices = append(g.b.notices, events...)
	if g.Forks() {
		in.event.Why = fault.LogFork // not an error: the evidence is kept
	}
	return nil
}
