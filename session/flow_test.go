package session_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
)

// One secret, one name of it, on every device of the roster; and everybody reads what anybody writes.
func TestEveryDeviceOfTheRosterTakesTheSameSession(t *testing.T) {
	inBothSuites(t, testEveryDeviceOfTheRosterTakesTheSameSession)
}

func testEveryDeviceOfTheRosterTakesTheSameSession(t *testing.T, w *world) {
	group := []string{alice, bob, carol}
	for name, c := range map[string]*session.Conversation{
		"two users": w.direct(bob, alice), "notes to self": w.direct(alice), "a group": w.group(7, group...),
	} {
		t.Run(name, func(t *testing.T) {
			var users []string
			for _, m := range c.Members {
				users = append(users, m.User)
			}
			names := w.names(users...)
			s := w.begin("alice/laptop", c)
			envelope := w.sealed(s, names...)
			for _, at := range names {
				for _, b := range [][]byte{envelope, must(session.Strip(envelope, w.devices[at].key.ID()))} {
					got := w.take(at, b, c)
					if got.ID() != s.ID() || got.Sender() != w.cert("alice/laptop") || got.Conversation() != c.ID ||
						got.Epoch() != c.Epoch || (got.State() == nil) != (c.State == nil) || !got.Created().Equal(start) ||
						got.Policy() != session.DefaultPolicy() || got.Prev() != nil || got.Roster().Hash() != s.Roster().Hash() {
						t.Errorf("%s has another session: %v", at, got)
					}
					w.readsAll(t, got, s, names)
				}
			}
		})
	}
}

// readsAll lets every device write in one session and opens it in another.
func (w *world) readsAll(t *testing.T, at, in *session.Session, names []string) {
	t.Helper()
	for _, from := range names {
		var chains session.Chains
		b, sealed, err := chains.Seal([]byte("before"), in, w.devices[from].keys, text("hello from "+from))
		if err != nil {
			t.Fatal(err)
		}
		o, err := at.Open(b[len("before"):], w.logs)
		if err != nil {
			t.Fatal(err)
		}
		if o.From.Cert() != w.cert(from) || o.Place.Sender != w.cert(from) || string(o.Content.Body) != "hello from "+from ||
			o.Content.Type != "text/plain" || !o.Content.Sent.Equal(start) || o.Content.ID != (session.MessageID{'m'}) {
			t.Errorf("opened as %+v", o)
		}
		if o.Session != in.ID() || o.Place != sealed.Place || o.Hash != sealed.Hash || o.Content.KeyGen != sealed.Content.KeyGen {
			t.Errorf("opened as %+v, sealed as %+v", o, sealed)
		}
	}
}

func TestNobodyElseTakesTheSession(t *testing.T) {
	inBothSuites(t, testNobodyElseTakesTheSession)
}

func testNobodyElseTakesTheSession(t *testing.T, w *world) {
	c := w.direct(alice, bob)
	s := w.begin("alice/phone", c)
	envelope := w.sealed(s, w.names(alice, bob)...)
	_, err := session.OpenEnvelope(w.devices["carol/phone"].keys, envelope)
	wantFault(t, err, fault.NotForThisDevice)

	_, err = s.SealTo(w.devices["carol/phone"].key)
	wantFault(t, err, fault.Misuse)
	var chains session.Chains
	_, _, err = chains.Seal(nil, s, w.devices["carol/phone"].keys, text("hello"))
	wantFault(t, err, fault.Misuse)
}

// A session is one secret, an envelope one way to carry it: sealing again gives other bytes and the same session.
func TestRepairGivesTheSameSession(t *testing.T) {
	w := newWorld(t)
	c := w.direct(alice, bob)
	s := w.begin("alice/phone", c)
	first := w.sealed(s, "bob/phone")
	taken := w.take("bob/phone", first, c)
	again := w.sealed(taken, "bob/tablet", "bob/phone") // by another member
	if bytes.Contains(again, first[len(first)-40:]) || w.take("bob/phone", again, c).ID() != s.ID() {
		t.Error("sealed again to other effect")
	}
	if got := w.take("bob/tablet", again, c); got.ID() != s.ID() || got.Sender() != w.cert("alice/phone") {
		t.Error("another session after repair")
	}
}

// A device without a messaging key, half linked for example, is left out and served later.
func TestDeviceWithoutKeyIsLeftOut(t *testing.T) {
	w := newWorld(t)
	c := w.direct(alice, bob)
	s := w.begin("alice/phone", c)
	envelope := w.sealed(s, "alice/laptop", "bob/phone")
	if got := w.take("bob/phone", envelope, c); len(got.Roster().Certs()) != 4 {
		t.Errorf("roster is %v", got.Roster())
	}
	if _, err := session.OpenEnvelope(w.devices["bob/tablet"].keys, envelope); err == nil {
		t.Error("opened by the one who was left out")
	}
}

// The state of the sender is all that counts: the receiver's logs may be longer, and the queue may have taken a year.
func TestLateAndBehindIsAccepted(t *testing.T) {
	inBothSuites(t, testLateAndBehindIsAccepted)
}

func testLateAndBehindIsAccepted(t *testing.T, w *world) {
	c := w.direct(alice, bob)
	s := w.begin("alice/laptop", c)
	envelope := w.sealed(s, w.names(alice, bob)...)
	w.add("bob/desk")
	w.revoke("alice/laptop") // the sender
	got := w.take("bob/phone", envelope, c)
	if len(got.Roster().Certs()) != 4 || got.Roster().Hash() != s.Roster().Hash() {
		t.Errorf("roster is %v", got.Roster())
	}
	var chains session.Chains
	if o := must(got.Open(w.write("alice/phone", s, &chains, "late"), w.logs)); string(o.Content.Body) != "late" {
		t.Error("opened as something else")
	}
	_, err := got.Open(w.write("alice/laptop", s, &chains, "revoked"), w.logs)
	wantFault(t, err, fault.RevokedDevice)

	o := w.offer("bob/phone", envelope)
	for _, now := range []time.Time{start.Add(-time.Hour), start.Add(-1000 * time.Hour), start.Add(session.Remember), {}} {
		if _, err := o.Verify(w.cert("bob/phone"), c, now, w.logs); err != nil {
			t.Errorf("%v: %v", now, err)
		}
	}
	_, err = o.Verify(w.cert("bob/phone"), c, start.Add(session.Remember+time.Second), w.logs)
	wantFault(t, err, fault.Expired)
}

// A record that was replaced stays good where a session names it: as sender, as receiver, and for what was sealed to its
// messaging key.
func TestUpdatedRecordStaysGood(t *testing.T) {
	inBothSuites(t, testUpdatedRecordStaysGood)
}

func testUpdatedRecordStaysGood(t *testing.T, w *world) {
	c := w.direct(alice, bob)
	s := w.begin("alice/phone", c)
	envelope := w.sealed(s, w.names(alice, bob)...)
	var chains session.Chains
	message := w.write("bob/phone", s, &chains, "before")
	old := w.cert("bob/phone")
	w.update("bob/phone")
	w.update("alice/phone")
	w.rotate("bob/phone")
	if w.cert("bob/phone") == old {
		t.Fatal("no update")
	}
	got := w.take("bob/phone", envelope, c)
	if o := must(got.Open(message, w.logs)); o.Place.Sender != old {
		t.Error("opened as something else")
	}
	_, err := s.SealTo(w.devices["bob/phone"].key) // hangs on the new record, which the session does not know
	wantFault(t, err, fault.Misuse)
}

func TestLogsThatAreShortHoldTheOffer(t *testing.T) {
	w := newWorld(t)
	c := w.direct(alice, bob)
	before := w.logs[alice]
	w.add("alice/desk")
	for _, by := range []string{"alice/phone", "alice/desk"} {
		envelope := w.sealed(w.begin(by, c), w.names(bob)...)
		o := w.offer("bob/phone", envelope)
		for name, logs := range map[string]session.Logs{
			"log ends before the head": {alice: before, bob: w.logs[bob]},
			"no log of the sender":     {bob: w.logs[bob]},
			"no log of one's own":      {alice: w.logs[alice]},
			"no log at all":            nil,
		} {
			t.Run(by+": "+name, func(t *testing.T) {
				_, err := o.Verify(w.cert("bob/phone"), c, start, logs)
				wantFault(t, err, fault.TooFarAhead)
			})
		}
		if got, err := o.Verify(w.cert("bob/phone"), c, start, w.logs); err != nil || got.ID() != o.ID() {
			t.Errorf("the logs are there: %v", err)
		}
	}
}

// Whatever the roster is, exactly its devices take the session and read what is written in it.
func TestSessionReachesExactlyItsRoster(t *testing.T) {
	w := newWorld(t)
	w.add("carol/tablet")
	w.add("bob/desk")
	w.suite = device.Hybrid
	w.add("dora/phone")
	w.add("dora/tablet")
	everybody := w.names(alice, bob, carol, "dora")
	rapid.Check(t, func(rt *rapid.T) {
		users := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{alice, bob, carol, "dora"}), 1, 4, rapid.ID).Draw(rt, "users")
		slices.Sort(users)
		names := w.names(users...)
		c := w.group(rapid.Uint64Range(0, 1<<53-1).Draw(rt, "epoch"), users...)
		by := rapid.SampledFrom(names).Draw(rt, "by")
		p := session.Policy{
			MaxMessages: rapid.Uint64Range(1, 10_000).Draw(rt, "max_msgs"),
			MaxAge:      time.Duration(rapid.Int64Range(3600, 30*24*3600).Draw(rt, "max_age")) * time.Second,
		}
		prev := session.ID{'p'}
		s := must(session.Begin(w.devices[by].keys, c, p, &prev, start, w.logs))
		to := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, len(names), rapid.ID).Draw(rt, "to")
		envelope := w.sealed(s, to...)
		if ids := must(session.Recipients(envelope)); len(ids) != len(to) || ids[0] != w.devices[to[0]].key.ID() {
			rt.Errorf("recipients are %v", ids)
		}
		if id := must(session.EnvelopeID(envelope)); id != s.ID() {
			rt.Errorf("the envelope brings %v, want %v", id, s.ID())
		}
		var chains session.Chains
		body := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(rt, "body")
		message := w.write(by, s, &chains, string(body))
		if p := must(session.MessageSession(message)); p != s.ID().Prefix() {
			rt.Errorf("the message is of %v", p)
		}
		for _, at := range everybody {
			got, err := w.verify(at, envelope, c)
			if !slices.Contains(to, at) {
				wantFault(t, err, fault.NotForThisDevice)
				continue
			}
			if err != nil || got.ID() != s.ID() || got.Policy() != p || *got.Prev() != prev ||
				got.Suite() != s.Suite() || (got.Suite() == device.Hybrid) != slices.Equal(users, []string{"dora"}) {
				rt.Fatalf("%s: %v", at, err)
			}
			o, err := got.Open(message, w.logs)
			if err != nil || !bytes.Equal(o.Content.Body, body) {
				rt.Fatalf("%s: message: %v", at, err)
			}
		}
	})
}

func TestResumeGivesTheSameSession(t *testing.T) {
	inBothSuites(t, testResumeGivesTheSameSession)
}

func testResumeGivesTheSameSession(t *testing.T, w *world) {
	for _, c := range []*session.Conversation{w.direct(alice, bob), w.group(3, alice, bob, carol)} {
		s := w.begin("alice/phone", c)
		statement := must(s.ExportSecretStatement())
		w.add("bob/" + c.ID.String()) // the logs go on
		got := must(session.Resume(statement, w.logs))
		if got.ID() != s.ID() || got.Sender() != s.Sender() || got.Roster().Hash() != s.Roster().Hash() || got.Conversation() != c.ID {
			t.Errorf("resumed as %v", got)
		}
		var chains session.Chains
		if o := must(got.Open(w.write("bob/phone", s, &chains, "on"), w.logs)); string(o.Content.Body) != "on" {
			t.Error("opened as something else")
		}
		clear(statement) // the caller's copy
		if _, err := got.SealTo(w.devices["bob/phone"].key); err != nil {
			t.Error(err)
		}
		_, err := session.Resume(must(s.ExportSecretStatement()), session.Logs{alice: w.logs[alice]})
		wantFault(t, err, fault.TooFarAhead)
	}
}

// Everything that was signed is computed again: a statement that was altered in the store is found out.
func TestResumeFindsDamage(t *testing.T) {
	w := newWorld(t)
	s := w.begin("alice/phone", w.direct(alice, bob))
	statement := must(s.ExportSecretStatement())
	payload := bytes.Index(statement, []byte{0xab, 1, 0x58, 0x20})
	for i := payload; i < len(statement)-64; i++ {
		b := bytes.Clone(statement)
		b[i] ^= 1
		got, err := session.Resume(b, w.logs)
		if err == nil && got.ID() == s.ID() {
			t.Errorf("byte %d: resumed", i)
		}
		if err != nil && fault.Of(err) != fault.TooFarAhead {
			wantFault(t, err, fault.Damaged)
		}
	}
	f := w.statementOf(w.direct(alice, bob))
	for name, m := range map[string]made{
		"another roster":      w.statement("alice/phone", f.with(5, make([]byte, 32))),
		"another suite":       w.statement("alice/phone", f.with(4, 2)),
		"somebody's":          w.statement("carol/phone", f),
		"a head that is none": w.statement("alice/phone", f.with(6, []any{head(alice, w.logs[carol].Pin()), f[6].([]any)[1]})),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := session.Resume(m.bytes(), w.logs)
			wantFault(t, err, fault.Damaged)
			if got != nil {
				t.Error("a session beside the error")
			}
		})
	}
	_, err := session.Resume(nil, w.logs)
	wantFault(t, err, fault.Damaged)
}

func TestDestroyedSessionDoesNothing(t *testing.T) {
	w := newWorld(t)
	c := w.direct(alice, bob)
	s := w.begin("alice/phone", c)
	id := s.ID()
	var chains session.Chains
	message := w.write("alice/phone", s, &chains, "hello")
	o := w.offer("bob/phone", w.sealed(s, "bob/phone"))
	o.Destroy()
	o.Destroy()
	s.Destroy()
	s.Destroy()
	if s.ID() != id || o.ID() != id {
		t.Error("the name is gone")
	}
	for name, s := range map[string]*session.Session{"destroyed": s, "zero": {}, "nil": nil} {
		t.Run(name, func(t *testing.T) {
			_, err := s.SealTo(w.devices["bob/phone"].key)
			wantFault(t, err, fault.DestroyedKey)
			_, err = s.Open(message, w.logs)
			wantFault(t, err, fault.DestroyedKey)
			_, _, err = chains.Seal(nil, s, w.devices["alice/phone"].keys, text("hello"))
			wantFault(t, err, fault.DestroyedKey)
			_, err = s.ExportSecretStatement()
			wantFault(t, err, fault.DestroyedKey)
			if len(s.Roster().Heads()) != len(w.begin("alice/phone", c).Roster().Heads()) && name == "destroyed" {
				t.Error("what is public is gone")
			}
		})
	}
	for name, o := range map[string]*session.Offer{"destroyed": o, "zero": {}, "nil": nil} {
		t.Run("offer: "+name, func(t *testing.T) {
			o.Heads()
			_, err := o.Verify(device.CertID{}, c, start, w.logs)
			wantFault(t, err, fault.DestroyedKey)
		})
	}
	var none *session.Session
	none.Destroy()
	if none.ID() != (session.ID{}) || none.State() != nil || none.Prev() != nil || len(none.Roster().Certs()) != 0 {
		t.Error("a nil session says something")
	}
}
