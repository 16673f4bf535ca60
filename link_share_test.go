package sotto_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/trust"
)

// hand is another device of an account's user, and what it says is up to the test.
type hand struct {
	t      testing.TB
	of     *sottotest.Peer
	keys   *device.Keys
	log    *device.Log
	chains session.Chains
	notes  *session.Session
}

// newHand is a hand that the account knows: its session of the notes is open there.
func newHand(t testing.TB, of *sottotest.Peer) *hand {
	t.Helper()
	h := &hand{t: t, of: of, keys: must(device.Generate(of.User(), device.Classical, start))}
	ok(t, of.Admit(background, h.keys.Record().Bytes()))
	of.Sync()
	h.log = logOf(t, of)
	must(h.keys.Settle(h.log))
	wantWhy(t, receive(t, of, must(h.keys.Rotate(h.log, nil, start)))[0], 0)
	var envelope []byte
	h.notes, envelope = h.begin(must(session.Direct(h.member())), session.Logs{of.User(): h.log})
	wantWhy(t, receive(t, of, envelope)[0], 0)
	return h
}

func (h *hand) member() session.Member {
	return session.Member{User: h.of.User(), Root: h.log.Pin().Root}
}

// begin makes a session, and its envelope for the account.
func (h *hand) begin(c *session.Conversation, logs session.Logs) (*session.Session, []byte) {
	h.t.Helper()
	s := must(session.Begin(h.keys, c, session.DefaultPolicy(), nil, start, logs))
	return s, must(s.SealTo(see(h.t, h.of).key))
}

// says is a message in the notes.
func (h *hand) says(contentType string, body []byte) []byte {
	h.t.Helper()
	b, _, err := h.chains.Seal(nil, h.notes, h.keys, session.Content{
		ID: session.MessageID(sotto.NewMessageID()), Sent: start, Type: contentType, Body: body,
	})
	return must(b, err)
}

const (
	sharedSession = "sotto/v1.shared-session"
	sharedContact = "sotto/v1.shared-contact"
)

// told is what is said of somebody.
func told(p *person, verified bool) []byte {
	pin := p.log.Pin()
	t := directory.Told{User: p.user, Root: pin.Root, Seq: pin.Seq, Head: pin.Head, Mark: uint64(trust.Unverified)}
	if verified {
		t.Mark = uint64(trust.Verified)
	}
	return must(t.Marshal())
}

// wantNoContact holds that somebody is not pinned.
func wantNoContact(t testing.TB, p *sottotest.Peer, user string) {
	t.Helper()
	_, err := p.Contact(background, user)
	wantFault(t, err, fault.UntrustedSigner)
}

// Whom the old device knows, the new one knows with the same mark; who is blocked is trusted nowhere by that.
func TestContactsKeepTheirMarks(t *testing.T) {
	all := people(t, "alice", "bob", "carol", "dave", "erin")
	alice := all[0]
	all[3].Send("alice", "from dave")
	settled(t, alice)
	verify(t, alice, "bob")
	verify(t, alice, "dave")
	shows(t, alice, "dave", newPerson(t, "dave", nil).entries, fault.IdentityChanged)
	shows(t, alice, "erin", nil, fault.Rollback)
	tablet := alice.Link(sessions)
	settled(t, alice)
	wantMark(t, tablet, "bob", trust.Verified)
	wantMark(t, tablet, "carol", trust.Unverified)
	for user, want := range map[string]trust.State{
		"dave": {Mark: trust.WasVerified, Cause: trust.Reset}, "erin": {Mark: trust.Changed, Cause: trust.RolledBack},
	} {
		s, here := standing(t, tablet, user), standing(t, alice, user)
		if s.Mark != want.Mark || s.Cause != want.Cause || s.State != here.State {
			t.Errorf("%s is %+v, on the old device %+v", user, s.State, here.State)
		}
		_, err := tablet.Conversation(user).Seal(background, sotto.NewMessageID(), "", []byte("text"))
		wantFault(t, err, want.Why())
		acknowledge(t, tablet, user)
		sealText(t, tablet, user, "text")
	}
	wantMark(t, alice, "dave", trust.WasVerified) // what is decided there is decided there
	if n := numberOf(t, tablet, "bob").Digits(); n != numberOf(t, alice, "bob").Digits() {
		t.Error("another number")
	}
	alice.Restart()
	alice.Send("bob", "as before")
	tablet.Sync()
	wantHeard(t, all[1], "as before")
}

// A verified contact who shows another identity since is no plain contact of the new device.
func TestABlockedContactIsNotTrustedByAShare(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	bob.Send("alice", "before")
	alice.Sync()
	verify(t, alice, "bob")
	mallory := newPerson(t, "bob", nil)
	shows(t, alice, "bob", mallory.entries, fault.IdentityChanged)
	l := offered(t, alice, sessions)
	tablet := l.done()
	alice.Flush()
	for _, e := range receive(t, tablet, tablet.Fetch()...) {
		for _, need := range e.Needs {
			if need.LogOf == "bob" { // what the server shows is the other one
				must(tablet.Trust(background, "bob", mallory.entries))
			}
		}
	}
	receive(t, tablet)
	if c, err := tablet.Contact(background, "bob"); err == nil {
		if s := must(c.Standing(background)); s.Mark.MaySend() {
			t.Errorf("bob is %v", s.Mark)
		}
	}
}

// Messages from before open in every kind of conversation, with their senders, and say who else reads along.
func TestMessagesFromBeforeOpenOnTheNewDevice(t *testing.T) {
	all := people(t, "alice", "bob", "carol")
	alice, bob, carol := all[0], all[1], all[2]
	lost := bob.Join()
	settled(t, alice)
	g := alice.NewGroup(bob, carol)
	settled(t, alice)
	type said struct {
		by      *sottotest.Peer
		text    string
		message []byte
	}
	var before []said
	keep := func(by *sottotest.Peer, text string, parcels []sotto.Parcel) {
		before = append(before, said{by, text, parcels[len(parcels)-1].Data})
		settled(t, alice)
	}
	for _, p := range []*sottotest.Peer{bob, lost} {
		_, parcels := sealText(t, p, "alice", "to alice of "+p.String())
		keep(p, "to alice of "+p.String(), parcels)
	}
	_, parcels := sealText(t, alice, "bob", "to bob")
	keep(alice, "to bob", parcels)
	alice.Join() // for whom the note is
	_, parcels = sealText(t, alice, "alice", "note")
	keep(alice, "note", parcels)
	for _, p := range all {
		text := "to all of " + p.User()
		parcels := must(in(t, p, g.ID()).Seal(background, sotto.NewMessageID(), "text/plain", []byte(text)))
		keep(p, text, parcels)
	}
	must(bob.Revoke(background, lost.Device()))
	settled(t, alice)

	tablet := alice.Link(sessions)
	settled(t, alice)
	for _, s := range before {
		e := receive(t, tablet, s.message)[0]
		if s.by == lost { // no device any more: what it wrote is refused
			wantWhy(t, e, fault.RevokedDevice)
			continue
		}
		only(t, []sotto.Event{e}, s.text)
		if e.User != s.by.User() || e.Device != s.by.Device() {
			t.Errorf("%q is of %s/%s", s.text, e.User, e.Device)
		}
		if also := slices.Contains(e.AlsoRead, sotto.Reader{User: "bob", Device: lost.Device()}); also != (s.text != "note") {
			t.Errorf("%q: also read by %v", s.text, e.AlsoRead)
		}
	}
}

// Nothing is ever sent on what was shared.
func TestNothingIsSentOnASharedSession(t *testing.T) {
	all := people(t, "alice", "bob", "carol")
	alice, bob := all[0], all[1]
	alice.Join()
	g := alice.NewGroup(bob, all[2])
	settled(t, alice)
	say(t, alice, g, "in the group")
	shared := map[session.Prefix]bool{used(t, alice, "bob"): true, used(t, bob, "alice"): true, used(t, alice, "alice"): true}
	parcels := must(in(t, bob, g.ID()).Seal(background, sotto.NewMessageID(), "", []byte("text")))
	shared[must(session.MessageSession(parcels[len(parcels)-1].Data))] = true
	settled(t, alice)
	tablet := alice.Link(sessions)
	settled(t, alice)
	for _, p := range []*sottotest.Peer{tablet, alice} {
		for _, to := range []string{"bob", "alice"} {
			if shared[used(t, p, to)] {
				t.Errorf("%s sends to %s on a session from before", p, to)
			}
		}
		parcels := must(in(t, p, g.ID()).Seal(background, sotto.NewMessageID(), "", []byte("text")))
		if shared[must(session.MessageSession(parcels[len(parcels)-1].Data))] {
			t.Errorf("%s sends to the group on a session from before", p)
		}
	}
}

// Sharing goes to the new device alone, and no other device notices: neither an own one nor a contact.
func TestOnlyTheNewDeviceHearsWhatIsShared(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	bob.Send("alice", "before")
	laptop := alice.Join()
	settled(t, alice)
	alice.Send("alice", "note")
	settled(t, alice)
	l := offered(t, alice, sessions)
	tablet := l.done()
	shares := 0
	for _, p := range must(alice.Pending(background)) {
		if p.Kind == sotto.ParcelMessage {
			if shares++; !slices.Equal(p.To, []device.ID{tablet.Device()}) {
				t.Errorf("a message goes to %v", p.To)
			}
		}
	}
	if shares < 3 { // bob, his session, and that of the notes
		t.Errorf("%d messages", shares)
	}
	alice.Flush()
	for _, p := range []*sottotest.Peer{laptop, bob} {
		for _, e := range p.Sync() {
			if e.Kind == sotto.KindMessage || e.Kind == sotto.KindHistory || e.Kind == sotto.KindContact || e.Why != 0 {
				t.Errorf("%s has event %+v", p, e)
			}
		}
	}
	alice.Send("alice", "note after")
	events := laptop.Sync()
	only(t, events, "note after")
	for _, e := range events {
		if e.Skipped != 0 {
			t.Errorf("%d messages are missing before %q", e.Skipped, e.Body)
		}
	}
}

// Nothing of what is shared reaches an app.
func TestTheBodyOfWhatAnOwnDeviceSharesReachesNobody(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	bob.Send("alice", "before")
	alice.Sync()
	l := offered(t, alice, sessions)
	tablet := l.done()
	alice.Flush()
	in := tablet.Fetch()
	events := append(must(tablet.Peek(background, in...)), receive(t, tablet, in...)...)
	must(tablet.Trust(background, "bob", entriesOf(t, bob)))
	events = append(events, receive(t, tablet)...)
	events = append(append(events, must(tablet.Unread(background))...), must(alice.Unread(background))...)
	seen := map[sotto.Kind]int{}
	for _, e := range events {
		if seen[e.Kind]++; len(e.Body) != 0 || e.Type != "" {
			t.Errorf("event of kind %q has type %q and %d bytes", e.Kind, e.Type, len(e.Body))
		}
	}
	if seen[sotto.KindContact] != 3 || seen[sotto.KindHistory] < 3 || seen[sotto.KindMessage] != 0 {
		t.Errorf("seen %v", seen)
	}
	for _, e := range events {
		byAlice := e.User == "alice" && e.Device == alice.Device()
		if e.Kind == sotto.KindContact && e.User != "bob" || e.Kind == sotto.KindHistory && e.Why == 0 && !byAlice {
			t.Errorf("event %+v", e)
		}
	}
}

// A contact tells nobody whom to know, and shares no session of two.
func TestAContactSharesNothingOfTheOwnAccount(t *testing.T) {
	alice, bob, carol := sottotest.NewNetwork(t).Create("alice"), newPerson(t, "bob", nil), newPerson(t, "carol", nil)
	trustAll(t, alice, bob)
	s, envelope := bob.begin(bob.keys, see(t, alice), start)
	receive(t, alice, envelope)
	older, _ := bob.begin(bob.keys, see(t, alice), start)
	before := must(alice.Report(background)).Unread
	for contentType, body := range map[string][]byte{
		sharedContact: told(carol, true), sharedSession: must(older.ExportSecretStatement()),
	} {
		m, _, err := bob.chains.Seal(nil, s, bob.keys, session.Content{Sent: start, Type: contentType, Body: body})
		ok(t, err)
		for range 2 {
			e := receive(t, alice, m)[0]
			wantWhy(t, e, fault.UntrustedSigner)
			if e.Body != nil || e.Type != "" || len(e.Needs) != 0 {
				t.Errorf("event %+v", e)
			}
		}
	}
	if after := must(alice.Report(background)).Unread; after != before {
		t.Errorf("%d more in the inbox", after-before)
	}
	wantWhy(t, receive(t, alice, bob.write(bob.keys, older, "text"))[0], fault.UnknownSession)
	must(alice.Trust(background, "carol", carol.entries))
	wantMark(t, alice, "carol", trust.Unverified)
	only(t, receive(t, alice, bob.write(bob.keys, s, "text")), "text")
}

// An own device that was revoked tells nothing any more, and neither does one in the name of the user before it is in
// the log.
func TestARevokedDeviceTellsNothing(t *testing.T) {
	alice, carol := sottotest.NewNetwork(t).Create("alice"), newPerson(t, "carol", nil)
	h := newHand(t, alice)
	m := h.says(sharedContact, told(carol, true))
	must(alice.Revoke(background, h.keys.Record().ID()))
	alice.Sync()
	wantWhy(t, receive(t, alice, m)[0], fault.RevokedDevice)
	must(alice.Trust(background, "carol", carol.entries))
	wantMark(t, alice, "carol", trust.Unverified)
}

// What is not of the form changes nothing: each bit of what is told.
func TestAMalformedWordOfAContactIsRefused(t *testing.T) {
	alice, carol := sottotest.NewNetwork(t).Create("alice"), newPerson(t, "carol", nil)
	h := newHand(t, alice)
	good := told(carol, true)
	bad := [][]byte{nil, good[:len(good)-1], append(bytes.Clone(good), 0), make([]byte, 513)}
	for i := range good {
		flipped := bytes.Clone(good)
		flipped[i] ^= 1
		if _, err := directory.ParseTold(flipped); err != nil {
			bad = append(bad, flipped)
		}
	}
	var in [][]byte
	for _, b := range bad {
		in = append(in, h.says(sharedContact, b))
	}
	for i, e := range receive(t, alice, in...) {
		if e.Why != fault.Malformed && e.Why != fault.OverLimit || e.Body != nil || e.Kind != sotto.KindContact {
			t.Errorf("%x: %+v", bad[i], e)
		}
	}
	must(alice.Trust(background, "carol", carol.entries))
	wantMark(t, alice, "carol", trust.Unverified)
	if n := len(must(alice.Unread(background))); n != 0 {
		t.Errorf("%d in the inbox", n)
	}
}

// What is told of somebody who is pinned here, or of oneself, changes nothing.
func TestWhatIsPinnedStands(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob, carol := newPerson(t, "bob", nil), newPerson(t, "carol", nil)
	trustAll(t, alice, bob, carol)
	verify(t, alice, "carol")
	h := newHand(t, alice)
	self := &person{t: t, user: "alice", log: newPerson(t, "alice", nil).log}
	for _, b := range [][]byte{
		told(bob, true), told(newPerson(t, "bob", nil), true), told(carol, false),
		told(newPerson(t, "carol", nil), false), told(self, true),
	} {
		e := receive(t, alice, h.says(sharedContact, b))[0]
		if wantWhy(t, e, 0); e.Kind != sotto.KindContact || len(e.Needs) != 0 {
			t.Errorf("event %+v", e)
		}
	}
	wantMark(t, alice, "bob", trust.Unverified)
	wantMark(t, alice, "carol", trust.Verified)
	wantMark(t, alice, "alice", trust.Unverified)
	if s := standing(t, alice, "bob"); s.Pin.Root != bob.log.Pin().Root {
		t.Error("another root")
	}
	sealText(t, alice, "carol", "text")
}

// A contact who was told is pinned with the mark, once the log is there; one that is another log than was told is
// pinned and blocked, with a notice, until people decide.
func TestATrustedLogIsHeldAgainstWhatWasTold(t *testing.T) {
	for _, c := range []struct {
		name   string
		served func(bob, first *person, r *recovery.Key) *person
		why    fault.Code
		event  trust.Event
	}{
		{"the same", func(bob, _ *person, _ *recovery.Key) *person { return bob }, 0, 0},
		{"longer", func(bob, _ *person, _ *recovery.Key) *person { bob.add(); return bob }, 0, 0},
		{
			"recovered", func(bob, _ *person, r *recovery.Key) *person { recovered(t, bob, r); return bob },
			fault.IdentityChanged, trust.Recovered,
		},
		{
			"another root", func(_, _ *person, _ *recovery.Key) *person { return newPerson(t, "bob", nil) },
			fault.IdentityChanged, trust.Reset,
		},
		{"shorter", func(_, first *person, _ *recovery.Key) *person { return first }, fault.Rollback, trust.RolledBack},
		{"another branch", func(_, first *person, _ *recovery.Key) *person { first.add(); return first }, fault.LogFork, trust.Forked},
	} {
		t.Run(c.name, func(t *testing.T) {
			alice, r := sottotest.NewNetwork(t).Create("alice"), recovery.Generate()
			bob := newPerson(t, "bob", r)
			first := bob.branch()
			bob.add()
			h := newHand(t, alice)
			e := receive(t, alice, h.says(sharedContact, told(bob, true)))[0]
			if wantWhy(t, e, 0); e.Kind != sotto.KindContact || e.User != "bob" || len(e.Needs) != 1 || e.Needs[0].LogOf != "bob" {
				t.Errorf("event %+v", e)
			}
			wantNoContact(t, alice, "bob")
			alice.Restart()
			ok(t, alice.Ack(background, must(alice.Unread(background))...))
			served := c.served(bob, first, r)
			must(alice.Trust(background, "bob", served.entries))
			receive(t, alice, served.rotate(served.keys))
			notices := identityOf(t, alice)
			if c.why == 0 {
				wantMark(t, alice, "bob", trust.Verified)
				sealText(t, alice, "bob", "text")
				if notices != nil {
					t.Errorf("notices %+v", notices)
				}
				return
			}
			for range 2 {
				if s := standing(t, alice, "bob"); s.Mark != trust.WasVerified || s.Cause != c.event || s.Pin != served.log.Pin() {
					t.Errorf("standing %+v", s)
				}
				_, err := alice.Conversation("bob").Seal(background, sotto.NewMessageID(), "", []byte("text"))
				wantFault(t, err, c.why)
				alice.Restart()
			}
			if len(notices) != 1 || notices[0].User != "bob" || notices[0].Happened != c.event || notices[0].Why != c.why {
				t.Errorf("notices %+v", notices)
			}
			acknowledge(t, alice, "bob")
			sealText(t, alice, "bob", "text")
			wantMark(t, alice, "bob", trust.Unverified)
			must(alice.Trust(background, "bob", served.entries)) // the server goes on to show it
			wantMark(t, alice, "bob", trust.Unverified)
		})
	}
}

// A session of two is shared by an own device, when this user is one of the two, and no other.
func TestASharedSessionOfTwoIsOfTheOwnUser(t *testing.T) {
	alice, bob, carol := sottotest.NewNetwork(t).Create("alice"), newPerson(t, "bob", nil), newPerson(t, "carol", nil)
	trustAll(t, alice, bob, carol)
	h := newHand(t, alice)
	h.log = logOf(t, alice)
	with := func(members ...session.Member) *session.Conversation { return must(session.Direct(members...)) }
	member := func(p *person) session.Member { return session.Member{User: p.user, Root: p.log.Pin().Root} }
	theirs := must(session.Begin(bob.keys, with(member(bob), member(carol)), session.DefaultPolicy(), nil, start,
		session.Logs{"bob": bob.log, "carol": carol.log}))
	mine := must(session.Begin(bob.keys, with(member(bob), h.member()), session.DefaultPolicy(), nil, start,
		session.Logs{"bob": bob.log, "alice": h.log}))
	statement := must(mine.ExportSecretStatement())
	share := func(b []byte) sotto.Event {
		t.Helper()
		e := receive(t, alice, h.says(sharedSession, b))[0]
		if e.Kind != sotto.KindHistory || e.Body != nil || e.Type != "" {
			t.Errorf("event %+v", e)
		}
		return e
	}
	wantWhy(t, share(must(theirs.ExportSecretStatement())), fault.UntrustedSigner)
	wantWhy(t, receive(t, alice, bob.write(bob.keys, theirs, "between them"))[0], fault.UnknownSession)

	three := must(envelope.ParseSigned(statement)).Statement
	logs := []*device.Log{h.log, bob.log, carol.log}
	three.Heads = nil
	for _, l := range logs {
		pin := l.Pin()
		three.Heads = append(three.Heads, envelope.Head{User: l.User(), Root: pin.Root, Seq: pin.Seq, Head: pin.Head})
	}
	three.Roster = must(device.NewRoster(three.Conversation, three.Epoch, logs...)).Hash()
	secret := bytes.Repeat([]byte{7}, envelope.SecretSize)
	wantWhy(t, share(must(bob.keys.SignSession(&three, secret))), fault.Malformed)

	for name, change := range map[string]func(f *envelope.Statement){
		"another conversation": func(f *envelope.Statement) { f.Conversation[0] ^= 1 },
		"an epoch":             func(f *envelope.Statement) { f.Epoch = 1 },
		"another roster":       func(f *envelope.Statement) { f.Roster[0] ^= 1 },
	} {
		f := must(envelope.ParseSigned(statement)).Statement
		change(&f)
		if e := share(must(bob.keys.SignSession(&f, secret))); e.Why != fault.Malformed {
			t.Errorf("%s: %v", name, e.Why)
		}
	}
	byCarol := must(envelope.ParseSigned(statement)).Statement
	wantWhy(t, share(must(carol.keys.SignSession(&byCarol, secret))), fault.UntrustedSigner)
	wantWhy(t, share(nil), fault.Malformed)
	for i := 0; i < len(statement); i += 16 {
		bad := bytes.Clone(statement)
		bad[i] ^= 1
		if e := share(bad); e.Why == 0 {
			t.Errorf("byte %d changes nothing", i)
		}
	}
	m := bob.write(bob.keys, mine, "to alice")
	wantWhy(t, receive(t, alice, m)[0], fault.UnknownSession)
	e := share(statement)
	if wantWhy(t, e, 0); e.User != "alice" || e.Device != h.keys.Record().ID() || e.Conversation != alice.Conversation("bob").ID() {
		t.Errorf("event %+v", e)
	}
	if have := texts(must(alice.Unread(background))); !slices.Equal(have, []string{"to alice"}) {
		t.Errorf("unread %q", have)
	}
}

// Sharing that was interrupted goes on with Upkeep, wherever that was, and tells nothing twice.
func TestInterruptedSharingGoesOn(t *testing.T) {
	for at := 1; ; at++ {
		all := people(t, "alice", "bob", "carol")
		alice := all[0]
		all[1].Send("alice", "one")
		all[2].Send("alice", "two")
		settled(t, alice)
		b := tapped(alice)
		l := offered(t, alice, sessions)
		tablet, m7 := l.registered()
		commits := 0
		b.before = func(call string) error {
			if call == "Commit" {
				commits++
			}
			if commits > at { // from here on nothing works; the first commit lets the device stay
				return errPower
			}
			return nil
		}
		must(l.new.Receive(must(l.offer.Receive(background, m7)), l.now))
		interrupted := commits > at
		b.before = nil
		restore(t, alice, b.Backend)
		told := map[sotto.Kind]int{}
		for range 3 {
			alice.Sync()
			for _, e := range tablet.Sync() {
				if told[e.Kind]++; e.Why != 0 {
					t.Errorf("event %+v", e)
				}
			}
		}
		if told[sotto.KindContact] != 2 || told[sotto.KindHistory] != 2 {
			t.Fatalf("after %d commits: %v", at, told)
		}
		l.pass(link.Life)
		alice.Sync()
		wantDevices(t, alice, 2, 2)
		if !interrupted {
			if at < 5 {
				t.Errorf("only %d commits", at)
			}
			return
		}
	}
}

// What could not be shared because the device is gone is no duty any more, whoever revoked it.
func TestNothingIsSharedWithARevokedDevice(t *testing.T) {
	for name, byOther := range map[string]bool{"by another device": true, "by this one": false} {
		t.Run(name, func(t *testing.T) {
			alice, bob := sottotest.Pair(t)
			laptop := alice.Join()
			bob.Send("alice", "before")
			settled(t, alice)
			b := tapped(alice)
			l := offered(t, alice, sessions)
			tablet, m7 := l.registered()
			commits := 0
			b.before = func(call string) error {
				if call == "Commit" {
					if commits++; commits > 1 {
						return errPower
					}
				}
				return nil
			}
			must(l.offer.Receive(background, m7))
			b.before = nil
			restore(t, alice, b.Backend)
			by := alice
			if byOther {
				laptop.Sync()
				by = laptop
			}
			must(by.Revoke(background, tablet.Device()))
			by.Flush()
			for range 3 {
				receive(t, alice, alice.Fetch()...)
				ok(t, alice.Upkeep(background, true))
				for _, p := range must(alice.Pending(background)) {
					if slices.Contains(p.To, tablet.Device()) {
						t.Errorf("%s for it", p.Kind)
					}
				}
				alice.Flush()
			}
			wantDevices(t, alice, 2, 4)
			if n := len(must(alice.Report(background)).Contacts[0].Sessions); n != 0 {
				t.Errorf("%d sessions of the notes were begun for it", n)
			}
		})
	}
}

// The same is shared with each device that is linked.
func TestEachLinkedDeviceGetsItsShare(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	_, parcels := sealText(t, bob, "alice", "before")
	bob.Flush()
	settled(t, alice)
	first, second := alice.Link(sessions), alice.Link(sessions)
	settled(t, alice)
	for _, p := range []*sottotest.Peer{first, second} {
		wantMark(t, p, "bob", trust.Unverified)
		only(t, receive(t, p, parcels[1].Data), "before")
	}
}

// Sharing is over when it is done: what comes later is not shared.
func TestWhatComesAfterTheLinkIsNotShared(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	tablet := alice.Link(sessions)
	carol := alice.Network().Create("carol")
	alice.Meet(carol)
	ok(t, alice.Upkeep(background, true))
	for _, p := range pending(t, alice, sotto.ParcelMessage) {
		t.Errorf("a message for %v", p.To)
	}
	settled(t, alice)
	wantNoContact(t, tablet, "carol")
}

// Who is revoked while the sharing goes on is revoked, though the entry loses its place.
func TestARevocationDuringTheSharingIsKept(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	laptop := alice.Join()
	bob.Send("alice", "before")
	settled(t, alice)
	b := tapped(alice)
	other := twin(t, alice)
	l := offered(t, alice, sessions)
	tablet, m7 := l.registered()
	third := must(device.Generate("alice", device.Classical, start))
	laptop.Sync()
	ok(t, laptop.Admit(background, third.Record().Bytes()))
	laptop.Flush()
	commits := 0
	b.before = func(call string) error {
		if call == "Commit" {
			if commits++; commits == 3 {
				_, err := other.Revoke(background, tablet.Device())
				return err
			}
		}
		return nil
	}
	must(l.offer.Receive(background, m7))
	b.before = nil
	if commits < 4 {
		t.Fatalf("%d commits", commits)
	}
	for range 3 {
		alice.Sync()
	}
	if _, active := logOf(t, alice).Device(tablet.Device()); active {
		t.Error("the device is still one")
	}
}

// However many sessions are shared before the logs of their members are there, none is lost.
func TestNoSharedSessionIsLostBeforeItsLogCame(t *testing.T) {
	const each = 130 // more than 256 together
	n := sottotest.NewNetwork(t)
	alice, key := *n.Create("alice-in-the-network"), newSecret()
	policy := session.Policy{MaxMessages: 1, MaxAge: session.DefaultPolicy().MaxAge}
	alice.Backend = newTap().Backend
	clock := func() time.Time { return start }
	alice.Account = must(sotto.Create(background, alice.Backend, "alice", &sotto.Options{Now: clock, Policy: policy}, key))
	alice.Sync()
	persons := []*person{newPerson(t, "bob", nil), newPerson(t, "carol", nil)}
	trustAll(t, &alice, persons...)
	for _, p := range persons {
		for i := range each {
			sealText(t, &alice, p.user, fmt.Sprint(i))
		}
		delivered(t, &alice)
	}
	alice.Lock()
	alice.Account = must(sotto.Unlock(background, alice.Backend, &sotto.Options{Now: clock}, key))
	tablet := offered(t, &alice, sessions).done()
	alice.Flush()
	for _, e := range receive(t, tablet, tablet.Fetch()...) {
		if e.Kind == sotto.KindDropped {
			t.Fatal("a shared session is dropped")
		}
	}
	trustAll(t, tablet, persons...)
	receive(t, tablet)
	for _, c := range must(tablet.Report(background)).Contacts {
		if c.Number > 0 && len(c.Sessions) != each {
			t.Errorf("%d sessions of %d", len(c.Sessions), each)
		}
	}
}
