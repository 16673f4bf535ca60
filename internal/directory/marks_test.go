package directory_test

import (
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/trust"
)

func (h *home) see(name string, e trust.Event) (c *directory.Change) {
	h.Helper()
	h.do(func(tx *store.Tx) (err error) {
		c, err = h.See(tx, name, e)
		return err
	})
	return c
}

func (h *home) decide(name string, e trust.Event, shown device.Pin) (c *directory.Change, err error) {
	h.Helper()
	err = h.update(func(tx *store.Tx) (err error) {
		c, err = h.Decide(tx, name, e, shown)
		return err
	})
	return c, err
}

// pinned is a directory that has pinned bob.
func pinned(t *testing.T) (h *home, bob *person) {
	t.Helper()
	h, bob = newHome(t), newPerson("bob", nil)
	h.grow("bob", 0, bob.entries...)
	return h, bob
}

// Every mark is stored as the table of package trust has it, and each change makes another version.
func TestMarksAreStored(t *testing.T) {
	for _, e := range []trust.Event{trust.Reset, trust.Forked, trust.RolledBack, trust.Unsigned, trust.Recovered} {
		for _, verified := range []bool{false, true} {
			h, bob := pinned(t)
			from := trust.Unverified
			if verified {
				from = trust.Verified
				must(h.decide("bob", trust.Matched, bob.pin()))
			}
			before := h.version()
			want, notice := from.After(e)
			if c := h.see("bob", e); c.Event != e || c.Notice != notice {
				t.Errorf("change %+v", c)
			}
			h.again()
			if u := h.user("bob"); u.Trust.Mark != want || u.Trust.Pin != bob.pin() || !want.MaySend() && u.Trust.Cause != e {
				t.Errorf("%v, %v: %+v", from, e, u.Trust)
			}
			if h.version() == before {
				t.Error("the version stays")
			}
		}
	}
	h := newHome(t)
	if h.see("nobody", trust.Reset) != nil {
		t.Error("something happened to nobody")
	}
}

func TestADecisionNamesTheStateThatWasShown(t *testing.T) {
	h, bob := pinned(t)
	h.see("bob", trust.RolledBack)
	shown := bob.pin()
	bob.add()
	h.grow("bob", 1, bob.entries[1])
	otherRoot, otherHead := bob.pin(), bob.pin()
	otherRoot.Root[0] ^= 1
	otherHead.Head[0] ^= 1
	before := h.version()
	for _, pin := range []device.Pin{shown, otherRoot, otherHead, {}} {
		for _, e := range []trust.Event{trust.Acknowledged, trust.Matched} {
			_, err := h.decide("bob", e, pin)
			wantFault(t, err, fault.IdentityChanged)
		}
	}
	if u := h.user("bob"); u.Trust.MaySend() || h.version() != before {
		t.Errorf("user %+v", u.Trust)
	}
	must(h.decide("bob", trust.Acknowledged, bob.pin()))
	if u := h.user("bob"); u.Trust.Mark != trust.Unverified || u.Trust.Cause != 0 {
		t.Errorf("user %+v", u.Trust)
	}
	_, err := h.decide("nobody", trust.Acknowledged, bob.pin())
	wantFault(t, err, fault.UntrustedSigner)
}

// After a reset the new log takes the place of the old one, which stays at hand as a former identity.
func TestAResetThatWasChosenKeepsTheFormerIdentity(t *testing.T) {
	h, bob := pinned(t)
	tablet := bob.add()
	h.grow("bob", 1, bob.entries[1])
	again := newPerson("bob", nil)
	h.offer(again)
	h.see("bob", trust.Reset)
	if l := h.other("bob"); l == nil || l.Pin() != again.pin() {
		t.Fatalf("other %v", l)
	}
	c := must(h.decide("bob", trust.Acknowledged, again.pin()))
	if len(c.Revoked) != 2 || len(c.Added) != 1 || !c.Parted {
		t.Errorf("change %+v", c)
	}
	for range 2 {
		if u := h.user("bob"); u.Log.Pin() != again.pin() || u.Trust != (trust.State{Pin: again.pin(), Mark: trust.Unverified}) {
			t.Errorf("user %+v", u.Trust)
		}
		if h.other("bob") != nil {
			t.Error("it is still offered")
		}
		h.do(func(tx *store.Tx) error {
			if l := must(h.Identity(tx, "bob", bob.pin().Root)); l == nil || l.Pin() != bob.pin() || l.Standing(tablet.Record().Cert()) != nil {
				t.Errorf("former %v", l)
			}
			if l := must(h.Identity(tx, "bob", again.pin().Root)); l == nil || l.Pin() != again.pin() {
				t.Errorf("pinned %v", l)
			}
			if l := must(h.Identity(tx, "bob", device.Hash{1})); l != nil {
				t.Errorf("identity of nobody %v", l.Pin())
			}
			if l := must(h.Identity(tx, "nobody", again.pin().Root)); l != nil {
				t.Errorf("identity of nobody %v", l.Pin())
			}
			if n := len(must(directory.Entries(tx, "bob"))); n != 1 {
				t.Errorf("%d entries", n)
			}
			return nil
		})
		h.again()
	}
	again.add()
	h.grow("bob", 1, again.entries[1])
	if u := h.user("bob"); u.Trust.Mark != trust.Unverified {
		t.Errorf("user %+v", u.Trust)
	}
}

// What people decided against blocks no more, whichever branch it was; another one does.
func TestARefusedBranchBlocksNoMore(t *testing.T) {
	for name, adopt := range map[string]bool{"the pinned branch": false, "the other one": true} {
		t.Run(name, func(t *testing.T) {
			h, bob := pinned(t)
			other, third := bob.branch(), bob.branch()
			for _, p := range []*person{bob, other, third} {
				p.add()
			}
			h.grow("bob", 1, bob.entries[1])
			h.offer(other)
			h.grow("bob", 1, other.entries[1])
			winner, loser := bob, other
			if adopt {
				winner, loser = other, bob
			}
			must(h.decide("bob", trust.Acknowledged, winner.pin()))
			h.again()
			if u := h.user("bob"); u.Forked || !u.Trust.MaySend() || u.Log.Pin() != winner.pin() {
				t.Errorf("user %+v", u.Trust)
			}
			if h.other("bob") != nil {
				t.Error("a branch is still offered")
			}
			if c := h.grow("bob", 1, loser.entries[1]); c != nil {
				t.Errorf("change %+v", c)
			}
			loser.add()
			if c := h.grow("bob", 1, loser.entries[1:]...); c != nil {
				t.Errorf("change %+v", c)
			}
			if u := h.user("bob"); u.Forked || !u.Trust.MaySend() {
				t.Errorf("user %+v", u.Trust)
			}
			if c := h.grow("bob", 1, third.entries[1]); c == nil || h.user("bob").Trust.MaySend() {
				t.Errorf("another fork does not block: %+v", c)
			}
		})
	}
}

// Former takes only what extends what is kept, and never the pinned identity.
func TestAFormerIdentityIsNeverThePinnedOne(t *testing.T) {
	h, bob := pinned(t)
	old := newPerson("bob", nil)
	former := func(entries [][]byte) error {
		return h.update(func(tx *store.Tx) error { return h.Former(tx, "bob", entries) })
	}
	wantFault(t, former(bob.entries), fault.Misuse)
	wantFault(t, former(nil), fault.Malformed)
	wantFault(t, former(newPerson("carol", nil).entries), fault.UntrustedSigner)
	other := old.branch()
	old.add()
	other.add()
	if err := former(old.entries); err != nil {
		t.Fatal(err)
	}
	wantFault(t, former(old.entries[:1]), fault.Rollback)
	wantFault(t, former(other.entries), fault.Rollback)
	old.add()
	before := h.version()
	if err := former(old.entries); err != nil {
		t.Fatal(err)
	}
	if h.version() == before {
		t.Error("the version stays")
	}
	if u := h.user("bob"); u.Log.Pin() != bob.pin() || !u.Trust.MaySend() {
		t.Errorf("user %+v", u.Trust)
	}
	for range 2 {
		h.do(func(tx *store.Tx) error {
			if l := must(h.Identity(tx, "bob", old.pin().Root)); l == nil || l.Pin() != old.pin() {
				t.Errorf("former %v", l)
			}
			return nil
		})
		h.again()
	}
	err := h.update(func(tx *store.Tx) error { return h.Former(tx, "nobody", newPerson("nobody", nil).entries) })
	wantFault(t, err, fault.Misuse)
}
