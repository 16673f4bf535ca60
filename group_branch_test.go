package sotto_test

import (
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groupentry"
	"github.com/sottokit/sotto/sottotest"
)

// Entries that break a rule, each valid but for that: none is taken, and the group goes on.
func TestAnEntryThatBreaksARuleIsRefused(t *testing.T) {
	bob, c := joined(t)
	receive(t, bob, c.put("alice", group.SetRole("carol", group.RoleAdmin))...)
	mallory := newPerson(t, "mallory", nil)
	trustAll(t, bob, mallory)
	c.persons["mallory"] = mallory
	alice, carol := c.persons["alice"], c.persons["carol"]
	good := must(c.state().Propose(alice.keys, alice.log, start, group.Add("mallory", c.root("mallory"))))[0]
	carols := must(c.state().Propose(carol.keys, carol.log, start, group.Add("mallory", c.root("mallory"))))[0]
	root := [32]byte(c.root("alice"))
	owner := uint64(groupentry.Owner)
	for name, bad := range map[string]struct {
		by     *person
		like   []byte
		change func(e *groupentry.Entry)
		want   fault.Code
	}{
		"prev-wrong":             {alice, good, func(e *groupentry.Entry) { e.Prev[0] ^= 1 }, fault.TooFarAhead},
		"prev of an older entry": {alice, good, func(e *groupentry.Entry) { e.Prev = sum(c.chain[1]) }, fault.Malformed},
		"epoch-gap":              {alice, good, func(e *groupentry.Entry) { e.Epoch++ }, fault.Malformed},
		"group-id-other":         {alice, good, func(e *groupentry.Entry) { e.Group[0] ^= 1 }, fault.UntrustedSigner},
		"members-digest-wrong":   {alice, good, func(e *groupentry.Entry) { e.Members[0] ^= 1 }, fault.Malformed},
		"actor no member":        {mallory, good, func(*groupentry.Entry) {}, fault.UntrustedSigner},
		"actor under other name": {mallory, good, func(e *groupentry.Entry) { e.Actor = "alice" }, fault.UntrustedSigner},
		"actor-head-other":       {alice, good, func(e *groupentry.Entry) { e.Head[0] ^= 1 }, fault.UntrustedSigner},
		"actor's log ahead":      {alice, good, func(e *groupentry.Entry) { e.Seq++ }, fault.TooFarAhead},
		"admin-removes-owner":    {carol, carols, func(e *groupentry.Entry) { u := "alice"; e.Op, e.User, e.Root, e.Role = 2, &u, &root, nil }, fault.UntrustedSigner},
		"admin-sets-role":        {carol, carols, func(e *groupentry.Entry) { u, r := "bob", [32]byte(c.root("bob")); e.Op, e.User, e.Root = 3, &u, &r }, fault.UntrustedSigner},
		"admin-transfers": {carol, carols, func(e *groupentry.Entry) {
			u, r := "carol", [32]byte(c.root("carol"))
			e.Op, e.User, e.Root, e.Role = 4, &u, &r, nil
		}, fault.UntrustedSigner},
		"resolve-by-admin": {carol, carols, func(e *groupentry.Entry) {
			r := [32]byte(sum(c.chain[1]))
			e.Op, e.User, e.Root, e.Role = 5, nil, &r, nil
		}, fault.UntrustedSigner},
		"add-present":       {alice, good, func(e *groupentry.Entry) { u, r := "bob", [32]byte(c.root("bob")); e.User, e.Root = &u, &r }, fault.Malformed},
		"add as owner":      {alice, good, func(e *groupentry.Entry) { e.Role = &owner }, fault.Malformed},
		"remove-absent":     {alice, good, func(e *groupentry.Entry) { e.Op, e.Role = 2, nil }, fault.Malformed},
		"another operation": {alice, good, func(e *groupentry.Entry) { e.Op = 6 }, fault.UnsupportedVersion},
	} {
		t.Run(name, func(t *testing.T) {
			e := receive(t, bob, signedEntry(bad.by.keys, bad.like, bad.change))[0]
			wantWhy(t, e, bad.want)
			wantIn(t, bob, c)
		})
	}
	wantStatus(t, bob, c, group.Active)
	wantWhy(t, receive(t, bob, good)[0], 0)
}

// sibling-by-outsider: who is out freezes nothing, and no notice asks for a decision.
func TestASiblingOfSomebodyWhoIsOutFreezesNothing(t *testing.T) {
	bob, c := joined(t)
	receive(t, bob, c.put("alice", group.SetRole("carol", group.RoleAdmin))...)
	carols := c.branch(len(c.chain) - 1)
	receive(t, bob, c.put("alice", group.Remove("carol"))...)
	dave := newPerson(t, "dave", nil)
	trustAll(t, bob, dave)
	c.persons["dave"] = dave
	events := receive(t, bob, carols.add("carol", "dave")...)
	if events[0].Why == 0 || has(events, sotto.KindGroupForked) || has(events, sotto.KindMembers) {
		t.Errorf("events %+v", events)
	}
	wantStatus(t, bob, c, group.Active)
	wantIn(t, bob, c)
	sealsIn(t, bob, c, "on we go")
	// Nor does her session on that branch, which can be read by nobody who is in.
	_, envelope := carols.atTip("carol")
	receive(t, bob, envelope)
	wantStatus(t, bob, c, group.Active)
	wantIn(t, bob, c)
}

// revoked-actor-unvouched: what a device signed that is revoked by now does not count, unless a member vouches for it.
func TestAnEntryOfARevokedDeviceNeedsAVoucher(t *testing.T) {
	for name, vouch := range map[string]bool{"nobody vouches": false, "a statement vouches": true} {
		t.Run(name, func(t *testing.T) {
			bob, c := joined(t)
			alice := c.persons["alice"]
			phone, entry := alice.add()
			receive(t, bob, entry)
			change := must(c.state().Propose(phone, alice.log, start, group.SetRole("carol", group.RoleAdmin)))[0]
			before := c.branch(len(c.chain) - 1)
			c.chain = append(c.chain, change)
			s, envelope := c.atTip("carol") // she took it in before she heard of the revocation
			receive(t, bob, alice.revoke(phone))
			e := receive(t, bob, change)[0]
			wantWhy(t, e, fault.RevokedDevice)
			wantStatus(t, bob, c, group.Active)
			wantIn(t, bob, before)
			if !vouch {
				replaced := before.put("alice", group.SetRole("bob", group.RoleAdmin))
				only(t, receive(t, bob, replaced...))
				wantIn(t, bob, before)
				wantStatus(t, bob, c, group.Active)
				return
			}
			events := receive(t, bob, envelope, c.says("carol", s, "as I see it"))
			only(t, events, "as I see it")
			if !has(events, sotto.KindMembers) {
				t.Error("nobody is told that it counts now")
			}
			wantIn(t, bob, c)
		})
	}
}

// resolve-o-on-both: an owner who spoke for both branches has ended the group for good.
func TestAnOwnerWhoSignsOnBothBranchesEndsTheGroup(t *testing.T) {
	bob, c := joined(t)
	other := c.branch(len(c.chain) - 1)
	receive(t, bob, c.put("alice", group.SetRole("carol", group.RoleAdmin))...)
	alice := c.persons["alice"].branch()
	other.persons = map[string]*person{"alice": alice, "carol": c.persons["carol"]}
	events := receive(t, bob, other.put("alice", group.Remove("carol"))...)
	if !has(events, sotto.KindGroupEnded) {
		t.Errorf("events %+v", events)
	}
	wantStatus(t, bob, c, group.Ended)
	wantNoSeal(t, bob, c, fault.Expired)
	wantFault(t, groupOf(t, bob, c).Leave(background), fault.Expired)
}

// The owner resolves at a phone of his own. Nobody else may, and nothing else is signed meanwhile.
func TestTheOwnerResolvesAFork(t *testing.T) {
	all := people(t, "alice", "bob", "carol", "dave")
	alice, bob, carol := all[0], all[1], all[2]
	g := alice.NewGroup(bob, carol).ID()
	ok(t, in(t, alice, g).SetRole(background, "bob", group.RoleAdmin))
	ok(t, in(t, alice, g).SetRole(background, "carol", group.RoleAdmin))
	settled(t, alice)
	// Both admins change the group at once, and a server lets both have it.
	ok(t, in(t, bob, g).Add(background, contact(bob, "dave")))
	ok(t, in(t, carol, g).Leave(background))
	bobs, carols := pending(t, bob, sotto.ParcelGroup)[0].Data, pending(t, carol, sotto.ParcelGroup)[0].Data
	for _, p := range all[:3] {
		receive(t, p, bobs)
		receive(t, p, carols)
		if s := must(in(t, p, g).State(background)); s.Status != group.Frozen || s.Pending != 0 {
			t.Fatalf("%v sees %+v", p, s)
		}
	}
	for _, p := range []*sottotest.Peer{bob, carol} {
		wantFault(t, in(t, p, g).Resolve(background, sum(carols)), fault.UntrustedSigner)
		wantFault(t, in(t, p, g).Leave(background), fault.LogFork)
	}
	wantFault(t, in(t, alice, g).Remove(background, "carol"), fault.LogFork)
	branches := must(in(t, alice, g).State(background)).Branches
	if len(branches) != 1 {
		t.Fatalf("branches %+v", branches)
	}
	ok(t, in(t, alice, g).Resolve(background, branches[0].First))
	resolve := pending(t, alice, sotto.ParcelGroup)
	if len(resolve) != 1 {
		t.Fatalf("%d entries", len(resolve))
	}
	tip := sum(resolve[0].Data)
	for _, p := range all[:3] {
		only(t, receive(t, p, resolve[0].Data))
		s := must(in(t, p, g).State(background))
		if s.Status != group.Active || s.Tip != tip {
			t.Errorf("%v sees %+v", p, s)
		}
	}
	if chain := must(in(t, bob, g).Chain(background)); len(chain) != 8 {
		t.Errorf("a chain of %d entries", len(chain))
	}
	must(in(t, alice, g).Seal(background, sotto.NewMessageID(), "", []byte("on again")))
	must(in(t, bob, g).Seal(background, sotto.NewMessageID(), "", []byte("on again")))
}

// A member may vouch for an entry of a device that was revoked since: it counts here, and for others with the next session.
func TestAMemberVouchesForAnEntryOfARevokedDevice(t *testing.T) {
	bob, c := joined(t)
	alice := c.persons["alice"]
	phone, entry := alice.add()
	receive(t, bob, entry)
	change := must(c.state().Propose(phone, alice.log, start, group.SetRole("carol", group.RoleAdmin)))[0]
	receive(t, bob, alice.revoke(phone))
	wantWhy(t, receive(t, bob, change)[0], fault.RevokedDevice)
	g := groupOf(t, bob, c)
	ok(t, g.Accept(background, c.tip())) // it counts as it is
	wantFault(t, g.Accept(background, [32]byte{1}), fault.Misuse)
	branches := stateOf(t, bob, c).Branches
	if len(branches) != 1 || branches[0].First != sum(change) || branches[0].Verdict != group.Idle {
		t.Fatalf("branches %+v", branches)
	}
	ok(t, g.Accept(background, branches[0].First))
	c.chain = append(c.chain, change)
	wantIn(t, bob, c)
	bob.Restart()
	wantIn(t, bob, c)
	if !has(must(bob.Unread(background)), sotto.KindMembers) {
		t.Error("nobody is told")
	}
	if n := len(pending(t, bob, sotto.ParcelEnvelope)); n == 0 {
		t.Error("no session tells the others")
	}
}

// What waits in a group does not go to a device that was revoked.
func TestWhatWaitsInAGroupIsCutForRevokedDevices(t *testing.T) {
	bob, c := joined(t)
	carol := c.persons["carol"]
	tablet, entry := carol.add()
	receive(t, bob, entry, carol.rotate(tablet))
	sealsIn(t, bob, c, "waits")
	goes := func() (n int) {
		for _, p := range must(bob.Pending(background)) {
			for _, id := range p.To {
				if id == tablet.Record().ID() {
					n++
				}
			}
		}
		return n
	}
	if goes() != 2 {
		t.Fatalf("%d parcels for the tablet", goes())
	}
	receive(t, bob, carol.revoke(tablet))
	if goes() != 0 {
		t.Errorf("%d parcels still go to the tablet", goes())
	}
	if n := len(pending(t, bob, sotto.ParcelMessage)); n != 1 {
		t.Errorf("%d messages wait for the others", n)
	}
}

// An entry of a member whose log is not here waits for it; what stands on it is asked for once more.
func TestAnEntryOfAMemberWhoIsNotKnownWaitsForHisLog(t *testing.T) {
	bob, c := joined(t)
	dave := newPerson(t, "dave", nil)
	c.persons["dave"] = dave
	receive(t, bob, c.add("alice", "dave")...)
	receive(t, bob, c.put("alice", group.SetRole("dave", group.RoleAdmin))...)
	his := c.put("dave", group.Remove("carol"))
	after := c.put("alice", group.SetRole("bob", group.RoleAdmin))
	events := receive(t, bob, his[0], after[0])
	wantWhy(t, events[0], fault.TooFarAhead)
	if n := events[0].Needs; len(n) != 1 || n[0].LogOf != "dave" || n[0].Root != nil || n[0].FromSeq != 0 {
		t.Errorf("needs %+v", n)
	}
	wantWhy(t, events[1], fault.TooFarAhead)
	if n := events[1].Needs; len(n) != 1 || n[0].GroupOf == nil || n[0].FromSeq != 5 {
		t.Errorf("needs %+v", n)
	}
	bob.Restart()
	found := false
	for _, n := range must(bob.Needs(background)) {
		found = found || n.LogOf == "dave"
	}
	if !found {
		t.Error("dave's log is not asked for")
	}
	trustAll(t, bob, dave)
	receive(t, bob)
	if s := stateOf(t, bob, c); s.Tip != sum(his[0]) {
		t.Errorf("at epoch %d", s.Epoch)
	}
	only(t, receive(t, bob, after...))
	wantIn(t, bob, c)
}

// A log that grew is asked for from where it ends.
func TestAnEntryOfANewDeviceWaitsForTheEndOfTheLog(t *testing.T) {
	bob, c := joined(t)
	alice := c.persons["alice"]
	phone, entry := alice.add()
	change := must(c.state().Propose(phone, alice.log, start, group.SetRole("carol", group.RoleAdmin)))[0]
	c.chain = append(c.chain, change)
	e := receive(t, bob, change)[0]
	wantWhy(t, e, fault.TooFarAhead)
	if n := e.Needs; len(n) != 1 || n[0].LogOf != "alice" || n[0].Root != nil || n[0].FromSeq != 1 {
		t.Errorf("needs %+v", n)
	}
	receive(t, bob, entry)
	wantIn(t, bob, c)
}
