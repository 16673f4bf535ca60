package session_test

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/session"
)

// What a statement must not say, although its ID commits to it, a device signed it and it is sealed as it must be.
func TestStatementIsRefused(t *testing.T) {
	inBothSuites(t, testStatementIsRefused)
}

func testStatementIsRefused(t *testing.T, w *world) {
	c := w.direct(alice, bob)
	good := w.statementOf(c)
	w.add("alice/desk")
	w.add("bob/desk")
	a, b := w.logs[alice].Pin(), w.logs[bob].Pin()
	later := w.statementOf(c)
	heads := func(h ...[]any) []any {
		all := make([]any, len(h))
		for i := range h {
			all[i] = h[i]
		}
		return all
	}
	otherHead, otherRoot := a, a
	otherHead.Head[0] ^= 1
	otherRoot.Root[0] ^= 1
	ghost := must(device.NewRoster(c.ID, 0, w.logs[alice], w.logs[bob], w.logs[carol])).Hash()
	other := w.direct(alice, carol)
	withCarol := heads(head(alice, a), head(bob, b), head(carol, w.logs[carol].Pin()))
	malformed := fault.Malformed

	for name, s := range map[string]struct {
		by   string
		f    fields
		want fault.Code
	}{
		"suite 0":                {"alice/phone", later.with(4, 0), malformed},
		"suite-mixed":            {"alice/phone", later.with(4, int(3-w.suite)), malformed},
		"suite 3":                {"alice/phone", later.with(4, 3), fault.UnsupportedVersion},
		"max-msgs-0":             {"alice/phone", later.with(8, 0), malformed},
		"max-msgs-10001":         {"alice/phone", later.with(8, 10_001), malformed},
		"max-age-short":          {"alice/phone", later.with(9, 3599), malformed},
		"max-age-long":           {"alice/phone", later.with(9, 30*24*3600+1), malformed},
		"epoch-without-state":    {"alice/phone", later.with(2, 1), malformed},
		"epoch-other":            {"alice/phone", later.with(2, 1).with(3, make([]byte, 32)), fault.Damaged},
		"state-where-none-is":    {"alice/phone", later.with(3, make([]byte, 32)), fault.Damaged},
		"conv-other":             {"alice/phone", later.with(1, other.ID[:]), fault.Damaged},
		"root-other":             {"alice/phone", later.with(6, heads(head(alice, otherRoot), head(bob, b))), fault.IdentityChanged},
		"head-fork":              {"alice/phone", later.with(6, heads(head(alice, otherHead), head(bob, b))), fault.UntrustedSigner},
		"no-heads":               {"alice/phone", later.with(6, heads()), malformed},
		"heads-not-in-order":     {"alice/phone", later.with(6, heads(head(bob, b), head(alice, a))), malformed},
		"user-twice":             {"alice/phone", later.with(6, heads(head(alice, a), head(alice, a))), malformed},
		"head-of-three":          {"alice/phone", later.with(6, heads(head(alice, a)[:3], head(bob, b))), malformed},
		"head-of-five":           {"alice/phone", later.with(6, heads(append(head(alice, a), 0), head(bob, b))), malformed},
		"head-with-null":         {"alice/phone", later.with(6, heads(head(alice, a), []any{bob, b.Root[:], b.Seq, nil})), malformed},
		"head-with-short-root":   {"alice/phone", later.with(6, heads(head(alice, a), []any{bob, b.Root[:31], b.Seq, b.Head[:]})), malformed},
		"ghost-member":           {"alice/phone", later.with(6, withCarol), malformed},
		"member-missing":         {"alice/phone", later.with(6, heads(head(alice, a))), malformed},
		"member-exchanged":       {"alice/phone", later.with(6, heads(head(alice, a), head(carol, w.logs[carol].Pin()))), malformed},
		"ghost-device":           {"alice/phone", later.with(5, ghost[:]), malformed},
		"roster-of-another-time": {"alice/phone", later.with(5, good[5]), malformed},
		"sender-not-member":      {"carol/phone", later, fault.UntrustedSigner},
		"sender-not-in-roster":   {"alice/desk", good, fault.UntrustedSigner},
		"created-over-400-days":  {"alice/phone", later.with(7, start.Add(-session.Remember).Unix()), fault.Expired},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := w.verify("bob/phone", w.forgedEnvelope(s.by, s.f), c)
			wantFault(t, err, s.want)
			if got != nil {
				t.Error("a session beside the error")
			}
		})
	}
	for name, f := range map[string]fields{
		"as it is": later, "heads-behind": good, "created-in-future": later.with(7, start.Add(1e6*time.Hour).Unix()),
		"an hour and a message": later.with(8, 1).with(9, 3600), "the most": later.with(8, 10_000).with(9, 30*24*3600),
		"399 days old": later.with(7, start.Add(-session.Remember+24*time.Hour).Unix()),
	} {
		t.Run("accepted: "+name, func(t *testing.T) {
			if _, err := w.verify("bob/phone", w.forgedEnvelope("alice/phone", f), c); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("self-not-in-roster", func(t *testing.T) {
		m := w.statement("alice/phone", good)
		_, err := w.verify("bob/desk", w.seal(m, m.bytes(), "bob/desk"), c)
		wantFault(t, err, fault.NotForThisDevice)
	})
}

// The group entry says who the members are: another one is another group.
func TestStatementOfAnotherGroupEntryIsRefused(t *testing.T) {
	inBothSuites(t, testStatementOfAnotherGroupEntryIsRefused)
}

func testStatementOfAnotherGroupEntryIsRefused(t *testing.T, w *world) {
	c := w.group(4, alice, bob, carol)
	f := w.statementOf(c)
	envelope := func(f fields) []byte { return w.forgedEnvelope("carol/phone", f) }
	if _, err := w.verify("bob/phone", envelope(f), c); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]fields{
		"epoch-without-state": f.with(3, nil), "epoch": f.with(2, 5), "state-unknown": f.with(3, make([]byte, 32)),
		"group": f.with(1, make([]byte, 32)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.verify("bob/phone", envelope(other), c)
			want := fault.Damaged
			if name == "epoch-without-state" {
				want = fault.Malformed
			}
			wantFault(t, err, want)
		})
	}
	_, err := w.verify("bob/phone", envelope(f), w.group(4, alice, bob))
	wantFault(t, err, fault.Malformed)
	_, err = w.verify("bob/phone", envelope(f), w.direct(bob, carol))
	wantFault(t, err, fault.Damaged)
}

// A member who was reset has another root, and conversations of other IDs: that is what is told, whoever speaks of it.
func TestOtherIdentityIsTold(t *testing.T) {
	inBothSuites(t, testOtherIdentityIsTold)
}

func testOtherIdentityIsTold(t *testing.T, w *world) {
	c := w.direct(alice, bob)
	reset := w.members(alice, bob)
	reset[0].Root[0] ^= 1
	other := must(session.Direct(reset...))
	pin := w.logs[alice].Pin()
	pin.Root = reset[0].Root
	f := w.statementOf(c)
	f = f.with(1, other.ID[:]).with(6, []any{head(alice, pin), f[6].([]any)[1]})
	_, err := w.verify("bob/phone", w.forgedEnvelope("bob/tablet", f), c)
	wantFault(t, err, fault.IdentityChanged)

	group := w.group(1, alice, bob)
	envelope := w.forgedEnvelope("alice/phone", w.statementOf(group))
	group.Members[0].Root[0] ^= 1 // not the one whose log is at hand
	_, err = w.verify("bob/phone", envelope, group)
	wantFault(t, err, fault.IdentityChanged)
}

// The ID commits to the secret and to every field: the same ID with another statement is a lie, whoever signs it.
func TestIDCommitsToEverything(t *testing.T) {
	inBothSuites(t, testIDCommitsToEverything)
}

func testIDCommitsToEverything(t *testing.T, w *world) {
	c := w.group(1, alice, bob, carol)
	f := w.statementOf(c)
	m := w.statement("alice/phone", f)
	changes := map[string]fields{
		"other secret": f.with(11, bytes.Repeat([]byte{7}, 32)),
		"field 1":      f.with(1, make([]byte, 32)),
		"field 2":      f.with(2, 2),
		"field 3":      f.with(3, make([]byte, 32)),
		"field 5":      f.with(5, make([]byte, 32)),
		"field 6":      f.with(6, f[6].([]any)[:2]),
		"field 7":      f.with(7, start.Unix()+1),
		"field 8":      f.with(8, 99),
		"field 9":      f.with(9, 604799),
		"field 10":     f.with(10, make([]byte, 32)),
	}
	for name, other := range changes {
		t.Run(name, func(t *testing.T) {
			lie := m
			lie.payload = other.encode()
			lie.secret = other[11].([]byte)
			_, err := w.verify("bob/phone", w.seal(lie, lie.bytes(), "bob/phone"), c)
			wantFault(t, err, fault.Malformed)
		})
	}
	t.Run("resigned-by-member", func(t *testing.T) {
		by := w.signer("bob/tablet")
		again := m
		again.forged = sign1(by, wire.LabelSession, m.aad, m.payload)
		_, err := w.verify("bob/phone", w.seal(again, again.bytes(), "bob/phone"), c)
		wantFault(t, err, fault.Malformed)
	})
	t.Run("in an envelope of another session", func(t *testing.T) {
		other := w.statement("alice/phone", w.statementOf(c))
		_, err := w.verify("bob/phone", w.seal(other, m.bytes(), "bob/phone"), c)
		wantFault(t, err, fault.UntrustedSigner)
	})
}

// The lowest suite of the roster is that of the session: a statement below it would take protection away, one above it
// lies, and one that is sealed by another suite than it says is no better.
func TestSuiteIsThatOfTheRoster(t *testing.T) {
	w := newWorldOf(t, device.Hybrid)
	c := w.direct(alice, bob)
	f := w.statementOf(c)
	for name, test := range map[string]struct {
		says   int
		sealed device.Suite
		opens  bool
	}{
		"suite-below-roster":              {1, device.Classical, true},
		"suite-mixed: 2 sealed by 1":      {2, device.Classical, false},
		"suite-mixed: 1 sealed by 2":      {1, device.Hybrid, false},
		"what the roster asks for, by it": {2, device.Hybrid, true},
	} {
		t.Run(name, func(t *testing.T) {
			m := w.statement("alice/phone", f.with(4, test.says))
			envelope := w.sealBy(test.sealed, m, m.bytes(), "bob/phone")
			o, err := session.OpenEnvelope(w.devices["bob/phone"].keys, envelope)
			if test.opens != (err == nil) || (o == nil) != (err != nil) {
				t.Errorf("opened: %v", err)
			}
			s, err := w.verify("bob/phone", envelope, c)
			if test.says == 2 && test.sealed == device.Hybrid {
				if err != nil || s.Suite() != device.Hybrid || o.Suite() != device.Hybrid {
					t.Errorf("%v: %v", s, err)
				}
				return
			}
			wantFault(t, err, fault.Malformed)
		})
	}
}

// One device of suite 1 brings the whole conversation down to it, visibly; when it is gone, the next session has suite 2.
func TestMixedRosterFallsToSuite1(t *testing.T) {
	w := newWorldOf(t, device.Hybrid)
	w.suite = device.Classical
	w.add("bob/old")
	c := w.direct(alice, bob)
	s := w.begin("alice/phone", c)
	names := w.names(alice, bob)
	envelope := w.sealed(s, names...)
	for _, at := range names { // those of suite 2 by their X25519 keys
		if got := w.take(at, envelope, c); got.Suite() != device.Classical || w.offer(at, envelope).Suite() != device.Classical {
			t.Errorf("%s has suite %d", at, got.Suite())
		}
	}
	if must(session.Resume(must(s.ExportSecretStatement()), w.logs)).Suite() != device.Classical {
		t.Error("resumed with another suite")
	}
	m := w.statement("alice/phone", w.statementOf(c).with(4, 2)) // more than the old device can do
	_, err := w.verify("bob/phone", w.sealBy(device.Hybrid, m, m.bytes(), "bob/phone"), c)
	wantFault(t, err, fault.Malformed)

	w.revoke("bob/old")
	w.take("bob/phone", envelope, c) // begun before, and it says so
	next := w.begin("bob/phone", c)
	for _, at := range w.names(alice) {
		if got := w.take(at, w.sealed(next, w.names(alice)...), c); got.Suite() != device.Hybrid {
			t.Errorf("%s has suite %d", at, got.Suite())
		}
	}
	if (*session.Session)(nil).Suite() != 0 || (*session.Offer)(nil).Suite() != 0 {
		t.Error("none has a suite")
	}
}

// A device that gets suite 2 by a new record is left out until it has a messaging key on that record.
func TestDeviceIsUpgradedToSuite2(t *testing.T) {
	w := newWorldOf(t, device.Hybrid)
	w.suite = device.Classical
	w.add("bob/old")
	w.suite = device.Hybrid
	w.update("bob/old")
	c := w.direct(alice, bob)
	s := w.begin("alice/phone", c)
	if s.Suite() != device.Hybrid {
		t.Errorf("suite %d", s.Suite())
	}
	_, err := s.SealTo(w.devices["bob/old"].key)
	wantFault(t, err, fault.Misuse)
	w.rotate("bob/old")
	w.take("bob/old", w.sealed(s, "bob/old"), c)
}

// A messaging key that was renewed lives on for a while; when it is wiped, what was sealed to it opens for nobody.
func TestErasedKeyOpensNothing(t *testing.T) {
	inBothSuites(t, testErasedKeyOpensNothing)
}

func testErasedKeyOpensNothing(t *testing.T, w *world) {
	c := w.direct(alice, bob)
	envelope := w.sealed(w.begin("alice/phone", c), "bob/phone")
	w.rotate("bob/phone")
	w.take("bob/phone", envelope, c)
	keys := w.devices["bob/phone"].keys
	for day := range 9 {
		must(keys.Online(start.Add(time.Duration(day) * 24 * time.Hour)))
	}
	_, err := session.OpenEnvelope(keys, envelope)
	wantFault(t, err, fault.NotForThisDevice)
	_, err = session.OpenEnvelope(nil, envelope)
	wantFault(t, err, fault.DestroyedKey)
	_, err = session.Strip(envelope, device.KeyID{})
	wantFault(t, err, fault.NotForThisDevice)
}

// Each byte of an envelope counts, except for the top bit of the ephemeral key, which X25519 ignores.
func TestNoAlteredEnvelopeOpens(t *testing.T) {
	w := newWorld(t)
	c := w.direct(alice, bob)
	envelope := w.sealed(w.begin("alice/phone", c), "bob/phone")
	for i := range envelope {
		if _, err := w.verify("bob/phone", flip(envelope, i), c); fault.Of(err) == 0 || fault.Of(err) == fault.Misuse {
			t.Errorf("byte %d of %d: %v", i, len(envelope), err)
		}
	}
	_, err := session.OpenEnvelope(w.devices["bob/phone"].keys, flip(envelope, 200)) // inside of the ciphertext
	wantFault(t, err, fault.Damaged)
}

func TestRelayRefusesWhatIsNeitherEnvelopeNorMessage(t *testing.T) {
	w := newWorld(t)
	s := w.begin("alice/phone", w.direct(alice, bob))
	var chains session.Chains
	envelope, message := w.sealed(s, "bob/phone"), w.write("alice/phone", s, &chains, "hello")
	for name, err := range map[string]error{
		"ID of a message":           failure(session.EnvelopeID(message)),
		"recipients of a message":   failure(session.Recipients(message)),
		"a message, stripped":       failure(session.Strip(message, w.devices["bob/phone"].key.ID())),
		"session of an envelope":    failure(session.MessageSession(envelope)),
		"user of an envelope":       failure(session.RequestUser(envelope)),
		"envelope that is cut":      failure(session.Strip(envelope[:len(envelope)-1], w.devices["bob/phone"].key.ID())),
		"envelope that is a prefix": failure(session.EnvelopeID(envelope[:70])),
	} {
		t.Run(name, func(t *testing.T) { wantFault(t, err, fault.Malformed) })
	}
}

func failure[T any](_ T, err error) error { return err }

func TestVerifyNeedsAConversation(t *testing.T) {
	w := newWorld(t)
	o := w.offer("bob/phone", w.sealed(w.begin("alice/phone", w.direct(alice, bob)), "bob/phone"))
	for name, c := range notConversations(w) {
		t.Run(name, func(t *testing.T) {
			_, err := o.Verify(w.cert("bob/phone"), c, start, w.logs)
			wantFault(t, err, fault.Misuse)
			_, err = session.Begin(w.devices["alice/phone"].keys, c, session.DefaultPolicy(), nil, start, w.logs)
			wantFault(t, err, fault.Misuse)
		})
	}
}

// notConversations are none, each for one reason.
func notConversations(w *world) map[string]*session.Conversation {
	change := func(how func(c *session.Conversation)) *session.Conversation {
		c := w.direct(alice, bob)
		how(c)
		return c
	}
	return map[string]*session.Conversation{
		"nil":                      nil,
		"without members":          change(func(c *session.Conversation) { c.Members = nil }),
		"another ID":               change(func(c *session.Conversation) { c.ID[0] ^= 1 }),
		"an epoch":                 change(func(c *session.Conversation) { c.Epoch = 1 }),
		"three without a state":    change(func(c *session.Conversation) { *c = *w.group(0, alice, bob, carol); c.State = nil }),
		"members not in order":     change(func(c *session.Conversation) { slices.Reverse(c.Members); c.State = &device.Hash{} }),
		"a member twice":           change(func(c *session.Conversation) { c.Members[1] = c.Members[0]; c.State = &device.Hash{} }),
		"more members than may be": change(func(c *session.Conversation) { *c = *tooMany() }),
	}
}

func tooMany() *session.Conversation {
	c := &session.Conversation{State: &device.Hash{}}
	for i := range device.MaxHeads + 1 {
		c.Members = append(c.Members, session.Member{User: string([]byte{'a', byte(i >> 12), byte(i >> 6 & 63), byte(i & 63)})})
	}
	return c
}

func TestDirectIsOfOneOrTwo(t *testing.T) {
	w := newWorld(t)
	a, b := w.direct(alice, bob), w.direct(bob, alice)
	if a.ID != b.ID || a.Members[0].User != alice || b.Members[0].User != alice {
		t.Error("the order of the members counts")
	}
	if a.ID == w.direct(alice, carol).ID || a.ID == w.direct(alice).ID {
		t.Error("two conversations of one ID")
	}
	reset := w.members(alice, bob)
	reset[1].Root[0] ^= 1
	if must(session.Direct(reset...)).ID == a.ID {
		t.Error("a reset keeps the conversation")
	}
	for name, m := range map[string][]session.Member{
		"nobody": nil, "three": w.members(alice, bob, carol), "one user twice": w.members(alice, alice), "two identities of one": {reset[1], w.members(bob)[0]},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := session.Direct(m...)
			wantFault(t, err, fault.Misuse)
			if c != nil {
				t.Error("a conversation beside the error")
			}
		})
	}
	// H(["sotto/v1.conversation", [[user, root] …]]), sorted by encoding: "bob" comes before "alice".
	want := wire.AppendText([]byte{0x82}, "sotto/v1.conversation")
	want = append(want, 0x82)
	for _, m := range w.members(bob, alice) {
		want = wire.AppendBytes(wire.AppendText(append(want, 0x82), m.User), m.Root[:])
	}
	if a.ID != device.Hash(sha256.Sum256(want)) {
		t.Errorf("the ID is %v", a.ID)
	}
}
