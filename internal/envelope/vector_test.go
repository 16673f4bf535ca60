package envelope_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/wire"
)

// octets are bytes in hexadecimal.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

type vectorDevice struct {
	Cert    octets `json:"cert_id"`
	KeyID   octets `json:"key_id"`
	Private octets `json:"msg_priv"`
	Public  octets `json:"msg_pub"`
	Ed25519 octets `json:"sign_pub"`
	XWing   octets `json:"xwing_seed"` // nil in suite 1
}

// key is the private half of the device's messaging key.
func (d vectorDevice) key(t testing.TB) *envelope.Private {
	t.Helper()
	p := &envelope.Private{KeyID: [16]byte(d.KeyID), Cert: [32]byte(d.Cert), Key: private(t, d.Private)}
	if d.XWing != nil {
		hybrid, err := ecdh.NewHybridPrivateKey(d.XWing)
		if err != nil {
			t.Fatal(err)
		}
		p.Hybrid = hybrid
	}
	return p
}

// vectors are sections "session" and "session_suite2" of native_v2.json.
type vectors struct {
	Devices map[string]vectorDevice `json:"devices"`
	Session struct {
		CEK          octets `json:"cek"`
		Conversation octets `json:"conversation_id"`
		Envelope     octets `json:"envelope_cose_encrypt"`
		Stripped     octets `json:"envelope_stripped_for_bob_tablet"`
		Ephemeral    octets `json:"ephemeral_priv"`
		R            octets `json:"r"`
		Roster       octets `json:"roster_hash"`
		Secret       octets `json:"secret"`
		ID           octets `json:"session_id"`
		Statement    octets `json:"statement_cose_sign1"`
		PerRecipient int    `json:"bytes_per_recipient"`
		Size4        int    `json:"size_bytes_4_recipients"`
	} `json:"session"`
	Suite2 struct {
		CEK       octets `json:"cek"`
		Envelope  octets `json:"envelope_cose_encrypt"`
		ID        octets `json:"session_id"`
		Statement octets `json:"statement_cose_sign1"`
		Size2     int    `json:"size_bytes_2_recipients"`
	} `json:"session_suite2"`
}

func readVectors(t testing.TB) *vectors {
	t.Helper()
	file, err := os.ReadFile("../conformance/testdata/vectors/native_v2.json")
	if err != nil {
		t.Fatal(err)
	}
	v := &vectors{}
	if err := json.Unmarshal(file, v); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *vectors) recipient(t testing.TB, name string) envelope.Recipient {
	t.Helper()
	return recipientOf(v.Devices[name].key(t))
}

// recipientOf is the public half.
func recipientOf(p *envelope.Private) envelope.Recipient {
	return envelope.Recipient{KeyID: p.KeyID, Cert: p.Cert, Key: p.Key.Public(), Hybrid: p.Hybrid.Public()}
}

func private(t testing.TB, b []byte) *ecdh.PrivateKey {
	t.Helper()
	k, err := ecdh.NewPrivateKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func parseSigned(t testing.TB, b []byte) *envelope.Signed {
	t.Helper()
	s, err := envelope.ParseSigned(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPublishedStatement(t *testing.T) {
	v := readVectors(t)
	s := parseSigned(t, v.Session.Statement)
	if !bytes.Equal(s.ID[:], v.Session.ID) {
		t.Errorf("session ID is %x", s.ID)
	}
	if !bytes.Equal(s.Secret, v.Session.Secret) || !bytes.Equal(s.Conversation[:], v.Session.Conversation) ||
		!bytes.Equal(s.Roster[:], v.Session.Roster) || !bytes.Equal(s.Sender[:], v.Devices["alice/phone"].Cert) {
		t.Error("read as something else")
	}
	if s.Epoch != 0 || s.State != nil || s.Suite != 1 || s.MaxMessages != 100 || s.MaxAge != 604800 || s.Prev != nil {
		t.Errorf("read as %+v", s.Statement)
	}
	if len(s.Heads) != 2 || s.Heads[0].User != "alice" || s.Heads[1].User != "bob" || s.Heads[0].Seq != 1 {
		t.Errorf("heads are %v", s.Heads)
	}
	m, err := coseimpl.ParseSign1(v.Session.Statement, true)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.AppendPayload(nil, s.Secret), m.Unverified()) {
		t.Error("written as something else")
	}
	signer, err := cose.NewVerifier(ed25519.PublicKey(v.Devices["alice/phone"].Ed25519), s.Sender[:])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Verify1(v.Session.Statement, cose.Bind(wire.LabelSession, s.ID[:])); err != nil {
		t.Error(err)
	}
}

func TestPublishedEnvelope(t *testing.T) {
	v := readVectors(t)
	s := parseSigned(t, v.Session.Statement)
	var to []envelope.Recipient
	names := []string{"bob/phone", "bob/tablet", "alice/phone", "alice/laptop"}
	for _, name := range names {
		to = append(to, v.recipient(t, name))
	}
	b, err := envelope.Seal(s, v.Session.Statement, v.Session.R, private(t, v.Session.Ephemeral), to)
	if err != nil || !bytes.Equal(b, v.Session.Envelope) || len(b) != v.Session.Size4 {
		t.Errorf("sealed %d bytes: %v", len(b), err)
	}
	one, err := envelope.Seal(s, v.Session.Statement, v.Session.R, private(t, v.Session.Ephemeral), to[:1])
	if err != nil || len(b)-len(one) != 3*v.Session.PerRecipient {
		t.Errorf("three recipients more have %d bytes: %v", len(b)-len(one), err)
	}

	for _, name := range names {
		d := v.Devices[name]
		e := parse(t, v.Session.Envelope)
		cek, err := e.Unwrap(d.key(t))
		if err != nil || !bytes.Equal(cek, v.Session.CEK) {
			t.Errorf("%s: content key: %v", name, err)
		}
		if statement, err := e.Open(cek); err != nil || !bytes.Equal(statement, v.Session.Statement) {
			t.Errorf("%s: statement: %v", name, err)
		}
	}
}

func TestPublishedEnvelopeOfSuite2(t *testing.T) {
	v := readVectors(t)
	if have := parseSigned(t, v.Suite2.Statement); !bytes.Equal(have.ID[:], v.Suite2.ID) || have.Suite != 2 {
		t.Errorf("session %x of suite %d", have.ID, have.Suite)
	}
	e := parse(t, v.Suite2.Envelope)
	if e.Suite != 2 || !bytes.Equal(e.ID[:], v.Suite2.ID) || len(e.KeyIDs()) != 2 || len(v.Suite2.Envelope) != v.Suite2.Size2 {
		t.Errorf("suite %d, session %x, to %x, %d bytes", e.Suite, e.ID, e.KeyIDs(), len(v.Suite2.Envelope))
	}
	for _, name := range []string{"carol/phone", "dave/phone"} {
		cek, err := e.Unwrap(v.Devices[name].key(t))
		if err != nil || !bytes.Equal(cek, v.Suite2.CEK) {
			t.Errorf("%s: content key: %v", name, err)
		}
		if statement, err := e.Open(cek); err != nil || !bytes.Equal(statement, v.Suite2.Statement) {
			t.Errorf("%s: statement: %v", name, err)
		}
	}
}

func TestPublishedStrippedEnvelope(t *testing.T) {
	v := readVectors(t)
	e := parse(t, v.Session.Envelope)
	tablet := [16]byte(v.Devices["bob/tablet"].KeyID)
	b, err := e.Strip(tablet)
	if err != nil || !bytes.Equal(b, v.Session.Stripped) {
		t.Errorf("stripped to %x: %v", b, err)
	}
	if ids := parse(t, b).KeyIDs(); !slices.Equal(ids, [][16]byte{tablet}) {
		t.Errorf("recipients are %x", ids)
	}
}

// RFC 9052 knows our envelopes: what reads any COSE_Encrypt reads them.
func TestEnvelopeIsCOSE(t *testing.T) {
	v := readVectors(t)
	for _, c := range []struct {
		envelope octets
		algs     []int64
	}{
		{v.Session.Envelope, []int64{-31, -31, -31, -31}},
		{v.Suite2.Envelope, []int64{-70768, -70768}},
	} {
		m, err := coseimpl.ParseEncrypt(c.envelope, true)
		if err != nil {
			t.Fatal(err)
		}
		if algs := m.Algs(); !slices.Equal(algs, c.algs) {
			t.Errorf("recipient algorithms are %v", algs)
		}
		var ids [][]byte
		for _, id := range parse(t, c.envelope).KeyIDs() {
			ids = append(ids, id[:])
		}
		if !slices.EqualFunc(ids, m.KeyIDs(), bytes.Equal) {
			t.Error("key IDs differ")
		}
	}
}

func parse(t testing.TB, b []byte) *envelope.Envelope {
	t.Helper()
	e, err := envelope.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
