package directory_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/trust"
)

func TestALogIsPinnedAndGrows(t *testing.T) {
	h, bob := newHome(t), newPerson("bob", nil)
	if h.user("bob") != nil {
		t.Error("somebody before")
	}
	before := h.version()
	if c := h.grow("bob", 0, bob.entries...); c == nil || c.Added != nil || c.Notice != trust.None {
		t.Errorf("change %+v", c)
	}
	if h.version() == before {
		t.Error("the version stays")
	}
	tablet := bob.add()
	c := h.grow("bob", 1, bob.entries[1])
	if len(c.Added) != 1 || c.Added[0] != tablet.Record().ID() || c.Event != trust.Grown {
		t.Errorf("change %+v", c)
	}
	h.again()
	u := h.user("bob")
	if u.Log.Pin() != bob.pin() || u.Root() != bob.pin().Root || u.Trust != (trust.State{Pin: bob.pin(), Mark: trust.Unverified}) || u.Forked {
		t.Errorf("user %+v", u)
	}
	before = h.version()
	if h.grow("bob", 0, bob.entries...) != nil || h.version() != before {
		t.Error("something changed with what is known")
	}
	bob.revoke(tablet)
	if c := h.grow("bob", 2, bob.entries[2]); len(c.Revoked) != 1 || c.Revoked[0] != tablet.Record().ID() {
		t.Errorf("change %+v", c)
	}
	h.do(func(tx *store.Tx) error {
		if stored := must(directory.Entries(tx, "bob")); len(stored) != 3 || sum(stored[2]) != sum(bob.entries[2]) {
			t.Errorf("%d entries", len(stored))
		}
		if e := must(directory.Entry(tx, "bob", 1)); sum(e) != sum(bob.entries[1]) {
			t.Error("another entry")
		}
		if e := must(directory.Entry(tx, "bob", 3)); e != nil {
			t.Error("an entry that is not there")
		}
		for _, cert := range []device.CertID{bob.keys.Record().Cert(), tablet.Record().Cert()} {
			if owner := must(directory.Owner(tx, cert)); owner != "bob" {
				t.Errorf("the owner is %q", owner)
			}
		}
		if owner := must(directory.Owner(tx, device.CertID{})); owner != "" {
			t.Errorf("the owner of nothing is %q", owner)
		}
		return nil
	})
}

// What was checked against another log than the stored one is not applied.
func TestAGrowthOfAnotherLogIsNotApplied(t *testing.T) {
	h, bob := newHome(t), newPerson("bob", nil)
	first := must(directory.Grow("bob", nil, 0, bob.entries))
	h.grow("bob", 0, bob.entries...)
	bob.add()
	grown := must(directory.Grow("bob", h.user("bob").Log, 1, bob.entries[1:]))
	bob.add()
	h.grow("bob", 1, bob.entries[1:]...)
	h.again()
	for _, g := range []*directory.Growth{first, grown} {
		err := h.update(func(tx *store.Tx) error {
			_, err := h.Apply(tx, g)
			return err
		})
		if !errors.Is(err, directory.ErrMoved) {
			t.Errorf("error %v", err)
		}
	}
	if h.user("bob").Log.Pin() != bob.pin() {
		t.Error("the log moved")
	}
}

func TestUsersComeInTheOrderInWhichTheyWerePinned(t *testing.T) {
	h := newHome(t)
	names := []string{"mallory", "bob", "alice", "carol"}
	for _, n := range names {
		h.grow(n, 0, newPerson(n, nil).entries...)
	}
	h.again()
	var have []string
	h.do(func(tx *store.Tx) error {
		have = nil
		return h.Each(tx, func(u *directory.User) error {
			have = append(have, u.Name)
			return nil
		})
	})
	if !slices.Equal(have, names) {
		t.Errorf("users %q", have)
	}
}

// A fork is kept as evidence, told once, and blocks; the log stays. A recovery decides it.
func TestAForkIsKeptUntilItIsDecided(t *testing.T) {
	r := recovery.Generate()
	h, bob := newHome(t), newPerson("bob", r)
	other := bob.branch()
	bob.add()
	other.add()
	h.grow("bob", 0, bob.entries...)
	if c := h.grow("bob", 1, other.entries[1]); c == nil || c.Notice != trust.Blocked || c.Event != trust.Forked {
		t.Errorf("change %+v", c)
	}
	if c := h.grow("bob", 1, other.entries[1]); c != nil {
		t.Errorf("told twice: %+v", c)
	}
	h.again()
	if u := h.user("bob"); !u.Forked || u.Trust.MaySend() || u.Log.Pin() != bob.pin() {
		t.Errorf("user %+v", u)
	}
	other.recover(r)
	c := h.grow("bob", 1, other.entries[1:]...)
	if !c.Parted || c.Event != trust.Recovered || len(c.Revoked) != 2 || len(c.Added) != 1 {
		t.Errorf("change %+v", c)
	}
	if u := h.user("bob"); u.Forked || u.Trust.MaySend() || u.Log.Pin() != other.pin() {
		t.Errorf("user %+v", u)
	}
	h.do(func(tx *store.Tx) error {
		if n := len(must(directory.Entries(tx, "bob"))); n != 3 {
			t.Errorf("%d entries", n)
		}
		return nil
	})
}

// A branch that wins may be shorter: nothing of the longer one is left.
func TestAShorterBranchLeavesNothingOfTheLongerOne(t *testing.T) {
	r := recovery.Generate()
	h, bob := newHome(t), newPerson("bob", r)
	winner := bob.branch()
	for range 4 {
		bob.add()
	}
	h.grow("bob", 0, bob.entries...)
	winner.recover(r)
	h.grow("bob", 1, winner.entries[1])
	h.again()
	if u := h.user("bob"); u.Log.Pin() != winner.pin() {
		t.Errorf("pin %v", u.Log.Pin())
	}
	h.do(func(tx *store.Tx) error {
		if n := len(must(directory.Entries(tx, "bob"))); n != 2 {
			t.Errorf("%d entries", n)
		}
		return nil
	})
}
