package session_test

import (
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/message"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/session"
)

// Every structure that is signed has one form; each case differs from it in one thing, and is signed and sealed all the same.

func TestStatementHasOneForm(t *testing.T) {
	w := newWorld(t)
	c := w.group(2, alice, bob, carol)
	f := w.statementOf(c).with(10, make([]byte, 32))
	m := w.statement("alice/phone", f)
	cases := otherForms(m.forged, f, w.signer("alice/laptop"), w.signer("alice/phone").kid, wire.LabelSession, 10)
	refusedAll(t, m.forged, cases, func(b []byte) error {
		_, err := w.verify("bob/phone", w.seal(m, b, "bob/phone"), c)
		return err
	})
}

func TestContentHasOneForm(t *testing.T) {
	w := newWorld(t)
	s := w.begin("alice/phone", w.direct(alice, bob))
	f := contentOf("hello")
	good := w.content("bob/phone", s, [8]byte{'c'}, 3, f)
	cases := otherForms(good, f, w.signer("bob/tablet"), w.signer("bob/phone").kid, wire.LabelContent)
	refusedAll(t, good, cases, func(b []byte) error {
		o, err := s.Open(sealMessage(s, [8]byte{'c'}, 3, b), w.logs)
		if o != nil && err != nil {
			t.Error("a message beside the error")
		}
		return err
	})
}

func (w *world) request(by string, p session.Prefix) (forged, fields) {
	w.Helper()
	f := fields{1: userOf(by), 2: p[:], 3: w.devices[by].key.Bytes(), 4: start.Unix()}
	return sign1(w.signer(by), wire.LabelSessionRequest, wire.AppendBound(nil, wire.LabelSessionRequest, p[:]), f.encode()), f
}

func TestRequestHasOneForm(t *testing.T) {
	w := newWorld(t)
	good, f := w.request("bob/phone", session.Prefix{'p'})
	cases := otherForms(good, f, w.signer("bob/tablet"), w.signer("bob/phone").kid, wire.LabelSessionRequest)
	refusedAll(t, good, cases, func(b []byte) error {
		r, err := session.ReadRequest(b, w.logs[bob], nil)
		if (r == nil) == (err == nil) {
			t.Error("a request beside the error, or neither")
		}
		return err
	})
}

// Sizes are looked at before anything else.
func TestLimitsOfSignedStructures(t *testing.T) {
	w := newWorld(t)
	c := w.direct(alice, bob)
	m := w.statement("alice/phone", w.statementOf(c))
	big := wire.AppendBytes(append(m.head, wire.AppendBytes(nil, m.protected)...), nil)
	_, err := session.OpenEnvelope(w.devices["bob/phone"].keys, w.seal(m, append(big, make([]byte, envelope.MaxStatement)...), "bob/phone"))
	wantFault(t, err, fault.OverLimit)

	_, err = session.ReadRequest(make([]byte, message.MaxRequest+1), w.logs[bob], nil)
	wantFault(t, err, fault.OverLimit)
	_, err = session.RequestUser(make([]byte, message.MaxRequest+1))
	wantFault(t, err, fault.OverLimit)

	s := w.begin("alice/phone", c)
	long := w.content("bob/phone", s, [8]byte{}, 0, contentOf("").with(3, string(make([]byte, message.MaxType+1))))
	_, err = s.Open(sealMessage(s, [8]byte{}, 0, long.bytes()), w.logs)
	wantFault(t, err, fault.OverLimit)
	_, err = s.Open(make([]byte, session.MaxMessage+1), w.logs)
	wantFault(t, err, fault.OverLimit)

	heads := []any{}
	for i := range envelope.MaxHeads + 1 {
		heads = append(heads, head(string([]byte{byte(i >> 8), byte(i)}), device.Pin{}))
	}
	longUser := []any{head(string(make([]byte, 129)), device.Pin{})}
	for name, h := range map[string][]any{"heads": heads, "user": longUser} {
		_, err = w.verify("bob/phone", w.forgedEnvelope("alice/phone", w.statementOf(c).with(6, h)), c)
		if fault.Of(err) != fault.OverLimit {
			t.Errorf("%s: %v", name, err)
		}
	}
}
