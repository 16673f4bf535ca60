package device_test

import (
	"bytes"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/message"
	"github.com/sottokit/sotto/internal/wire"
)

// signedBy verifies what the keys signed.
func signedBy(t *testing.T, k *device.Keys, b []byte, label string, aad []byte) {
	t.Helper()
	if _, err := k.Record().Verifier().Verify1(b, cose.Context{Type: label, AAD: aad}); err != nil {
		t.Error(err)
	}
}

func TestKeysSignForSessions(t *testing.T) {
	k := generate(t, alice, device.Classical)
	h := found(t, k, nil)
	cert := k.Record().Cert()
	s := &envelope.Statement{Suite: 1, Heads: []envelope.Head{{User: alice}}, MaxMessages: 1, MaxAge: 3600}
	secret := bytes.Repeat([]byte{7}, envelope.SecretSize)
	b, err := k.SignSession(s, secret)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := envelope.ParseSigned(b)
	if err != nil || !bytes.Equal(signed.Secret, secret) || signed.Sender != cert {
		t.Fatalf("signed %+v: %v", signed, err)
	}
	signedBy(t, k, b, wire.LabelSession, wire.AppendBound(nil, wire.LabelSession, signed.ID[:]))

	_, err = k.SignRequest(&message.Request{})
	wantFault(t, err, fault.Misuse) // no messaging key
	if k.Generation() != 0 {
		t.Error("a generation before the first key")
	}
	h.rotate(k, nil, start)
	key := h.accept(k.Record().ID(), h.rotate(k, nil, start))
	if k.Generation() != 1 || key.Seen().Gen != 1 {
		t.Errorf("generation %d", k.Generation())
	}

	place := &message.Place{Session: signed.ID, Chain: [8]byte{3}, Counter: 9}
	content := &message.Content{Body: []byte("hello")}
	b, r, err := k.SignContent(content, place)
	if err != nil || r != k.Record() || content.KeyGen != 1 {
		t.Fatalf("signed %+v: %v", content, err)
	}
	signedBy(t, k, b, wire.LabelContent, place.ContentAAD(cert))

	b, err = k.SignRequest(&message.Request{Session: [16]byte{4}})
	if err != nil {
		t.Fatal(err)
	}
	signedBy(t, k, b, wire.LabelSessionRequest, message.RequestAAD([16]byte{4}))
	if q, err := message.ParseRequest(b); err != nil || q.User != alice || !bytes.Equal(q.DeviceKey, key.Bytes()) {
		t.Errorf("asked for %+v: %v", q, err)
	}
}

func TestKeysUnwrapWhatIsSealedToOneOfThem(t *testing.T) {
	k := generate(t, alice, device.Hybrid) // has an X25519 key, too
	h := found(t, k, nil)
	old := h.accept(k.Record().ID(), h.rotate(k, nil, start))
	h.update(k, device.Hybrid)
	key := h.accept(k.Record().ID(), h.rotate(k, nil, start))
	b, err := k.SignSession(&envelope.Statement{Suite: 2, Heads: []envelope.Head{{User: alice}}, MaxMessages: 1, MaxAge: 3600}, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := envelope.ParseSigned(b)
	if err != nil {
		t.Fatal(err)
	}
	sealed := func(suite uint64, keys ...*device.MessagingKey) *envelope.Envelope {
		signed.Suite = suite
		to := []envelope.Recipient{{Key: ecdh.Generate().Public(), Hybrid: ecdh.GenerateHybrid().Public()}} // somebody else
		for _, m := range keys {
			to = append(to, envelope.Recipient{KeyID: m.ID(), Cert: m.Cert(), Key: m.X25519(), Hybrid: m.Hybrid()})
		}
		sealed, err := envelope.Seal(signed, b, make([]byte, 32), ecdh.Generate(), to)
		if err != nil {
			t.Fatal(err)
		}
		e, err := envelope.Parse(sealed)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	for _, suite := range []uint64{1, 2} {
		for _, m := range []*device.MessagingKey{old, key} {
			e := sealed(suite, m)
			cek, own, err := k.Unwrap(e)
			if err != nil || own != m.Cert() {
				t.Fatalf("suite %d: hangs on %v, want %v: %v", suite, own, m.Cert(), err)
			}
			if got, err := e.Open(cek); err != nil || !bytes.Equal(got, b) {
				t.Error(err)
			}
		}
		_, _, err = k.Unwrap(sealed(suite))
		wantFault(t, err, fault.NotForThisDevice)
	}
}

// Who seals to a device of suite 1 as if it had suite 2 is at fault.
func TestKeyOfSuite1UnwrapsNothingOfSuite2(t *testing.T) {
	k := generate(t, alice, device.Classical)
	h := found(t, k, nil)
	m := h.accept(k.Record().ID(), h.rotate(k, nil, start))
	to := envelope.Recipient{KeyID: m.ID(), Cert: m.Cert(), Key: m.X25519(), Hybrid: ecdh.GenerateHybrid().Public()}
	s := &envelope.Signed{Statement: envelope.Statement{Suite: 2}, Secret: make([]byte, 32)}
	b, err := envelope.Seal(s, make([]byte, 100), make([]byte, 32), nil, []envelope.Recipient{to})
	if err != nil {
		t.Fatal(err)
	}
	e, err := envelope.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = k.Unwrap(e)
	wantFault(t, err, fault.Malformed)
}

func TestDestroyedKeysDoNothingForSessions(t *testing.T) {
	k := generate(t, alice, device.Classical)
	h := found(t, k, nil)
	h.rotate(k, nil, start)
	k.Destroy()
	for name, k := range map[string]*device.Keys{"destroyed": k, "zero": {}, "nil": nil} {
		t.Run(name, func(t *testing.T) {
			_, err := k.SignSession(&envelope.Statement{}, make([]byte, 32))
			wantFault(t, err, fault.DestroyedKey)
			_, _, err = k.SignContent(&message.Content{}, &message.Place{})
			wantFault(t, err, fault.DestroyedKey)
			_, err = k.SignRequest(&message.Request{})
			wantFault(t, err, fault.DestroyedKey)
			_, _, err = k.Unwrap(&envelope.Envelope{})
			wantFault(t, err, fault.DestroyedKey)
			if k.Generation() != 0 {
				t.Error("a generation")
			}
		})
	}
}
