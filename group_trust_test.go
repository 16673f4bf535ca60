package sotto_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
)

// sealedTo reports whether an envelope is for a peer.
func sealedTo(t *testing.T, envelope []byte, p *sottotest.Peer) bool {
	t.Helper()
	return slices.Contains(must(session.Recipients(envelope)), see(t, p).key.ID())
}

// In a group only the contact who is blocked is left out; after the decision his devices get the sessions that they missed.
func TestABlockedMemberAloneIsLeftOutAndRepaired(t *testing.T) {
	all := people(t, "alice", "bob", "carol")
	alice, bob, carol := all[0], all[1], all[2]
	g := alice.NewGroup(bob, carol)
	settled(t, alice)
	bob.Say(g.ID(), "a session of bob's may be there")
	settled(t, alice)
	shows(t, alice, "bob", nil, fault.Rollback)
	for range 2 {
		for _, m := range must(in(t, alice, g.ID()).Devices(background)) {
			if want := map[string]fault.Code{"bob": fault.Rollback}[m.User]; m.Left != want {
				t.Errorf("%s is left out: %v", m.User, m.Left)
			}
		}
		alice.Restart()
	}
	parcels := must(in(t, alice, g.ID()).Seal(background, sotto.NewMessageID(), "text/plain", []byte("without bob")))
	if k := kinds(parcels); len(k) != 2 || k[0] != sotto.ParcelEnvelope {
		t.Fatalf("no session without bob: %v", k)
	}
	if sealedTo(t, parcels[0].Data, bob) || !sealedTo(t, parcels[0].Data, carol) {
		t.Error("the session is sealed to bob, or not to carol")
	}
	second := must(in(t, alice, g.ID()).Seal(background, sotto.NewMessageID(), "text/plain", []byte("on the same session")))
	if k := kinds(second); len(k) != 2 || sum(second[0].Data) != sum(parcels[0].Data) {
		t.Errorf("another session each time: %v", k)
	}
	alice.Flush()
	wantHeard(t, carol, "without bob", "on the same session")
	if have := texts(bob.Sync()); have != nil {
		t.Errorf("bob reads %q", have)
	}
	// Whoever is blocked gets no answer either.
	for _, n := range must(bob.Needs(background)) {
		if n.Request != nil {
			wantWhy(t, receive(t, alice, n.Request)[0], fault.Rollback)
		}
	}
	if n := len(pending(t, alice, sotto.ParcelEnvelope)); n != 0 {
		t.Errorf("%d answers", n)
	}
	alice.Sync()
	acknowledge(t, alice, "bob")
	alice.Flush()
	if have := texts(bob.Sync()); !slices.Equal(have, []string{"without bob", "on the same session"}) {
		t.Errorf("after the decision bob got %q", have)
	}
	alice.Say(g.ID(), "all again")
	wantHeard(t, bob, "all again")
	wantHeard(t, carol, "all again")
}

// Everybody decides for himself: who does not block the member hands the session on when he asks.
func TestAnotherMemberHandsTheSessionOn(t *testing.T) {
	all := people(t, "alice", "bob", "carol")
	alice, bob, carol := all[0], all[1], all[2]
	g := alice.NewGroup(bob, carol)
	settled(t, alice)
	shows(t, alice, "bob", nil, fault.Rollback)
	message := say(t, alice, g, "without bob")
	carol.Sync()
	wantWhy(t, receive(t, bob, message)[0], fault.UnknownSession)
	if n := askAll(t, bob, alice); n != 0 {
		t.Errorf("alice answered %d times", n)
	}
	if n := askAll(t, bob, carol); n != 1 {
		t.Errorf("carol answered %d times", n)
	}
	wantWhy(t, receive(t, bob, message)[0], fault.Replayed) // he has read it
}

// A member whose log is known not to be up to date is left out the same way.
func TestAMemberWhoseLogIsBehindIsLeftOut(t *testing.T) {
	bob, c := joined(t)
	carol := c.persons["carol"]
	tablet, entry := carol.add()
	wantWhy(t, receive(t, bob, carol.rotate(tablet))[0], fault.UntrustedSigner) // of a device that is not known
	wantWhy(t, receive(t, bob, carol.rotate(carol.keys))[0], fault.TooFarAhead)
	sent := sealsIn(t, bob, c, "without carol")
	for _, key := range must(session.Recipients(sent[0].Data)) {
		if slices.Contains(carol.keys.KeyIDs(), key) {
			t.Error("it is sealed to carol")
		}
	}
	for _, m := range must(groupOf(t, bob, c).Devices(background)) {
		if want := map[string]fault.Code{"carol": fault.TooFarAhead}[m.User]; m.Left != want {
			t.Errorf("%s is left out: %v", m.User, m.Left)
		}
	}
	delivered(t, bob)
	receive(t, bob, entry)
	for _, p := range pending(t, bob, sotto.ParcelEnvelope) {
		if !slices.Equal(must(session.Recipients(p.Data)), carol.keys.KeyIDs()[len(carol.keys.KeyIDs())-1:]) && len(p.To) != 1 {
			t.Errorf("parcel %+v", p.To)
		}
	}
	if len(pending(t, bob, sotto.ParcelEnvelope)) == 0 {
		t.Error("carol did not get what she missed")
	}
}

// A contact to whom nothing may be sealed is not added.
func TestABlockedContactIsNotAdded(t *testing.T) {
	all := people(t, "alice", "bob", "carol")
	alice := all[0]
	g := alice.NewGroup(all[2])
	settled(t, alice)
	shows(t, alice, "bob", nil, fault.Rollback)
	wantFault(t, in(t, alice, g.ID()).Add(background, contact(alice, "bob")), fault.Rollback)
	_, err := alice.CreateGroup(background, contact(alice, "bob"))
	wantFault(t, err, fault.Rollback)
	if n := len(must(alice.Groups(background))); n != 1 {
		t.Errorf("%d groups", n)
	}
	acknowledge(t, alice, "bob")
	ok(t, in(t, alice, g.ID()).Add(background, contact(alice, "bob")))
	again := newPerson(t, "bob", nil)
	old := contact(alice, "bob")
	shows(t, alice, "bob", again.entries, fault.IdentityChanged)
	adopt(t, alice, "bob")
	_, err = alice.CreateGroup(background, old)
	wantFault(t, err, fault.IdentityChanged)
}

// A device that does not speak for its user any more signs nothing for a group: while the own log has forked, and once it
// is revoked.
func TestADeviceThatMayNotSpeakChangesNoGroup(t *testing.T) {
	changes := func(p *sottotest.Peer, g *sotto.Group, tip [32]byte, want fault.Code) {
		t.Helper()
		_, err := p.CreateGroup(background)
		wantFault(t, err, want)
		wantFault(t, g.Leave(background), want)
		wantFault(t, g.Add(background, contact(p, "carol")), want)
		wantFault(t, g.Accept(background, tip), want)
		_, err = g.Seal(background, sotto.NewMessageID(), "", []byte("text"))
		wantFault(t, err, want)
		if n := len(pending(t, p, sotto.ParcelGroup)); n != 0 {
			t.Errorf("%d entries are signed", n)
		}
	}
	bob, c := joined(t)
	receive(t, bob, c.put("alice", group.SetRole("bob", group.RoleAdmin))...)
	own := must(contact(bob, "bob").Log(background))
	thief := &person{t: t, user: "bob", keys: must(device.Generate("bob", device.Classical, start)), entries: own}
	ok(t, bob.Admit(background, thief.keys.Record().Bytes()))
	thief.entries = append(thief.entries, pending(t, bob, sotto.ParcelLog)[0].Data)
	receive(t, bob, thief.entries[1])
	thief.log = must(device.Verify("bob", thief.entries))
	revoked := copyOf(t, bob.Backend)
	next := must(device.Generate("bob", device.Classical, start))
	ok(t, bob.Admit(background, next.Record().Bytes()))
	receive(t, bob, pending(t, bob, sotto.ParcelLog)[0].Data)
	before := thief.branch()
	_, other := before.add()
	wantWhy(t, receive(t, bob, other)[0], fault.LogFork)
	changes(bob, groupOf(t, bob, c), c.tip(), fault.LogFork)

	restore(t, bob, revoked)
	entry := thief.put(thief.log.Revoke(thief.keys, bob.Device(), start))
	receive(t, bob, entry)
	changes(bob, groupOf(t, bob, c), c.tip(), fault.RevokedDevice)
}

// What another process learned between the choice of a session and the commit counts: nothing goes to who is out by then.
func TestWhatIsLearnedWhileAMessageIsSealedCounts(t *testing.T) {
	for name, learn := range map[string]func(p *sottotest.Peer, c *circle){
		"a removal": func(p *sottotest.Peer, c *circle) { receive(t, p, c.put("alice", group.Remove("carol"))...) },
		"a block":   func(p *sottotest.Peer, _ *circle) { shows(t, p, "carol", nil, fault.Rollback) },
		"a revocation": func(p *sottotest.Peer, c *circle) {
			carol := c.persons["carol"]
			receive(t, p, carol.revoke(carol.keys))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bob, c := joined(t)
			b := tapped(bob)
			other, g := twin(t, bob), groupOf(t, bob, c)
			learned := false
			b.before = func(call string) error {
				if call == "Commit" && !learned {
					learned = true
					learn(other, c)
				}
				return nil
			}
			parcels := must(g.Seal(background, sotto.NewMessageID(), "text/plain", []byte("text")))
			b.before = nil
			key := c.persons["carol"].keys.KeyIDs()[0]
			if k := kinds(parcels); len(k) != 2 || slices.Contains(must(session.Recipients(parcels[0].Data)), key) {
				t.Errorf("parcels %v, or sealed to carol", k)
			}
			if !learned {
				t.Error("nothing came in between")
			}
		})
	}
}
