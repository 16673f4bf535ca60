package sotto_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/sottotest"
)

// in is a peer's view of a group.
func in(t *testing.T, p *sottotest.Peer, id device.Hash) *sotto.Group {
	t.Helper()
	return must(p.Group(background, id))
}

// contact is somebody whom a peer has met.
func contact(p *sottotest.Peer, user string) *sotto.Contact {
	return must(p.Contact(background, user))
}

// settled lets everybody see everything.
func settled(t *testing.T, p *sottotest.Peer) {
	t.Helper()
	for range 3 {
		p.Network().SyncAll()
	}
}

// wantRoles holds that all peers see the same members: "user role".
func wantRoles(t *testing.T, id device.Hash, peers []*sottotest.Peer, want ...string) {
	t.Helper()
	tip := must(in(t, peers[0], id).State(background)).Tip
	for _, p := range peers {
		s := must(in(t, p, id).State(background))
		var have []string
		for _, m := range s.Members {
			have = append(have, m.User+" "+m.Role.String())
		}
		if !slices.Equal(have, want) || s.Tip != tip || s.Status != group.Active && want != nil || s.Pending != 0 {
			t.Errorf("%v sees %q, %v, %d pending", p, have, s.Status, s.Pending)
		}
	}
}

func TestAGroupChanges(t *testing.T) {
	all := people(t, "alice", "bob", "carol", "dave")
	alice, bob, carol, dave := all[0], all[1], all[2], all[3]
	g := alice.NewGroup(bob).ID()
	settled(t, alice)
	wantRoles(t, g, all[:2], "alice owner", "bob member")
	ok(t, in(t, alice, g).Add(background, contact(alice, "carol"), contact(alice, "dave")))
	settled(t, alice)
	wantRoles(t, g, all, "alice owner", "bob member", "carol member", "dave member")
	ok(t, in(t, alice, g).SetRole(background, "bob", group.RoleAdmin))
	settled(t, alice)
	ok(t, in(t, bob, g).Remove(background, "carol", "dave"))
	settled(t, alice)
	wantRoles(t, g, all, "alice owner", "bob admin")
	ok(t, in(t, bob, g).Add(background, contact(bob, "dave")))
	settled(t, alice)
	ok(t, in(t, alice, g).Transfer(background, "dave"))
	settled(t, alice)
	wantRoles(t, g, all, "alice admin", "bob admin", "dave owner")
	ok(t, in(t, alice, g).Leave(background))
	settled(t, alice)
	wantRoles(t, g, all, "bob admin", "dave owner")
	ok(t, in(t, dave, g).SetRole(background, "bob", group.RoleMember))
	settled(t, alice)
	ok(t, in(t, bob, g).Leave(background))
	settled(t, alice)
	wantRoles(t, g, all, "dave owner")
	dave.Say(g, "alone")
	for _, p := range []*sottotest.Peer{alice, bob, carol} {
		wantHeard(t, p)
		_, err := in(t, p, g).Seal(background, sotto.NewMessageID(), "", []byte("text"))
		wantFault(t, err, fault.UntrustedSigner)
		wantFault(t, in(t, p, g).Remove(background, "dave"), fault.UntrustedSigner)
	}
}

// member-adds, admin-sets-role, admin-removes-admin, add-present, remove-absent, owner-leaves: nothing is signed.
func TestWhatAMemberMayNotIsRefusedAtOnce(t *testing.T) {
	all := people(t, "alice", "bob", "carol", "dave")
	g := all[0].NewGroup(all[1], all[2]).ID()
	settled(t, all[0])
	alices, bobs, carols := in(t, all[0], g), in(t, all[1], g), in(t, all[2], g)
	ok(t, alices.SetRole(background, "bob", group.RoleAdmin))
	settled(t, all[0])
	for name, change := range map[string]struct {
		err  error
		want fault.Code
	}{
		"member adds":              {carols.Add(background, contact(all[2], "dave")), fault.UntrustedSigner},
		"member removes":           {carols.Remove(background, "bob"), fault.UntrustedSigner},
		"member sets role":         {carols.SetRole(background, "carol", group.RoleAdmin), fault.UntrustedSigner},
		"member transfers":         {carols.Transfer(background, "carol"), fault.UntrustedSigner},
		"admin sets role":          {bobs.SetRole(background, "carol", group.RoleAdmin), fault.UntrustedSigner},
		"admin transfers":          {bobs.Transfer(background, "bob"), fault.UntrustedSigner},
		"admin removes owner":      {bobs.Remove(background, "alice"), fault.UntrustedSigner},
		"owner leaves":             {alices.Leave(background), fault.UntrustedSigner},
		"remove absent":            {alices.Remove(background, "dave"), fault.Misuse},
		"role of somebody absent":  {alices.SetRole(background, "dave", group.RoleAdmin), fault.Misuse},
		"role of owner":            {alices.SetRole(background, "bob", group.RoleOwner), fault.Misuse},
		"transfer to somebody out": {alices.Transfer(background, "dave"), fault.Misuse},
		"add present":              {alices.Add(background, contact(all[0], "carol")), fault.Misuse},
		"add nobody":               {alices.Add(background, nil), fault.Misuse},
		"contact of another":       {alices.Add(background, contact(all[1], "dave")), fault.Misuse},
		"transfer to oneself":      {alices.Transfer(background, "alice"), fault.Misuse},
		"resolve of nothing":       {alices.Resolve(background, device.Hash{1}), fault.Misuse},
	} {
		t.Run(name, func(t *testing.T) { wantFault(t, change.err, change.want) })
	}
	for _, p := range all {
		if n := len(pending(t, p, sotto.ParcelGroup)); n != 0 {
			t.Errorf("%v has signed %d entries", p, n)
		}
	}
	var none *sotto.Group
	wantFault(t, none.Leave(background), fault.Misuse)
	_, err := none.State(background)
	wantFault(t, err, fault.Misuse)
	_, err = none.Chain(background)
	wantFault(t, err, fault.Misuse)
	_, err = none.SafetyNumber(background)
	wantFault(t, err, fault.Misuse)
	_, err = none.ShareHistory(background, nil)
	wantFault(t, err, fault.Misuse)
}

// When the last manager leaves the group ends for everybody.
func TestTheLastManagerEndsAGroup(t *testing.T) {
	all := people(t, "alice", "bob", "carol")
	g := all[0].NewGroup(all[1], all[2]).ID()
	all[0].Say(g, "farewell")
	settled(t, all[0])
	ok(t, in(t, all[0], g).Leave(background))
	all[0].Sync()
	for _, p := range all[1:] {
		if events := p.Sync(); !has(events, sotto.KindGroupEnded) {
			t.Errorf("%v is told %+v", p, events)
		}
	}
	for _, p := range all {
		p.Restart()
		s := must(in(t, p, g).State(background))
		if s.Status != group.Ended || len(s.Members) != 0 || s.Pending != 0 {
			t.Errorf("%v sees %+v", p, s)
		}
		_, err := in(t, p, g).Seal(background, sotto.NewMessageID(), "", []byte("text"))
		wantFault(t, err, fault.Expired)
		wantFault(t, in(t, p, g).Leave(background), fault.Expired)
		wantFault(t, in(t, p, g).Add(background, contact(p, "carol")), fault.Expired)
		settled(t, p)
	}
}

// Two admins at once: the server takes one entry, the other one is told that he was overtaken, and does it again.
func TestTwoAdminsAtOnceAreOrderedByTheServer(t *testing.T) {
	all := people(t, "alice", "bob", "carol", "dave", "erin")
	alice, bob := all[0], all[1]
	g := alice.NewGroup(bob).ID()
	ok(t, in(t, alice, g).SetRole(background, "bob", group.RoleAdmin))
	settled(t, alice)
	ok(t, in(t, alice, g).Add(background, contact(alice, "carol")))
	ok(t, in(t, bob, g).Add(background, contact(bob, "dave")))
	ok(t, in(t, bob, g).Add(background, contact(bob, "erin"))) // stands on the one before, and falls with it
	alice.Sync()
	events := bob.Sync()
	if !has(events, sotto.KindOvertaken) {
		t.Errorf("bob is told %+v", events)
	}
	if has(alice.Sync(), sotto.KindOvertaken) {
		t.Error("alice was overtaken, too")
	}
	settled(t, alice)
	wantRoles(t, g, all[:3], "alice owner", "bob admin", "carol member")
	ok(t, in(t, bob, g).Add(background, contact(bob, "dave"), contact(bob, "erin")))
	settled(t, alice)
	wantRoles(t, g, all, "alice owner", "bob admin", "carol member", "dave member", "erin member")
}

// What this device signed waits for the server, in order and byte for byte, whatever happens.
func TestChangesThatWaitAreOfferedByteForByte(t *testing.T) {
	all := people(t, "alice", "bob", "carol", "dave")
	alice := all[0]
	g := alice.NewGroup(all[1]).ID()
	settled(t, alice)
	ok(t, in(t, alice, g).Add(background, contact(alice, "carol")))
	ok(t, in(t, alice, g).SetRole(background, "carol", group.RoleAdmin)) // needs the one before
	ok(t, in(t, alice, g).Remove(background, "bob"))
	want := data(pending(t, alice, sotto.ParcelGroup))
	if len(want) != 3 {
		t.Fatalf("%d entries wait", len(want))
	}
	for range 3 {
		for _, p := range pending(t, alice, sotto.ParcelGroup) {
			ok(t, alice.Delivered(background, p)) // the server took it, or did not: only the chain tells
		}
		alice.Restart()
		ok(t, alice.Upkeep(background, true))
		if !sameChain(data(pending(t, alice, sotto.ParcelGroup)), want) {
			t.Fatal("other entries are offered")
		}
	}
	if n := must(in(t, alice, g).State(background)).Pending; n != 3 {
		t.Errorf("%d changes are pending", n)
	}
	alice.Flush()
	receive(t, alice, want[0])
	if !sameChain(data(pending(t, alice, sotto.ParcelGroup)), want[1:]) {
		t.Error("what the chain has is offered again, or what it has not is gone")
	}
	settled(t, alice)
	wantRoles(t, g, []*sottotest.Peer{alice, all[2]}, "alice owner", "carol admin")
}

// Newcomers read nothing from before, leavers nothing from then on; both from the very message.
func TestNobodyReadsAMessageOfAnEpochThatHeWasNotIn(t *testing.T) {
	all := people(t, "alice", "bob", "carol")
	alice, bob, carol := all[0], all[1], all[2]
	g := alice.NewGroup(bob)
	settled(t, alice)
	before := say(t, alice, g, "before")
	envelopeless := receive(t, carol, before)[0]
	wantWhy(t, envelopeless, fault.UnknownSession)
	addTo(t, alice, g, carol)
	settled(t, alice)
	say(t, alice, g, "welcome")
	wantHeard(t, carol, "welcome")
	wantWhy(t, receive(t, carol, before)[0], fault.UnknownSession)
	askAll(t, carol, all...)
	wantWhy(t, receive(t, carol, before)[0], fault.UnknownSession)

	settled(t, alice)
	removeFrom(t, alice, g, "bob")
	settled(t, alice)
	after := say(t, alice, g, "after")
	say(t, carol, g, "after, too")
	wantHeard(t, bob)
	wantWhy(t, receive(t, bob, after)[0], fault.UnknownSession)
	askAll(t, bob, all...)
	wantWhy(t, receive(t, bob, after)[0], fault.UnknownSession)
}

// askAll carries a peer's key requests to everybody and the answers back, and returns how many were answered.
func askAll(t *testing.T, p *sottotest.Peer, others ...*sottotest.Peer) (answered int) {
	t.Helper()
	for _, n := range must(p.Needs(background)) {
		if n.Request == nil {
			continue
		}
		for _, o := range others {
			if o == p {
				continue
			}
			if e := receive(t, o, n.Request)[0]; e.Why == 0 {
				answered++
			}
			o.Flush()
		}
	}
	p.Sync()
	return answered
}

// A message in an unknown session is asked for; every member who has it answers, and a removed one gets no answer.
func TestASessionOfAGroupIsRepairedForMembersAlone(t *testing.T) {
	all := people(t, "alice", "bob", "carol")
	alice, bob, carol := all[0], all[1], all[2]
	g := alice.NewGroup(bob, carol)
	settled(t, alice)
	alice.Network().Pass(8 * day) // so that a new session is due
	settled(t, alice)
	parcels := must(in(t, alice, g.ID()).Seal(background, sotto.NewMessageID(), "text/plain", []byte("text")))
	delivered(t, alice)
	envelope, message := parcels[0].Data, parcels[len(parcels)-1].Data
	only(t, receive(t, carol, envelope, message), "text")
	wantWhy(t, receive(t, bob, message)[0], fault.UnknownSession)
	requests := must(bob.Needs(background))
	removed := copyOf(t, carol.Backend)
	if n := askAll(t, bob, carol); n != 1 {
		t.Errorf("%d answers", n)
	}
	if have := texts(must(bob.Unread(background))); len(have) != 0 { // Sync acknowledged it
		t.Errorf("unread %q", have)
	}
	wantWhy(t, receive(t, bob, message)[0], fault.Replayed)

	restore(t, carol, removed)
	removeFrom(t, alice, g, "bob")
	carol.Sync()
	for _, n := range requests {
		if n.Request != nil {
			for _, p := range []*sottotest.Peer{alice, carol} {
				delivered(t, p)
				wantWhy(t, receive(t, p, n.Request)[0], fault.UnknownSession)
				if left := pending(t, p, sotto.ParcelEnvelope); len(left) != 0 {
					t.Errorf("%v answers somebody who was removed", p)
				}
			}
		}
	}
}

// Two processes on one store see one group.
func TestTwoProcessesShareAGroup(t *testing.T) {
	all := people(t, "alice", "bob", "carol", "dave")
	alice := all[0]
	other := twin(t, alice)
	g := alice.NewGroup(all[1]).ID()
	settled(t, alice)
	ok(t, in(t, other, g).Add(background, contact(other, "carol")))
	ok(t, in(t, alice, g).Add(background, contact(alice, "dave")))
	if !sameChain(data(pending(t, alice, sotto.ParcelGroup)), data(pending(t, other, sotto.ParcelGroup))) {
		t.Error("they offer different entries")
	}
	settled(t, alice)
	wantRoles(t, g, append(all, other), "alice owner", "bob member", "carol member", "dave member")
	other.Say(g, "from the other process")
	alice.Say(g, "and from this one")
	for _, p := range all[1:] {
		wantHeard(t, p, "from the other process", "and from this one")
	}
}

// A store that is put back knows the group again from the chain, signs no second entry at a place, and sends on.
func TestARestoredStoreCatchesUpWithItsGroup(t *testing.T) {
	all := people(t, "alice", "bob", "carol", "dave")
	alice, bob, carol := all[0], all[1], all[2]
	g := alice.NewGroup(bob).ID()
	settled(t, alice)
	backup := copyOf(t, alice.Backend)
	ok(t, in(t, alice, g).Add(background, contact(alice, "carol")))
	settled(t, alice)
	alice.Say(g, "before the restore")
	settled(t, alice)
	restore(t, alice, backup)
	ok(t, in(t, alice, g).Add(background, contact(alice, "dave"))) // on a chain that went on
	alice.Flush()
	events := alice.Sync()
	if !has(events, sotto.KindOvertaken) || !has(events, sotto.KindMembers) {
		t.Errorf("events %+v", events)
	}
	settled(t, alice)
	wantRoles(t, g, all[:3], "alice owner", "bob member", "carol member")
	alice.Say(g, "after the restore")
	wantHeard(t, bob, "after the restore")
	wantHeard(t, carol, "after the restore")
	bob.Say(g, "answer")
	got := heard(t, alice)
	for range 2 { // the session may be one that was lost with the store: then bob gives it once more
		bob.Sync()
		got = append(got, heard(t, alice)...)
	}
	if len(got) != 1 || got[0] != "answer" {
		t.Errorf("alice got %q", got)
	}
}

// Conversations of two go on as if there was no group.
func TestAGroupChangesNothingBetweenTwo(t *testing.T) {
	all := people(t, "alice", "bob", "carol")
	alice, bob := all[0], all[1]
	alice.Send("bob", "one")
	bob.Sync()
	before := len(must(alice.Report(background)).Contacts[1].Sessions)
	g := alice.NewGroup(bob, all[2])
	settled(t, alice)
	removeFrom(t, alice, g, "bob")
	settled(t, alice)
	ok(t, in(t, alice, g.ID()).Leave(background))
	settled(t, alice)
	parcels := must(alice.Conversation("bob").Seal(background, sotto.NewMessageID(), "text/plain", []byte("two")))
	if k := kinds(parcels); len(k) != 1 {
		t.Errorf("a new session for nothing: %v", k)
	}
	alice.Flush()
	wantHeard(t, bob, "two")
	if after := len(must(alice.Report(background)).Contacts[1].Sessions); after != before {
		t.Errorf("%d sessions", after)
	}
	for _, c := range must(alice.Groups(background)) {
		if c.ID() == alice.Conversation("bob").ID() {
			t.Error("a conversation of two is a group")
		}
	}
	_, err := alice.Group(background, alice.Conversation("bob").ID())
	wantFault(t, err, fault.UnknownSession)
}

// The notices of a group stay in the inbox until Ack, as often as the app starts.
func TestNoticesOfAGroupWaitForAck(t *testing.T) {
	bob, c := invited(t)
	_, envelope := c.atTip("alice")
	receive(t, bob, append([][]byte{envelope}, c.chain...)...)
	receive(t, bob, c.put("alice", group.SetRole("carol", group.RoleAdmin))...)
	last := c.put("alice", group.Remove("carol"))
	receive(t, bob, last...)
	var before []sotto.Event
	for range 2 {
		unread := must(bob.Unread(background))
		before = unread
		n := 0
		for _, e := range unread {
			if e.Kind == sotto.KindMembers {
				n++
			}
		}
		if !has(unread, sotto.KindJoined) || n != 2 {
			t.Errorf("unread %+v", unread)
		}
		bob.Restart()
	}
	newest := before[len(before)-1]
	want := sotto.Change{Op: group.OpRemove, User: "carol", Epoch: 4, Entry: sum(last[0])}
	if newest.User != "alice" || newest.Conversation != c.id || newest.Change == nil || *newest.Change != want {
		t.Errorf("the newest one is %+v %+v", newest, newest.Change)
	}
	ok(t, bob.Ack(background, before...))
	receive(t, bob, c.chain...)
	if unread := must(bob.Unread(background)); len(unread) != 0 {
		t.Errorf("told twice: %+v", unread)
	}
}
