package sotto_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/envelope"
)

// What a session's statement says of its group is held against the entry that it names.
func TestASessionThatIsNotOfItsEntryIsRefused(t *testing.T) {
	bob, c := joined(t)
	dave, mallory := newPerson(t, "dave", nil), newPerson(t, "mallory", nil)
	trustAll(t, bob, dave, mallory)
	c.persons["dave"], c.persons["mallory"] = dave, mallory
	receive(t, bob, c.add("alice", "dave")...)
	receive(t, bob, c.put("alice", group.Remove("dave"))...)
	other := newCircle(t, c.persons["alice"], c.persons["carol"])
	other.know(bob)
	other.add("alice", "carol", "bob")
	_, envelopeOfOther := other.atTip("alice")
	receive(t, bob, append([][]byte{envelopeOfOther}, other.chain...)...)
	alice, carol := c.persons["alice"], c.persons["carol"]
	at := func(epoch int) *[32]byte {
		h := [32]byte(sum(c.chain[epoch]))
		return &h
	}
	for name, forged := range map[string]struct {
		by     *person
		change func(f *envelope.Statement)
		want   fault.Code
	}{
		"ghost-member":                {alice, func(f *envelope.Statement) { c.headsOf(f, "alice", "bob", "carol", "mallory") }, fault.Malformed},
		"ghost-member who was one":    {alice, func(f *envelope.Statement) { c.headsOf(f, "alice", "bob", "carol", "dave") }, fault.Malformed},
		"member-missing-in-heads":     {alice, func(f *envelope.Statement) { c.headsOf(f, "alice", "bob") }, fault.Malformed},
		"conv-other of another group": {alice, func(f *envelope.Statement) { f.Conversation = other.id; c.headsOf(f, "alice", "bob", "carol") }, fault.TooFarAhead},
		"conv-other and its entry": {alice, func(f *envelope.Statement) {
			f.Conversation, f.State, f.Epoch = other.id, at(2), 2
			c.headsOf(f, "alice", "bob", "carol")
		}, fault.TooFarAhead},
		"epoch-other":                    {alice, func(f *envelope.Statement) { f.Epoch++; c.headsOf(f, "alice", "bob", "carol") }, fault.Damaged},
		"epoch-without-state":            {alice, func(f *envelope.Statement) { f.State = nil; c.headsOf(f, "alice", "bob", "carol") }, fault.Malformed},
		"state of before":                {alice, func(f *envelope.Statement) { f.State = at(3); c.headsOf(f, "alice", "bob", "carol") }, fault.Malformed},
		"members of the entry, not now":  {alice, func(f *envelope.Statement) { f.State, f.Epoch = at(3), 3; c.headsOf(f, "alice", "bob", "carol") }, fault.Malformed},
		"sender-not-member":              {mallory, func(*envelope.Statement) {}, fault.UntrustedSigner},
		"sender-not-member any more":     {dave, func(*envelope.Statement) {}, fault.UntrustedSigner},
		"sender in heads, not a member":  {mallory, func(f *envelope.Statement) { c.headsOf(f, "alice", "bob", "mallory") }, fault.Malformed},
		"state-unknown":                  {carol, func(f *envelope.Statement) { f.State = &[32]byte{1}; c.headsOf(f, "alice", "bob", "carol") }, fault.TooFarAhead},
		"self-not-in-heads":              {carol, func(f *envelope.Statement) { c.headsOf(f, "alice", "carol") }, fault.NotForThisDevice},
		"a conversation of two as group": {alice, func(f *envelope.Statement) { f.State, f.Epoch = nil, 0; c.headsOf(f, "alice", "bob", "carol") }, fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			f := c.statement("alice")
			forged.change(f)
			e := receive(t, bob, c.forge(forged.by.keys, f))[0]
			wantWhy(t, e, forged.want)
			if forged.want != fault.TooFarAhead {
				if e.Needs != nil {
					t.Errorf("needs %+v", e.Needs)
				}
				return
			}
			if len(e.Needs) != 1 || e.Needs[0].GroupOf == nil || *e.Needs[0].GroupOf != device.Hash(f.Conversation) {
				t.Errorf("needs %+v", e.Needs)
			}
		})
	}
	good := c.statement("alice")
	wantWhy(t, receive(t, bob, c.forge(alice.keys, good))[0], 0) // so that it is the change that was refused
	wantIn(t, bob, c)
}

// root-other: a member is one under a root. The log of another one under his name is no member's.
func TestASessionWithAnotherRootOfAMemberIsRefused(t *testing.T) {
	bob, c := joined(t)
	again := newPerson(t, "carol", nil)
	forged := c.forge(c.persons["alice"].keys, c.statementWith(again))
	e := receive(t, bob, forged)[0]
	wantWhy(t, e, fault.TooFarAhead) // an identity that is not here yet, for all that is known
	if len(e.Needs) != 1 || e.Needs[0].Root == nil || *e.Needs[0].Root != again.log.Pin().Root {
		t.Fatalf("needs %+v", e.Needs)
	}
	ok(t, bob.Former(background, "carol", again.entries))
	for range 2 {
		receive(t, bob)
		if e := receive(t, bob, forged)[0]; e.Why == 0 {
			t.Error("a session with another identity is taken")
		}
	}
	if r := must(bob.Report(background)); r.HeldForLog != 0 {
		t.Errorf("%d envelopes still wait", r.HeldForLog)
	}
}

// state-unknown: a session of an entry that is not here waits for it, and its messages for the session.
func TestASessionOfAnUnknownEntryWaitsForIt(t *testing.T) {
	bob, c := joined(t)
	entries := c.put("alice", group.SetRole("carol", group.RoleAdmin), group.SetRole("carol", group.RoleMember))
	s, envelope := c.atTip("alice")
	events := receive(t, bob, envelope, c.says("alice", s, "later"))
	if n := events[0].Needs; len(n) != 1 || n[0].GroupOf == nil || *n[0].GroupOf != c.id || n[0].FromSeq != 3 || n[0].For != sum(envelope) {
		t.Errorf("needs %+v", n)
	}
	bob.Restart()
	found := false
	for _, n := range must(bob.Needs(background)) {
		found = found || n.GroupOf != nil && *n.GroupOf == c.id && n.FromSeq == 3
	}
	if !found {
		t.Error("Needs does not list the chain")
	}
	wantNoText(t, receive(t, bob, entries[0]))
	only(t, receive(t, bob, entries[1]), "later")
	wantIn(t, bob, c)
}

func wantNoText(t *testing.T, events []sotto.Event) {
	t.Helper()
	if have := texts(events); have != nil {
		t.Errorf("messages %q", have)
	}
}

// ghost-device: a device that is in no log has no part in a group.
func TestADeviceThatIsInNoLogHasNoPartInAGroup(t *testing.T) {
	bob, c := joined(t)
	ghost := must(device.Generate("carol", device.Classical, start))
	must(ghost.Found(nil, start))
	wantWhy(t, receive(t, bob, c.forge(ghost, c.statement("alice")))[0], fault.UntrustedSigner)
	f := c.statement("alice")
	f.Roster[0] ^= 1 // one device more, or one less
	wantWhy(t, receive(t, bob, c.forge(c.persons["alice"].keys, f))[0], fault.Malformed)
}

func TestNoAlteredEntryOfAGroupIsTaken(t *testing.T) {
	bob, c := joined(t)
	entry := c.put("alice", group.SetRole("carol", group.RoleAdmin))[0]
	var all [][]byte
	for i := range entry {
		bad := bytes.Clone(entry)
		bad[i] ^= 1
		all = append(all, bad, entry[:i])
	}
	all = append(all, slices.Concat(entry, []byte{0}))
	for i, e := range receive(t, bob, all...)[:len(all)] {
		if e.Why == 0 {
			t.Fatalf("input %d is taken", i)
		}
	}
	wantWhy(t, receive(t, bob, entry)[0], 0)
}
