package session_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/pad"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/session"
)

// A message counts where its device signed it, and by whom the session names.
func TestMessageIsRefused(t *testing.T) {
	w := newWorld(t)
	s := w.begin("alice/phone", w.direct(alice, bob))
	other := w.begin("alice/phone", w.direct(alice, bob))
	w.add("bob/desk")
	chain, twin := [8]byte{'c'}, [8]byte{'d'}
	signed := func(by string, in *session.Session, c [8]byte, i uint64) []byte {
		return w.content(by, in, c, i, contentOf("hello")).bytes()
	}
	good := sealMessage(s, chain, 5, signed("bob/phone", s, chain, 5))
	if o := must(s.Open(good, w.logs)); o.Place != (session.Place{Sender: w.cert("bob/phone"), Chain: chain, Counter: 5}) {
		t.Fatalf("opened at %v", o.Place)
	}
	for name, c := range map[string]struct {
		b    []byte
		want fault.Code
	}{
		"counter-at-max":             {sealMessage(s, chain, 100, signed("bob/phone", s, chain, 100)), fault.OverLimit},
		"counter-over-max":           {sealMessage(s, chain, 1<<40, signed("bob/phone", s, chain, 1<<40)), fault.OverLimit},
		"content-of-other-chain":     {sealMessage(s, chain, 5, signed("bob/phone", s, twin, 5)), fault.UntrustedSigner},
		"content-of-other-counter":   {sealMessage(s, chain, 5, signed("bob/phone", s, chain, 6)), fault.UntrustedSigner},
		"content-of-other-session":   {sealMessage(s, chain, 5, signed("bob/phone", other, chain, 5)), fault.UntrustedSigner},
		"message-of-other-session":   {sealMessage(other, chain, 5, signed("bob/phone", other, chain, 5)), fault.Damaged},
		"signer-not-in-roster":       {sealMessage(s, chain, 5, signed("carol/phone", s, chain, 5)), fault.UntrustedSigner},
		"signer-that-came-later":     {sealMessage(s, chain, 5, signed("bob/desk", s, chain, 5)), fault.UntrustedSigner},
		"content that is none":       {sealMessage(s, chain, 5, []byte("hello")), fault.Malformed},
		"empty content":              {sealMessage(s, chain, 5, nil), fault.Malformed},
		"a statement":                {sealMessage(s, chain, 5, must(s.ExportSecretStatement())), fault.Malformed},
		"an envelope":                {w.sealed(s, "bob/phone"), fault.Malformed},
		"nothing":                    {nil, fault.Malformed},
		"another chain in the clear": {bytes.Replace(good, chain[:], twin[:], 1), fault.Damaged},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := s.Open(c.b, w.logs)
			wantFault(t, err, c.want)
			if o != nil {
				t.Error("a message beside the error")
			}
		})
	}
	if _, err := s.Open(sealMessage(s, chain, 99, signed("bob/phone", s, chain, 99)), w.logs); err != nil {
		t.Errorf("the last counter: %v", err)
	}
	_, err := s.Open(good, session.Logs{alice: w.logs[alice]})
	wantFault(t, err, fault.TooFarAhead)
	_, err = s.Open(good, session.Logs{alice: w.logs[alice], bob: w.logs[carol]})
	wantFault(t, err, fault.UntrustedSigner)
}

// A member can seal anything under the session's keys, a message that names another session too: the name is bound.
func TestMessageOpensUnderItsOwnNameAlone(t *testing.T) {
	w := newWorld(t)
	s, other := w.begin("alice/phone", w.direct(alice, bob)), w.begin("alice/phone", w.direct(alice, bob))
	chain := [8]byte{'c'}
	content := w.content("bob/phone", s, chain, 5, contentOf("hello")).bytes()
	id := s.ID()
	bound := func(label string) []byte {
		b := wire.AppendBytes(wire.AppendText([]byte{0x84}, label), id[:])
		return append(wire.AppendBytes(b, chain[:]), 5)
	}
	signed := must(envelope.ParseSigned(must(s.ExportSecretStatement())))
	prk := must(hkdf.Extract(sha256.New, signed.Secret, id[:]))
	key := must(hkdf.Expand(sha256.New, prk, string(bound("sotto/v1.message-key")), 64))[:32]
	aead := must(cipher.NewGCM(must(aes.NewCipher(key))))
	named := func(p session.Prefix) []byte {
		protected := wire.AppendBytes([]byte{0xa4, 1, 3, 4}, append(p[:], chain[:]...))
		protected = append(wire.AppendText(append(protected, 16), "sotto/v1.message"), 0x3a, 0, 1, 0x11, 0x74, 5)
		iv := make([]byte, 12)
		return must(coseimpl.AppendEncrypt0(nil, aead, true, protected, wire.AppendBytes([]byte{0xa1, 5}, iv), iv,
			pad.Append(nil, content), bound("sotto/v1.message")))
	}
	if o := must(s.Open(named(id.Prefix()), w.logs)); string(o.Content.Body) != "hello" {
		t.Error("opened as something else")
	}
	_, err := s.Open(named(other.ID().Prefix()), w.logs)
	wantFault(t, err, fault.Damaged)
}

// Names of chains are drawn by those who send: two members, and one device twice, may use any.
func TestChainsAreTheSendersOwn(t *testing.T) {
	w := newWorld(t)
	s := w.begin("alice/phone", w.direct(alice, bob))
	chain := [8]byte{'c'}
	places := map[session.Place]bool{}
	for _, by := range []string{"alice/phone", "bob/phone", "bob/tablet"} {
		for _, i := range []uint64{7, 0, 3} {
			b := sealMessage(s, chain, i, w.content(by, s, chain, i, contentOf(by)).bytes())
			places[must(s.Open(b, w.logs)).Place] = true
		}
	}
	if len(places) != 9 {
		t.Errorf("%d places", len(places))
	}
}

// The same message is the same, another one in its place is told by its hash.
func TestHashTellsMessagesApart(t *testing.T) {
	w := newWorld(t)
	s := w.begin("alice/phone", w.direct(alice, bob))
	chain := [8]byte{'c'}
	one := w.content("bob/phone", s, chain, 0, contentOf("one")).bytes()
	other := w.content("bob/phone", s, chain, 0, contentOf("two")).bytes()
	a, again, b := must(s.Open(sealMessage(s, chain, 0, one), w.logs)), must(s.Open(sealMessage(s, chain, 0, one), w.logs)),
		must(s.Open(sealMessage(s, chain, 0, other), w.logs))
	if a.Place != b.Place || a.Hash == b.Hash || a.Hash != again.Hash {
		t.Error("not told apart")
	}
}

func TestNoAlteredMessageOpens(t *testing.T) {
	w := newWorld(t)
	s := w.begin("alice/phone", w.direct(alice, bob))
	var chains session.Chains
	b := w.write("bob/phone", s, &chains, "hello")
	for i := range b {
		for _, altered := range [][]byte{flip(b, i), b[:i]} {
			if o, err := s.Open(altered, w.logs); err == nil || o != nil || fault.Of(err) == 0 || fault.Of(err) == fault.Misuse {
				t.Errorf("byte %d of %d: %v", i, len(b), err)
			}
		}
	}
}

func TestContentHasLimits(t *testing.T) {
	w := newWorld(t)
	s := w.begin("alice/phone", w.direct(alice, bob))
	keys := w.devices["alice/phone"].keys
	var chains session.Chains
	m := text("hello")
	change := func(how func(m *session.Content)) session.Content {
		c := m
		how(&c)
		return c
	}
	for name, c := range map[string]struct {
		m    session.Content
		want fault.Code
	}{
		"type too long":          {change(func(m *session.Content) { m.Type = string(make([]byte, 65)) }), fault.Misuse},
		"type not UTF-8":         {change(func(m *session.Content) { m.Type = "\xff" }), fault.Misuse},
		"before 1970":            {change(func(m *session.Content) { m.Sent = time.Unix(-1, 0) }), fault.Misuse},
		"no time":                {change(func(m *session.Content) { m.Sent = time.Time{} }), fault.Misuse},
		"body of 1 MiB":          {change(func(m *session.Content) { m.Body = make([]byte, session.MaxMessage) }), fault.OverLimit},
		"body over 1 MiB":        {change(func(m *session.Content) { m.Body = make([]byte, session.MaxMessage+1) }), fault.OverLimit},
		"padded to 1 MiB at all": {change(func(m *session.Content) { m.Body = make([]byte, 1032192) }), fault.OverLimit},
	} {
		t.Run(name, func(t *testing.T) {
			b, o, err := chains.Seal(nil, s, keys, c.m)
			wantFault(t, err, c.want)
			if b != nil || o != nil {
				t.Error("a message beside the error")
			}
		})
	}
	for name, c := range map[string]session.Content{
		"nothing":         {Sent: start},
		"the longest":     change(func(m *session.Content) { m.Body = make([]byte, 1032192-512); m.Type = string(make([]byte, 64)) }),
		"bytes of a body": change(func(m *session.Content) { m.Body = []byte{0, 0x80, 0, 0} }),
	} {
		t.Run(name, func(t *testing.T) {
			b, _, err := chains.Seal(nil, s, keys, c)
			if err != nil {
				t.Fatal(err)
			}
			o, err := s.Open(b, w.logs)
			if err != nil || len(b) > session.MaxMessage || !bytes.Equal(o.Content.Body, c.Body) || o.Content.Type != c.Type {
				t.Errorf("%d bytes: %v", len(b), err)
			}
		})
	}
	body := make([]byte, 8, 4096)
	_, _, err := chains.Seal(body[4:4], s, keys, session.Content{Sent: start, Body: body})
	wantFault(t, err, fault.Misuse)
	_, _, err = chains.Seal(nil, s, nil, m)
	wantFault(t, err, fault.DestroyedKey)
}

// KeyGen tells the others that a newer messaging key is there to be fetched.
func TestContentNamesTheNewestKey(t *testing.T) {
	w := newWorld(t)
	s := w.begin("alice/phone", w.direct(alice, bob))
	var chains session.Chains
	for want := range uint64(3) {
		o := must(s.Open(w.write("alice/phone", s, &chains, "hello"), w.logs))
		if o.Content.KeyGen != want || w.devices["alice/phone"].keys.Generation() != want {
			t.Errorf("generation %d, want %d", o.Content.KeyGen, want)
		}
		w.rotate("alice/phone")
	}
	fresh := must(device.Generate(alice, device.Classical, start))
	if fresh.Generation() != 0 || (*device.Keys)(nil).Generation() != 0 {
		t.Error("a generation without a key")
	}
}

// A body of 1 KiB costs at most 300 bytes, and messages of nearby lengths look the same.
func TestMessageSize(t *testing.T) {
	w := newWorld(t)
	s := w.begin("alice/phone", w.direct(alice, bob))
	var chains session.Chains
	if n := len(w.write("alice/phone", s, &chains, string(make([]byte, 1024)))); n > 1024+300 {
		t.Errorf("a body of 1 KiB has %d bytes", n)
	}
	if a, b := w.write("alice/phone", s, &chains, "yes"), w.write("alice/phone", s, &chains, "certainly"); len(a) != len(b) {
		t.Error("the length tells")
	}
}
