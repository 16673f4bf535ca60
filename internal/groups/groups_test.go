package groups_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groups"
	"github.com/sottokit/sotto/store"
)

// start is when everything begins.
var start = time.Unix(1_800_000_000, 0)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func sum(b []byte) device.Hash { return sha256.Sum256(b) }

// world is users of one device each, and the groups that one of them knows.
type world struct {
	testing.TB
	*groups.Groups
	db   *store.DB
	keys map[string]*device.Keys
	logs map[string]*device.Log
	id   device.Hash
}

// newWorld has alice, who founds a group, bob and carol.
func newWorld(t testing.TB) (w *world, state *group.State, first []byte) {
	t.Helper()
	w = &world{TB: t, Groups: &groups.Groups{}, keys: map[string]*device.Keys{}, logs: map[string]*device.Log{}}
	root := must(cose.NewKey(cose.A256GCM, bytes.Repeat([]byte{1}, 32)))
	w.db = must(store.Open(t.Context(), store.Memory(), root, store.Schema{Version: 1}))
	for _, user := range []string{"alice", "bob", "carol"} {
		k := must(device.Generate(user, device.Classical, start))
		w.logs[user] = must(device.Verify(user, [][]byte{must(k.Found(nil, start))}))
		must(k.Settle(w.logs[user]))
		w.keys[user] = k
	}
	state, first, err := group.Create(w.keys["alice"], w.logs["alice"], start)
	if err != nil {
		t.Fatal(err)
	}
	w.id = state.ID()
	return w, state, first
}

func (w *world) find(user string, root device.Hash) *device.Log {
	if l := w.logs[user]; l != nil && l.Pin().Root == root {
		return l
	}
	return nil
}

func (w *world) add(user string) group.Change { return group.Add(user, w.logs[user].Pin().Root) }

// propose signs changes of a user's, and the state with them.
func (w *world) propose(s *group.State, by string, changes ...group.Change) (*group.State, [][]byte) {
	w.Helper()
	entries := must(s.Propose(w.keys[by], w.logs[by], start, changes...))
	return must(s.Extend(entries, w.find)), entries
}

func (w *world) do(f func(tx *store.Tx) error) {
	w.Helper()
	if err := w.db.Update(w.Context(), f); err != nil {
		w.Fatal(err)
	}
}

func (w *world) put(before *groups.Group, next *group.State, entries [][]byte, now time.Time) (g *groups.Group, err error) {
	w.Helper()
	err = w.db.Update(w.Context(), func(tx *store.Tx) (err error) {
		g, err = w.Put(tx, before, next, entries, now)
		return err
	})
	return g, err
}

// stored is the group as it is read, from memory and without.
func (w *world) stored() (g *groups.Group) {
	w.Helper()
	w.do(func(tx *store.Tx) (err error) {
		if g, err = w.Group(tx, w.id, w.find); err != nil {
			return err
		}
		fresh, err := (&groups.Groups{}).Group(tx, w.id, w.find)
		if err != nil {
			return err
		}
		if (g == nil) != (fresh == nil) {
			w.Fatalf("in memory %v, stored %v", g, fresh)
		}
		if g != nil {
			w.same(g.State, fresh.State)
			if g.Announce != fresh.Announce || !slices.EqualFunc(g.Pending, fresh.Pending, bytes.Equal) {
				w.Errorf("in memory %+v, stored %+v", g, fresh)
			}
		}
		return nil
	})
	return g
}

func (w *world) same(a, b *group.State) {
	w.Helper()
	if a.Tip() != b.Tip() || a.Status() != b.Status() || !slices.Equal(a.Members(), b.Members()) ||
		!slices.EqualFunc(a.Side(), b.Side(), bytes.Equal) || !slices.Equal(a.Heard(), b.Heard()) {
		w.Errorf("states differ: %v, %v", a.Tip(), b.Tip())
	}
}

func TestAGroupIsReadAsItWasPut(t *testing.T) {
	w, s, first := newWorld(t)
	if w.stored() != nil {
		t.Error("a group before there is one")
	}
	chain := [][]byte{first}
	g := must(w.put(nil, s, chain, start))
	for i, change := range []group.Change{w.add("bob"), group.SetRole("bob", group.RoleAdmin), w.add("carol"), group.Remove("carol")} {
		next, entries := w.propose(s, "alice", change)
		g = must(w.put(g, next, entries, start.Add(time.Duration(i+1)*time.Hour)))
		s, chain = next, append(chain, entries...)
		w.same(w.stored().State, s)
	}
	w.do(func(tx *store.Tx) error {
		if trunk := must(groups.Trunk(tx, w.id)); !slices.EqualFunc(trunk, chain, bytes.Equal) {
			t.Errorf("a trunk of %d entries", len(trunk))
		}
		for i, b := range chain {
			if got := must(groups.Entry(tx, w.id, sum(b))); !bytes.Equal(got, b) {
				t.Errorf("entry %d is another one", i)
			}
		}
		for epoch := range uint64(6) {
			at, superseded, err := groups.Superseded(tx, w.id, epoch)
			if err != nil || superseded != (epoch < 4) || superseded && !at.Equal(start.Add(time.Duration(epoch+1)*time.Hour)) {
				t.Errorf("epoch %d: %v, %v, %v", epoch, at, superseded, err)
			}
		}
		return nil
	})
}

// What began from another state than the stored one is not put.
func TestAStateThatMovedIsNotPut(t *testing.T) {
	w, s, first := newWorld(t)
	g := must(w.put(nil, s, [][]byte{first}, start))
	stale := w.stored()
	bobs, entries := w.propose(s, "alice", w.add("bob"))
	must(w.put(g, bobs, entries, start))
	carols, others := w.propose(s, "alice", w.add("carol"))
	for _, before := range []*groups.Group{nil, stale} {
		if _, err := w.put(before, carols, others, start); !errors.Is(err, groups.ErrMoved) {
			t.Errorf("error %v", err)
		}
	}
	if w.stored().State.Tip() != bobs.Tip() {
		t.Error("the group moved")
	}
}

// What waits for the server is kept in order; a state that was put beside it does not lose it.
func TestWhatWaitsIsKept(t *testing.T) {
	w, s, first := newWorld(t)
	must(w.put(nil, s, [][]byte{first}, start))
	_, entries := w.propose(s, "alice", w.add("bob"), group.SetRole("bob", group.RoleAdmin), w.add("carol"))
	w.do(func(tx *store.Tx) error {
		g := must(w.Group(tx, w.id, w.find))
		g.Pending, g.Announce = entries, true
		return w.Save(tx, g)
	})
	g := w.stored()
	if !slices.EqualFunc(g.Pending, entries, bytes.Equal) || !g.Announce || g.State.Tip() != s.Tip() {
		t.Errorf("%d entries wait", len(g.Pending))
	}
	one := must(s.Extend(entries[:1], w.find))
	must(w.put(g, one, entries[:1], start))
	if g := w.stored(); len(g.Pending) != 3 || !g.Announce || g.State.Epoch() != 1 { // settling them is the account's
		t.Errorf("%d entries wait", len(g.Pending))
	}
	w.do(func(tx *store.Tx) error {
		g := must(w.Group(tx, w.id, w.find))
		g.Pending, g.Announce = nil, false
		return w.Save(tx, g)
	})
	if g := w.stored(); len(g.Pending) != 0 || g.Announce {
		t.Errorf("%d entries wait", len(g.Pending))
	}
}

// A chain that goes over to a shorter branch leaves nothing of the longer one among what counts, and keeps it beside.
func TestATrunkThatGoesOverToAnotherBranchIsStored(t *testing.T) {
	w, s, first := newWorld(t)
	s0, more := w.propose(s, "alice", w.add("bob"), group.SetRole("bob", group.RoleAdmin))
	base := must(w.put(nil, s0, append([][]byte{first}, more...), start))
	bobs, bobEntries := w.propose(s0, "bob", w.add("carol"), group.Remove("carol"), w.add("carol"))
	g := must(w.put(base, bobs, bobEntries, start.Add(time.Hour)))
	alices, aliceEntries := w.propose(s0, "alice", w.add("carol"))
	alices = must(alices.Extend(bobEntries, w.find))
	resolve := must(alices.Propose(w.keys["alice"], w.logs["alice"], start, group.Resolve(sum(bobEntries[0]))))
	all := append(slices.Clone(aliceEntries), resolve...)
	next := must(bobs.Extend(all, w.find))
	if next.Epoch() >= bobs.Epoch() {
		t.Fatalf("epoch %d is not below %d", next.Epoch(), bobs.Epoch())
	}
	if from := groups.Parts(bobs, next); from != 3 {
		t.Errorf("they part at %d", from)
	}
	must(w.put(g, next, all, start.Add(2*time.Hour)))
	w.same(w.stored().State, next)
	w.do(func(tx *store.Tx) error {
		if n := len(must(groups.Trunk(tx, w.id))); n != int(next.Epoch())+1 {
			t.Errorf("a trunk of %d entries", n)
		}
		for epoch, want := range map[uint64]time.Duration{1: 0, 2: 2 * time.Hour, 3: 2 * time.Hour} {
			at, superseded, err := groups.Superseded(tx, w.id, epoch)
			if err != nil || !superseded || !at.Equal(start.Add(want)) {
				t.Errorf("epoch %d: %v, %v, %v", epoch, at, superseded, err)
			}
		}
		if _, superseded, _ := groups.Superseded(tx, w.id, next.Epoch()); superseded {
			t.Error("an entry of the branch that lost supersedes the tip")
		}
		return nil
	})
}

func TestPartsIsWhereTwoChainsDiffer(t *testing.T) {
	w, s, _ := newWorld(t)
	one, _ := w.propose(s, "alice", w.add("bob"))
	two, _ := w.propose(one, "alice", group.Remove("bob"))
	other, _ := w.propose(s, "alice", w.add("carol"))
	for _, c := range []struct {
		a, b *group.State
		want uint64
	}{{s, s, 1}, {s, two, 1}, {two, s, 1}, {one, two, 2}, {two, two, 3}, {two, other, 1}} {
		if got := groups.Parts(c.a, c.b); got != c.want {
			t.Errorf("parts at %d, want %d", got, c.want)
		}
	}
}

func TestGroupsComeInTheOrderInWhichTheyBecameKnown(t *testing.T) {
	w, s, first := newWorld(t)
	want := []device.Hash{s.ID()}
	must(w.put(nil, s, [][]byte{first}, start))
	for range 5 {
		s, b, err := group.Create(w.keys["bob"], w.logs["bob"], start)
		if err != nil {
			t.Fatal(err)
		}
		must(w.put(nil, s, [][]byte{b}, start))
		want = append(want, s.ID())
	}
	var have []device.Hash
	w.do(func(tx *store.Tx) error {
		have = nil
		return groups.Each(tx, func(id device.Hash) error {
			have = append(have, id)
			return nil
		})
	})
	if !slices.Equal(have, want) {
		t.Errorf("%d groups", len(have))
	}
}
