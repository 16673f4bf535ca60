package session_test

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/session"
)

// Each target takes its input as a whole object and once more as the payload of one that is signed and sealed as it must
// be. All keys of those who sign are fixed: a corpus stays what it is.

// fixed makes alice and bob of fixed keys, with a device each that never changes.
func fixed(t testing.TB, suite device.Suite) *world {
	t.Helper()
	w := &world{t, suite, session.Logs{}, map[string]*phone{}, map[string]string{}}
	for i, user := range []string{alice, bob} {
		keys := must(device.ParseKeys(fixedState(t, user, suite, byte(i+1))))
		root := must(keys.Found(nil, start))
		w.logs[user] = must(device.Verify(user, [][]byte{root}))
		must(keys.Settle(w.logs[user]))
		key := must(w.logs[user].AcceptKey(keys.Record().ID(), keys.DeviceKey(), nil))
		w.devices[user+"/phone"] = &phone{keys, key}
	}
	return w
}

// in is the same world in another test.
func (w *world) in(t testing.TB) *world {
	c := *w
	c.TB = t
	return &c
}

// fixedState is the state of a device whose keys are 32 times n. Its messaging key names the root that Found makes.
func fixedState(t testing.TB, user string, suite device.Suite, n byte) []byte {
	t.Helper()
	seed := bytes.Repeat([]byte{n}, 32)
	key := ed25519.NewKeyFromSeed(seed)
	record := fields{1: user, 2: seed[:16], 3: []byte(key.Public().(ed25519.PublicKey)), 4: int(suite), 5: start.Unix()}.encode()
	s := signer{key, hashOf(record)}
	signed := sign1(s, wire.LabelDevice, wire.AppendBound(nil, wire.LabelDevice), record).bytes()
	state := func(halves ...[]byte) []byte {
		b := wire.AppendText([]byte{0x87}, wire.LabelDeviceState)
		b = wire.AppendBytes(wire.AppendBytes(b, signed), seed)
		b = append(append(b, 0x80|byte(len(halves))), bytes.Join(halves, nil)...)
		return append(b, 0, 0, wire.Null)
	}
	root := hashOf(must(must(device.ParseKeys(state())).Found(nil, start)))
	x := must(ecdh.NewPrivateKey(seed))
	deviceKey := fields{1: s.kid, 2: 0, 3: x.Public().Bytes(), 4: nil, 5: start.Unix(), 6: 0, 7: root}
	hybrid := []byte{wire.Null}
	if suite == device.Hybrid {
		deviceKey[4] = must(ecdh.NewHybridPrivateKey(seed)).Public().Bytes()
		hybrid = wire.AppendBytes(nil, seed)
	}
	b := sign1(s, wire.LabelDeviceKey, wire.AppendBound(nil, wire.LabelDeviceKey, s.kid), deviceKey.encode()).bytes()
	half := wire.AppendBytes(wire.AppendBytes([]byte{0x84}, b), seed)
	return state(append(append(half, hybrid...), 0))
}

// FuzzVerify opens envelopes and holds statements against the logs, at bob's.
func FuzzVerify(f *testing.F) {
	worlds := []*world{fixed(f, device.Classical), fixed(f, device.Hybrid)}
	for _, w := range worlds {
		c := w.direct(alice, bob)
		good := w.statementOf(c).with(11, make([]byte, 32))
		if _, err := w.verify("bob/phone", w.forgedEnvelope("alice/phone", good), c); err != nil {
			f.Fatal(err)
		}
		f.Add(good.encode())
		f.Add(w.statementOf(w.group(3, alice, bob)).with(11, make([]byte, 32)).encode())
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, w := range worlds {
			w.in(t).verifies(t, payload)
		}
	})
}

// verifies holds an input against the logs in every role.
func (w *world) verifies(t *testing.T, payload []byte) {
	c := w.direct(alice, bob)
	m := w.statement("alice/phone", w.statementOf(c).with(11, make([]byte, 32)))
	m.payload = payload
	if len(payload) > 36 { // the ID that follows from these bytes
		params := append([]byte{0xaa}, payload[1:len(payload)-35]...)
		m.secret = payload[len(payload)-32:]
		m.id = idFrom(params, m.secret, w.signer("alice/phone").kid)
		m.aad = wire.AppendBound(nil, wire.LabelSession, m.id[:])
	}
	for _, b := range [][]byte{payload, w.seal(m, payload, "bob/phone"), w.seal(m, m.bytes(), "bob/phone")} {
		s, err := w.verify("bob/phone", b, c)
		faulttest.FromInput(t, err)
		if (s == nil) != (err != nil) {
			t.Errorf("a session beside the error, or neither: %v", err)
		}
		if s != nil && (s.Conversation() != c.ID || s.Epoch() != 0 || s.State() != nil || len(s.Roster().Certs()) != 2 || s.Suite() != w.suite) {
			t.Errorf("accepted %v", s)
		}
	}
	s, err := session.Resume(m.bytes(), w.logs)
	faulttest.FromInput(t, err)
	if (s == nil) != (err != nil) {
		t.Errorf("a session beside the error, or neither: %v", err)
	}
}

// FuzzOpen opens messages and what is sealed in them.
func FuzzOpen(f *testing.F) {
	w := fixed(f, device.Classical)
	statement := w.statement("alice/phone", w.statementOf(w.direct(alice, bob)).with(11, make([]byte, 32)))
	s := must(session.Resume(statement.bytes(), w.logs))
	chain := [8]byte{1}
	good := w.content("bob/phone", s, chain, 5, contentOf("hello"))
	f.Add(sealMessage(s, chain, 5, good.bytes()))
	f.Add(good.bytes())
	f.Add(good.payload)
	f.Fuzz(func(t *testing.T, b []byte) {
		signed := good.change(func(g *forged) { g.payload = b })
		for _, b := range [][]byte{b, sealMessage(s, chain, 5, b), sealMessage(s, chain, 5, signed)} {
			o, err := s.Open(b, w.logs)
			faulttest.FromInput(t, err)
			if (o == nil) != (err != nil) {
				t.Errorf("a message beside the error, or neither: %v", err)
			}
		}
	})
}

func FuzzReadRequest(f *testing.F) {
	w := fixed(f, device.Classical)
	good, _ := w.request("bob/phone", session.Prefix{'p'})
	f.Add(good.bytes())
	f.Add(good.payload)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, good.change(func(g *forged) { g.payload = b })} {
			r, err := session.ReadRequest(b, w.logs[bob], nil)
			faulttest.FromInput(t, err)
			if (r == nil) != (err != nil) {
				t.Errorf("a request beside the error, or neither: %v", err)
			}
			user, err := session.RequestUser(b)
			faulttest.FromInput(t, err)
			if r != nil && user != r.User {
				t.Errorf("of %q, claimed %q", r.User, user)
			}
		}
	})
}

// FuzzRelay does what a relay does with anything that comes.
func FuzzRelay(f *testing.F) {
	w := fixed(f, device.Classical)
	hybrid := fixed(f, device.Hybrid)
	m := w.statement("alice/phone", w.statementOf(w.direct(alice, bob)).with(11, make([]byte, 32)))
	f.Add(w.seal(m, m.bytes(), "bob/phone", "alice/phone"))
	f.Add(hybrid.seal(m, m.bytes(), "bob/phone", "alice/phone"))
	f.Add(sealMessage(must(session.Resume(m.bytes(), w.logs)), [8]byte{}, 0, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := session.EnvelopeID(b)
		faulttest.FromInput(t, err)
		to, err := session.Recipients(b)
		faulttest.FromInput(t, err)
		for _, id := range to {
			if _, err := session.Strip(b, id); err != nil {
				t.Error(err)
			}
		}
		_, err = session.MessageSession(b)
		faulttest.FromInput(t, err)
	})
}
