package sotto_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
)

// share lets a peer share a group's history with somebody, and returns how many sessions that were.
func share(t *testing.T, p *sottotest.Peer, g *sotto.Group, with string) int {
	t.Helper()
	mine := must(p.Group(background, g.ID()))
	n := must(mine.ShareHistory(background, must(p.Contact(background, with))))
	p.Flush()
	return n
}

// addTo lets a peer add another one to a group, and everybody see it.
func addTo(t *testing.T, p *sottotest.Peer, g *sotto.Group, newcomer *sottotest.Peer) {
	t.Helper()
	mine := must(p.Group(background, g.ID()))
	ok(t, mine.Add(background, must(p.Contact(background, newcomer.User()))))
	p.Sync()
	p.Sync()
}

// removeFrom lets a peer remove a member from a group, and everybody see it.
func removeFrom(t *testing.T, p *sottotest.Peer, g *sotto.Group, user string) {
	t.Helper()
	ok(t, must(p.Group(background, g.ID())).Remove(background, user))
	p.Sync()
	p.Sync()
}

// Who shares a session shares it though its members are not all in the group any more: the newcomer knows nothing of them.
func TestHistoryOfMembersWhoLeftCanBeShared(t *testing.T) {
	n := sottotest.NewNetwork(t)
	alice, bob, carol, dave := n.Create("alice"), n.Create("bob"), n.Create("carol"), n.Create("dave")
	for _, p := range []*sottotest.Peer{bob, carol, dave} {
		alice.Meet(p)
		p.Meet(alice)
	}
	dave.Meet(bob)
	g := alice.NewGroup(bob, carol)
	before := say(t, alice, g, "before")
	n.SyncAll()
	removeFrom(t, alice, g, "carol")
	addTo(t, alice, g, dave)
	n.SyncAll()
	must(dave.Group(background, g.ID()))
	if share(t, alice, g, "dave") == 0 {
		t.Fatal("nothing was shared")
	}
	dave.Sync()
	dave.Sync()                // now with carol's log
	share(t, alice, g, "dave") // whoever does not know whether it worked does it again
	dave.Sync()
	only(t, receive(t, dave, before), "before")
}

// say seals a text for a group, delivers it, and returns the message.
func say(t *testing.T, p *sottotest.Peer, g *sotto.Group, text string) []byte {
	t.Helper()
	parcels := must(must(p.Group(background, g.ID())).Seal(background, sotto.NewMessageID(), "text/plain", []byte(text)))
	p.Flush()
	return parcels[len(parcels)-1].Data
}

// newcomer is a group of alice, bob and carol, to which dave came later; said is the message of before, in a session that dave
// has no part in.
func newcomer(t *testing.T) (all []*sottotest.Peer, g *sotto.Group, said []byte) {
	t.Helper()
	all = people(t, "alice", "bob", "carol", "dave")
	alice := all[0]
	g = alice.NewGroup(all[1], all[2])
	settled(t, alice)
	said = say(t, alice, g, "before")
	settled(t, alice)
	addTo(t, alice, g, all[3])
	settled(t, alice)
	return all, g, said
}

func TestSharedHistoryCanBeRead(t *testing.T) {
	all, g, said := newcomer(t)
	alice, dave := all[0], all[3]
	wantWhy(t, receive(t, dave, said)[0], fault.UnknownSession) // waits for what will be shared
	if n := share(t, alice, g, "dave"); n != 1 {
		t.Errorf("%d sessions shared", n)
	}
	events := dave.Sync()
	if have := texts(events); len(have) != 1 || have[0] != "before" {
		t.Errorf("messages %q, %+v", have, events)
	}
	told := 0
	for _, e := range events {
		if e.Kind != sotto.KindHistory {
			continue
		}
		told++
		if e.User != "alice" || e.Conversation != g.ID() || len(e.Body) != 0 || e.Type != "" || e.Why != 0 || e.Sent.IsZero() {
			t.Errorf("event %+v", e)
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
	dave.Restart()
	wantWhy(t, receive(t, dave, said)[0], fault.Replayed)
	// What is shared is read, and nothing is ever sent on it.
	parcels := must(in(t, dave, g.ID()).Seal(background, sotto.NewMessageID(), "text/plain", []byte("after")))
	if e := must(alice.Peek(background, parcels[len(parcels)-1].Data))[0]; e.Why != 0 && len(parcels) == 1 {
		t.Errorf("sent on %+v", e)
	}
	dave.Flush()
	wantHeard(t, alice, "after")
	wantHeard(t, all[1], "after")
}

// Whoever does not know whether it was shared does it again: the same message, or nothing.
func TestHistoryIsSharedOnce(t *testing.T) {
	all, g, _ := newcomer(t)
	alice, dave := all[0], all[3]
	mine := in(t, alice, g.ID())
	for range 3 {
		if n := must(mine.ShareHistory(background, contact(alice, "dave"))); n != 1 {
			t.Errorf("%d sessions", n)
		}
	}
	if n := len(pending(t, alice, sotto.ParcelMessage)); n != 1 {
		t.Errorf("%d messages wait", n)
	}
	alice.Flush()
	dave.Sync()
	if n := must(mine.ShareHistory(background, contact(alice, "bob"))); n != 0 {
		t.Errorf("%d sessions for somebody who has them all", n)
	}
}

// Another process may commit while a share is taken: it is taken all the same.
func TestAShareSurvivesAnotherProcess(t *testing.T) {
	bob, c, statement, message := early(t)
	in := c.sharedBy(bob, "alice", statement)
	b := tapped(bob)
	other := twin(t, bob)
	times := 0
	b.before = func(call string) error {
		if call == "Commit" && times < 2 {
			times++
			sealText(t, other, "bob", "note")
		}
		return nil
	}
	events := receive(t, bob, in...)
	b.before = nil
	if e := events[1]; e.Kind != sotto.KindHistory || e.Why != 0 || e.Again || times == 0 {
		t.Errorf("event %+v after %d commits in between", e, times)
	}
	only(t, receive(t, bob, message), "of before")
}

// A share may come before the entry that it names.
func TestAShareOfAnEpochAheadWaits(t *testing.T) {
	bob, c := joined(t)
	entries := c.put("alice", group.SetRole("carol", group.RoleAdmin), group.SetRole("carol", group.RoleMember))
	s, _ := c.atTip("alice")
	in := c.sharedBy(bob, "alice", must(s.ExportSecretStatement()))
	e := receive(t, bob, in...)[1]
	if len(e.Needs) != 1 || e.Needs[0].GroupOf == nil || *e.Needs[0].GroupOf != c.id || e.Needs[0].FromSeq != 3 {
		t.Errorf("event %+v", e)
	}
	bob.Restart()
	if !has(receive(t, bob, entries...), sotto.KindHistory) {
		t.Error("the share is lost")
	}
	only(t, receive(t, bob, c.says("alice", s, "text")), "text")
}

// Nothing of what was shared reaches an app, neither as an event nor after a restart, and an app can seal nothing that looks
// like it.
func TestTheBodyOfAShareReachesNobody(t *testing.T) {
	all, g, _ := newcomer(t)
	alice, dave := all[0], all[3]
	parcels := func() [][]byte {
		must(in(t, alice, g.ID()).ShareHistory(background, contact(alice, "dave")))
		return data(must(alice.Pending(background)))
	}()
	events := append(must(dave.Peek(background, parcels...)), receive(t, dave, parcels...)...)
	dave.Restart()
	events = append(append(events, must(dave.Unread(background))...), receive(t, dave, parcels...)...)
	seen := 0
	for _, e := range events {
		if e.Kind == sotto.KindHistory {
			seen++
		}
		if e.Kind == sotto.KindHistory && (len(e.Body) != 0 || e.Type != "") || e.Kind == sotto.KindMessage {
			t.Errorf("event %q %d %+v", e.Type, len(e.Body), e)
		}
	}
	if seen != 4 {
		t.Errorf("seen %d times", seen)
	}
	for _, p := range must(alice.Unread(background)) {
		if p.Kind == sotto.KindMessage {
			t.Errorf("the sharer has %+v", p)
		}
	}
	for _, reserved := range []string{"sotto/v1.shared-session", "sotto/", "sotto/anything"} {
		_, err := alice.Conversation("dave").Seal(background, sotto.NewMessageID(), reserved, []byte("text"))
		wantFault(t, err, fault.Misuse)
		_, err = in(t, alice, g.ID()).Seal(background, sotto.NewMessageID(), reserved, []byte("text"))
		wantFault(t, err, fault.Misuse)
	}
	for _, free := range []string{"sotto", "Sotto/v1.shared-session", "text/sotto/"} {
		must(alice.Conversation("dave").Seal(background, sotto.NewMessageID(), free, []byte("text")))
	}
}

// An own other device of the sharer's, to which the message goes, too, makes nothing of it that it has not.
func TestTheSharersOtherDeviceIsNotDisturbed(t *testing.T) {
	all, g, said := newcomer(t)
	alice, dave := all[0], all[3]
	laptop := alice.Join()
	settled(t, alice)
	dave.Sync()
	share(t, alice, g, "dave")
	for _, e := range laptop.Sync() {
		if e.Kind == sotto.KindMessage {
			t.Errorf("event %+v", e)
		}
	}
	dave.Sync()
	only(t, receive(t, dave, said), "before")
}

// To whom history goes: a member, whose identity people know, and nobody else.
func TestHistoryGoesToMembersAlone(t *testing.T) {
	all, g, _ := newcomer(t)
	alice := all[0]
	erin := alice.Network().Create("erin")
	alice.Meet(erin)
	erin.Meet(alice)
	mine := in(t, alice, g.ID())
	shareWith := func(c *sotto.Contact) error {
		_, err := mine.ShareHistory(background, c)
		return err
	}
	wantFault(t, shareWith(contact(alice, "erin")), fault.UntrustedSigner)
	wantFault(t, shareWith(contact(alice, "alice")), fault.Misuse)
	wantFault(t, shareWith(contact(all[1], "dave")), fault.Misuse)
	wantFault(t, shareWith(nil), fault.Misuse)
	dave := contact(alice, "dave")
	shows(t, alice, "dave", nil, fault.Rollback)
	wantFault(t, shareWith(dave), fault.Rollback)
	acknowledge(t, alice, "dave")
	again := newPerson(t, "dave", nil)
	shows(t, alice, "dave", again.entries, fault.IdentityChanged)
	wantFault(t, shareWith(dave), fault.IdentityChanged)
	adopt(t, alice, "dave")
	receive(t, alice, again.rotate(again.keys))
	wantFault(t, shareWith(dave), fault.IdentityChanged)
	wantFault(t, shareWith(contact(alice, "dave")), fault.UntrustedSigner) // the new dave is no member
	if n := len(pending(t, alice, sotto.ParcelMessage)); n != 0 {
		t.Errorf("%d messages wait", n)
	}
	removeFrom(t, alice, g, "carol")
	wantFault(t, shareWith(contact(alice, "carol")), fault.UntrustedSigner)
}

// sharedBy is the message with which a person shares a session of the group with bob, behind the envelope that it needs.
func (c *circle) sharedBy(bob *sottotest.Peer, by string, statement []byte) [][]byte {
	c.t.Helper()
	p := c.persons[by]
	direct, envelope := p.begin(p.keys, see(c.t, bob), start)
	m, _, err := p.chains.Seal(nil, direct, p.keys, session.Content{Sent: start, Type: "sotto/v1.shared-session", Body: statement})
	return [][]byte{envelope, must(m, err)}
}

// early is a session of the group from before bob came, its statement, and a message of it.
func early(t *testing.T) (bob *sottotest.Peer, c *circle, statement, message []byte) {
	t.Helper()
	bob, c = joined(t)
	s := c.session(sum(c.chain[1]))
	return bob, c, must(s.ExportSecretStatement()), c.says("alice", s, "of before")
}

// What is shared is held against the group like every session; and only members share.
func TestAShareIsTakenFromMembersAlone(t *testing.T) {
	bob, c, statement, message := early(t)
	stranger := newPerson(t, "mallory", nil)
	trustAll(t, bob, stranger)
	c.persons["mallory"] = stranger
	refused := func(by string, b []byte, want ...fault.Code) {
		t.Helper()
		before := must(bob.Report(background)).Unread
		e := receive(t, bob, c.sharedBy(bob, by, b)...)[1]
		found := false
		for _, w := range want {
			found = found || e.Why == w
		}
		if !found || e.Body != nil {
			t.Errorf("reason %v, %d bytes of body, want %v", e.Why, len(e.Body), want)
		}
		wantWhy(t, receive(t, bob, message)[0], fault.UnknownSession)
		if after := must(bob.Report(background)).Unread; after != before {
			t.Errorf("%d more in the inbox", after-before)
		}
	}
	refused("mallory", statement, fault.UntrustedSigner)
	refused("alice", nil, fault.Malformed)
	refused("alice", statement[:len(statement)-1], fault.Malformed)
	bad := bytes.Clone(statement)
	bad[len(bad)-1] ^= 1
	refused("alice", bad, fault.UntrustedSigner)

	direct, _ := c.persons["alice"].begin(c.persons["alice"].keys, see(t, bob), start)
	refused("alice", must(direct.ExportSecretStatement()), fault.UntrustedSigner) // of two: only own devices share such
	other := newCircle(t, c.persons["alice"], c.persons["carol"])
	other.add("alice", "carol")
	s := other.session(other.tip())
	refused("alice", must(s.ExportSecretStatement()), fault.UnknownSession) // of a group that bob does not know

	f := must(envelope.ParseSigned(statement)).Statement
	for name, change := range map[string]func(f *envelope.Statement){
		"a member more":    func(f *envelope.Statement) { c.headsOf(f, "alice", "bob", "carol") },
		"a member less":    func(f *envelope.Statement) { c.headsOf(f, "alice") },
		"another epoch":    func(f *envelope.Statement) { f.Epoch = 2; c.headsOf(f, "alice", "carol") },
		"another group":    func(f *envelope.Statement) { f.Conversation = other.id; c.headsOf(f, "alice", "carol") },
		"an unknown entry": func(f *envelope.Statement) { f.State = &[32]byte{1}; c.headsOf(f, "alice", "carol") },
		"another roster":   func(f *envelope.Statement) { f.Roster = [32]byte{1} },
	} {
		forged := f
		change(&forged)
		b := must(c.persons["alice"].keys.SignSession(&forged, bytes.Repeat([]byte{7}, envelope.SecretSize)))
		t.Run(name, func(t *testing.T) {
			refused("alice", b, fault.Malformed, fault.UnknownSession, fault.TooFarAhead)
		})
	}
	own := must(c.persons["mallory"].keys.SignSession(&f, bytes.Repeat([]byte{7}, envelope.SecretSize)))
	refused("alice", own, fault.UntrustedSigner) // signed by a stranger

	only(t, receive(t, bob, c.sharedBy(bob, "carol", statement)...), "of before") // it waited
	if have := texts(must(bob.Unread(background))); len(have) != 1 || have[0] != "of before" {
		t.Errorf("unread %q", have)
	}
}

// Who was removed shares nothing any more, and what he wrote is not read on what others share.
func TestARemovedMemberSharesNothing(t *testing.T) {
	bob, c, statement, message := early(t)
	s := c.session(sum(c.chain[1]))
	hers := c.says("carol", s, "of a former member")
	receive(t, bob, c.put("alice", group.Remove("carol"))...)
	wantWhy(t, receive(t, bob, c.sharedBy(bob, "carol", statement)...)[1], fault.UntrustedSigner)
	wantWhy(t, receive(t, bob, message)[0], fault.UnknownSession)
	only(t, receive(t, bob, c.sharedBy(bob, "alice", must(s.ExportSecretStatement()))...))
	wantWhy(t, receive(t, bob, hers)[0], fault.UntrustedSigner)
	// Who is out himself takes nothing.
	receive(t, bob, c.put("alice", group.Remove("bob"))...)
	wantWhy(t, receive(t, bob, c.sharedBy(bob, "alice", statement)...)[1], fault.UntrustedSigner)
}

// What was shared is read for 48 hours, and never brought back after that.
func TestASharedSessionCloses(t *testing.T) {
	bob, c, statement, message := early(t)
	receive(t, bob, c.sharedBy(bob, "alice", statement)...)
	pass(t, bob, 47*time.Hour)
	only(t, receive(t, bob, message), "of before")
	ok(t, bob.Ack(background, must(bob.Unread(background))...))
	pass(t, bob, 2*time.Hour)
	wantWhy(t, receive(t, bob, message)[0], fault.UnknownSession)
	if e := receive(t, bob, c.sharedBy(bob, "carol", statement)...)[1]; e.Why == 0 {
		t.Errorf("shared again: %+v", e)
	}
	wantWhy(t, receive(t, bob, message)[0], fault.UnknownSession)
}

// A kind that this version does not know is refused and kept from the app.
func TestAReservedTypeThatIsNotKnownIsRefused(t *testing.T) {
	bob, c := joined(t)
	p := c.persons["alice"]
	s, envelope := p.begin(p.keys, see(t, bob), start)
	m, _, err := p.chains.Seal(nil, s, p.keys, session.Content{Sent: start, Type: "sotto/v2.anything", Body: []byte("text")})
	e := receive(t, bob, envelope, must(m, err))[1]
	wantWhy(t, e, fault.UnsupportedVersion)
	if unread := must(bob.Unread(background)); has(unread, sotto.KindMessage) || e.Body != nil {
		t.Errorf("unread %+v", unread)
	}
}
