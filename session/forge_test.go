package session_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/message"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/session"
)

// What no honest device signs is made here: every piece of a signed object can be another one, while its signature holds.

// forged is a COSE_Sign1 (RFC 9052 §4.2) in pieces.
type forged struct {
	head        []byte // tag and array
	protected   []byte // the map in the protected header
	unprotected []byte
	payload     []byte
	aad         []byte
	key         ed25519.PrivateKey
}

// sign1 is the forged object of the one form that is right.
func sign1(s signer, label string, aad, payload []byte) forged {
	return forged{[]byte{0xd2, 0x84}, protected(s.kid, label), []byte{0xa0}, payload, aad, s.key}
}

// protected is {1: -8, 4: kid, 16: label}.
func protected(kid []byte, label string) []byte {
	return wire.AppendText(append(wire.AppendBytes([]byte{0xa3, 1, 0x27, 4}, kid), 16), label)
}

func (f forged) bytes() []byte {
	toBeSigned := wire.AppendBytes(wire.AppendText([]byte{0x84}, "Signature1"), f.protected)
	toBeSigned = wire.AppendBytes(wire.AppendBytes(toBeSigned, f.aad), f.payload)
	return f.with(ed25519.Sign(f.key, toBeSigned))
}

// with is the object with whatever signature.
func (f forged) with(signature []byte) []byte {
	b := append(wire.AppendBytes(slices.Clone(f.head), f.protected), f.unprotected...)
	return wire.AppendBytes(wire.AppendBytes(b, f.payload), signature)
}

// change returns the object with one thing changed.
func (f forged) change(how func(f *forged)) []byte {
	how(&f)
	return f.bytes()
}

// signer signs what a test likes.
type signer struct {
	key ed25519.PrivateKey
	kid []byte
}

// signer takes the key of a device out of its state.
func (w *world) signer(name string) signer {
	w.Helper()
	keys := w.devices[name].keys
	r := wire.NewReader(must(keys.ExportSecretState()))
	r.Array("state", 7)
	r.Text("label", 64)
	r.Bytes("record", device.MaxRecord)
	seed := r.Bytes("seed", ed25519.SeedSize)
	if r.Err() != nil {
		w.Fatal(r.Err())
	}
	cert := keys.Record().Cert()
	return signer{ed25519.NewKeyFromSeed(seed), cert[:]}
}

// fields is a payload before it is encoded.
type fields map[uint64]any

// with is the payload with one field another one.
func (f fields) with(key uint64, value any) fields {
	f = maps.Clone(f)
	f[key] = value
	return f
}

func (f fields) without(key uint64) fields {
	f = maps.Clone(f)
	delete(f, key)
	return f
}

func (f fields) encode() []byte { return must(wire.Marshal(f)) }

// head is an element of field 6.
func head(user string, p device.Pin) []any { return []any{user, p.Root[:], p.Seq, p.Head[:]} }

// statementOf are the fields of an honest statement, with the logs as they are.
func (w *world) statementOf(c *session.Conversation) fields {
	w.Helper()
	var logs []*device.Log
	heads := []any{}
	for _, m := range c.Members {
		logs = append(logs, w.logs[m.User])
		heads = append(heads, head(m.User, w.logs[m.User].Pin()))
	}
	r := must(device.NewRoster(c.ID, c.Epoch, logs...))
	roster := r.Hash()
	secret := make([]byte, 32)
	rand.Read(secret)
	f := fields{
		1: c.ID[:], 2: c.Epoch, 3: nil, 4: int(r.Suite()), 5: roster[:], 6: heads, 7: start.Unix(), 8: 100, 9: 604800, 10: nil, 11: secret,
	}
	if c.State != nil {
		f[3] = c.State[:]
	}
	return f
}

// idOf is the session that fields make, computed another way than the product does.
func idOf(f fields, sender []byte) [32]byte {
	secret, _ := f[11].([]byte)
	return idFrom(f.without(11).encode(), secret, sender)
}

func idFrom(params, secret, sender []byte) [32]byte {
	prk := must(hkdf.Extract(sha256.New, secret, hashOf(params)))
	info := wire.AppendBytes(wire.AppendText([]byte{0x82}, "sotto/v1.session-id"), sender)
	return [32]byte(must(hkdf.Expand(sha256.New, prk, string(info), 32)))
}

func hashOf(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

// made is a forged statement and what its envelope is made with.
type made struct {
	forged
	id     [32]byte
	secret []byte
}

// statement signs fields as that device, under the ID that follows from them.
func (w *world) statement(by string, f fields) made {
	w.Helper()
	s := w.signer(by)
	id := idOf(f, s.kid)
	secret, _ := f[11].([]byte)
	return made{sign1(s, wire.LabelSession, wire.AppendBound(nil, wire.LabelSession, id[:]), f.encode()), id, secret}
}

// seal puts whatever statement into an envelope that is right, by the suite of the world.
func (w *world) seal(m made, statement []byte, to ...string) []byte {
	w.Helper()
	return w.sealBy(w.suite, m, statement, to...)
}

// sealBy is seal by any suite, whatever the statement says.
func (w *world) sealBy(suite device.Suite, m made, statement []byte, to ...string) []byte {
	w.Helper()
	var recipients []envelope.Recipient
	for _, k := range w.keysOf(to...) {
		recipients = append(recipients, envelope.Recipient{KeyID: k.ID(), Cert: k.Cert(), Key: k.X25519(), Hybrid: k.Hybrid()})
	}
	r := make([]byte, 32)
	rand.Read(r)
	signed := &envelope.Signed{Statement: envelope.Statement{Suite: uint64(suite)}, ID: m.id, Secret: m.secret}
	return must(envelope.Seal(signed, statement, r, ecdh.Generate(), recipients))
}

// forgedEnvelope is what bob's phone gets when a device signs these fields.
func (w *world) forgedEnvelope(by string, f fields) []byte {
	w.Helper()
	m := w.statement(by, f)
	return w.seal(m, m.bytes(), "bob/phone")
}

// contentOf are the fields of honest content.
func contentOf(body string) fields {
	return fields{1: make([]byte, 16), 2: start.Unix(), 3: "text/plain", 4: []byte(body), 5: 0}
}

// contentAAD is the external_aad of content: ["sotto/v1.content", session, sender, chain, counter].
func contentAAD(id session.ID, sender []byte, chain [8]byte, counter uint64) []byte {
	b := wire.AppendBytes(wire.AppendText([]byte{0x85}, "sotto/v1.content"), id[:])
	b = wire.AppendBytes(wire.AppendBytes(b, sender), chain[:])
	return wire.AppendHead(b, wire.MajorUint, counter)
}

// content signs fields as that device, for a place in a session.
func (w *world) content(by string, s *session.Session, chain [8]byte, counter uint64, f fields) forged {
	w.Helper()
	signer := w.signer(by)
	return sign1(signer, wire.LabelContent, contentAAD(s.ID(), signer.kid, chain, counter), f.encode())
}

// sealMessage puts whatever content into a message that is right.
func sealMessage(s *session.Session, chain [8]byte, counter uint64, content []byte) []byte {
	signed := must(envelope.ParseSigned(must(s.ExportSecretStatement())))
	prk := must(message.PRK(signed.ID, signed.Secret))
	return must(message.Seal(nil, &message.Place{Session: signed.ID, Chain: chain, Counter: counter}, prk, make([]byte, 32), content))
}

// labels are those of everything that is signed or sealed.
var labels = []string{
	wire.LabelSession, wire.LabelSessionID, wire.LabelEnvelope, wire.LabelCEK, wire.LabelRecipient, wire.LabelMessage,
	wire.LabelMessageKey, wire.LabelContent, wire.LabelSessionRequest, wire.LabelConversation, wire.LabelRoster,
	wire.LabelDevice, wire.LabelDeviceKey, wire.LabelDeviceLog, wire.LabelRegistration, wire.LabelAnchor, wire.LabelRecovery,
	wire.LabelSealed, wire.LabelKEKRequest, wire.LabelKEKGrant,
}

// refusal is an object that must be refused, and why.
type refusal struct {
	b    []byte
	want fault.Code
}

// otherForms are all objects that differ from a good one in one thing. f are the fields of good, of which nullable may be
// null, other is somebody else who signs.
func otherForms(good forged, f fields, other signer, kid []byte, label string, nullable ...uint64) map[string]refusal {
	payload := func(p []byte) []byte { return good.change(func(f *forged) { f.payload = p }) }
	header := func(p []byte) []byte { return good.change(func(f *forged) { f.protected = p }) }
	first, rest := good.payload[0], good.payload[1:]
	signature := good.bytes()[len(good.bytes())-64:]
	front := append(wire.AppendBytes(slices.Clone(good.head), good.protected), good.unprotected...)
	malformed, untrusted := fault.Malformed, fault.UntrustedSigner
	cases := map[string]refusal{
		"wrong-tag":             {good.change(func(f *forged) { f.head = []byte{0xd1, 0x84} }), malformed},
		"no tag":                {good.change(func(f *forged) { f.head = []byte{0x84} }), malformed},
		"payload-detached":      {wire.AppendBytes(append(slices.Clone(front), wire.Null), signature), malformed},
		"payload-empty":         {payload(nil), malformed},
		"header-extra":          {header(append(append([]byte{0xa4}, good.protected[1:]...), 0x18, 99, 0)), malformed},
		"header-unprotected":    {good.change(func(f *forged) { f.unprotected = []byte{0xa1, 0x18, 99, 0} }), malformed},
		"header-not-in-order":   {header(append(append([]byte{0xa3, 4}, wire.AppendBytes(nil, kid)...), wire.AppendText([]byte{1, 0x27, 16}, label)...)), malformed},
		"alg-other":             {header(bytes.Replace(good.protected, []byte{1, 0x27, 4}, []byte{1, 0x26, 4}, 1)), malformed},
		"alg-missing":           {header(append([]byte{0xa2}, good.protected[3:]...)), malformed},
		"typ-missing":           {header(append([]byte{0xa2, 1, 0x27, 4}, wire.AppendBytes(nil, kid)...)), malformed},
		"kid-missing":           {header(wire.AppendText([]byte{0xa2, 1, 0x27, 16}, label)), untrusted},
		"kid-not-bytes":         {header(wire.AppendText([]byte{0xa3, 1, 0x27, 4, 0, 16}, label)), malformed},
		"kid-short":             {header(protected(kid[:31], label)), untrusted},
		"kid-other":             {header(protected(other.kid, label)), untrusted},
		"kid-unknown":           {header(protected(make([]byte, 32), label)), untrusted},
		"signature-by-other":    {good.change(func(f *forged) { f.key = other.key }), untrusted},
		"signature-zero":        {good.with(make([]byte, 64)), untrusted},
		"signature-short":       {good.with(signature[:63]), untrusted},
		"signature-long":        {good.with(append(slices.Clone(signature), 0)), untrusted},
		"ext-empty":             {good.change(func(f *forged) { f.aad = nil }), untrusted},
		"ext-other":             {good.change(func(f *forged) { f.aad = flip(f.aad, len(f.aad)-1) }), untrusted},
		"key-order":             {payload(reordered(f)), malformed},
		"long-integer":          {payload(bytes.Replace(good.payload, []byte{first, 1}, []byte{first, 0x18, 1}, 1)), malformed},
		"indefinite":            {payload(append(append([]byte{0xbf}, rest...), 0xff)), malformed},
		"duplicate-key":         {payload(append(append([]byte{first + 1}, rest...), f.last()...)), malformed},
		"unknown-key":           {payload(f.with(99, 0).encode()), malformed},
		"trailing-byte":         {append(good.bytes(), 0), malformed},
		"trailing-byte-payload": {payload(append(slices.Clone(good.payload), 0)), malformed},
		"newer version":         {header(protected(kid, "sotto/v2"+label[len("sotto/v1"):])), fault.UnsupportedVersion},
	}
	for _, twin := range labels {
		if twin != label {
			cases["typ "+twin] = refusal{header(protected(kid, twin)), malformed}
			aad := bytes.Replace(good.aad, wire.AppendText(nil, label), wire.AppendText(nil, twin), 1)
			cases["ext "+twin] = refusal{good.change(func(f *forged) { f.aad = aad }), untrusted}
		}
	}
	for k, v := range f {
		cases[fmt.Sprint("missing-key ", k)] = refusal{payload(f.without(k).encode()), malformed}
		cases[fmt.Sprint("float ", k)] = refusal{payload(f.with(k, 1.5).encode()), malformed}
		cases[fmt.Sprint("another type ", k)] = refusal{payload(f.with(k, []any{}).encode()), malformed}
		cases[fmt.Sprint("true ", k)] = refusal{payload(f.with(k, true).encode()), malformed}
		if !slices.Contains(nullable, k) {
			cases[fmt.Sprint("null ", k)] = refusal{payload(f.with(k, nil).encode()), malformed}
		}
		switch v := v.(type) {
		case []byte:
			if len(v) == 16 || len(v) == 32 {
				cases[fmt.Sprint("short ", k)] = refusal{payload(f.with(k, v[1:]).encode()), malformed}
				cases[fmt.Sprint("long ", k)] = refusal{payload(f.with(k, append(slices.Clone(v), 0)).encode()), malformed}
			}
			cases[fmt.Sprint("text ", k)] = refusal{payload(f.with(k, "text").encode()), malformed}
		case int, int64, uint64:
			cases[fmt.Sprint("2^53 ", k)] = refusal{payload(f.with(k, uint64(1<<53)).encode()), malformed}
			cases[fmt.Sprint("2^64 - 1 ", k)] = refusal{payload(f.with(k, uint64(1<<64-1)).encode()), malformed}
			cases[fmt.Sprint("negative ", k)] = refusal{payload(f.with(k, -1).encode()), malformed}
		case string:
			cases[fmt.Sprint("bytes ", k)] = refusal{payload(f.with(k, []byte(v)).encode()), malformed}
			broken := bytes.Replace(good.payload, wire.AppendText(nil, v), append(wire.AppendHead(nil, wire.MajorText, 1), 0xff), 1)
			cases[fmt.Sprint("not UTF-8 ", k)] = refusal{payload(broken), malformed}
		}
	}
	return cases
}

// last is the last pair, encoded.
func (f fields) last() []byte {
	k := slices.Max(slices.Collect(maps.Keys(f)))
	return fields{k: f[k]}.encode()[1:]
}

// reordered has the last pair first.
func reordered(f fields) []byte {
	k := slices.Max(slices.Collect(maps.Keys(f)))
	b := f.without(k).encode()
	return append(append([]byte{b[0] + 1}, f.last()...), b[1:]...)
}

// flip is b with one bit of one byte changed.
func flip(b []byte, i int) []byte {
	b = slices.Clone(b)
	b[i] ^= 1
	return b
}

// refusedAll runs cases, and every flipped byte and truncation of a good object.
func refusedAll(t *testing.T, good forged, cases map[string]refusal, read func(b []byte) error) {
	t.Helper()
	if err := read(good.bytes()); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { wantFault(t, read(c.b), c.want) })
	}
	b := good.bytes()
	for i := range b {
		if err := read(flip(b, i)); fault.Of(err) == 0 || fault.Of(err) == fault.Misuse {
			t.Errorf("byte %d of %d flipped: %v", i, len(b), err)
		}
		if err := read(b[:i]); fault.Of(err) != fault.Malformed {
			t.Errorf("cut to %d of %d bytes: %v", i, len(b), err)
		}
	}
	for i := range good.payload { // signed as it stands
		p := flip(good.payload, i)
		err := read(good.change(func(f *forged) { f.payload = p }))
		if code := fault.Of(err); err != nil && (code == 0 || code == fault.Misuse) {
			t.Errorf("byte %d of the payload: %v", i, err)
		}
	}
}
