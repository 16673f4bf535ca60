package message_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/internal/message"
	"github.com/sottokit/sotto/internal/wire"
)

// octets are bytes in hexadecimal.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

// vectors are section "messages" of native_v2.json and what it refers to.
type vectors struct {
	Devices map[string]struct {
		Cert    octets `json:"cert_id"`
		Ed25519 octets `json:"sign_pub"`
	} `json:"devices"`
	Session struct {
		ID     octets `json:"session_id"`
		Secret octets `json:"secret"`
	} `json:"session"`
	Messages struct {
		Chain  octets   `json:"chain_id"`
		Clone  octets   `json:"clone_of_1"`
		Sealed []octets `json:"cose_encrypt0"`
		PRK    octets   `json:"prk"`
		Keys   []octets `json:"keys_mk_nk"`
		Size7  int      `json:"size_bytes_7_byte_body"`
		Size1K int      `json:"size_bytes_1024_byte_body"`
	} `json:"messages"`
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
	if len(v.Messages.Sealed) == 0 {
		t.Fatal("no messages in the file")
	}
	return v
}

func parse(t testing.TB, b []byte) *message.Message {
	t.Helper()
	m, err := message.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPublishedMessages(t *testing.T) {
	v := readVectors(t)
	id := [32]byte(v.Session.ID)
	prk, err := message.PRK(id, v.Session.Secret)
	if err != nil || !bytes.Equal(prk, v.Messages.PRK) {
		t.Fatalf("PRK is %x: %v", prk, err)
	}
	for i, b := range v.Messages.Sealed {
		m := parse(t, b)
		if !bytes.Equal(m.Prefix[:], id[:16]) || !bytes.Equal(m.Chain[:], v.Messages.Chain) || m.Counter != uint64(i) {
			t.Errorf("message %d: read as %x, %x, %d", i, m.Prefix, m.Chain, m.Counter)
		}
		content, err := m.Open(id, prk)
		if err != nil {
			t.Errorf("message %d: %v", i, err)
			continue
		}
		place := &message.Place{Session: id, Chain: m.Chain, Counter: m.Counter}
		v.checkContent(t, content, place)
		if len(b) != v.Messages.Size7 {
			t.Errorf("message %d has %d bytes", i, len(b))
		}
		r := sha256.Sum256(fmt.Appendf(nil, "e2ee-proto-vector/msg/r%d", i))
		again, err := message.Seal(nil, place, prk, r[:], content)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("message %d: sealed as something else: %v", i, err)
		}
	}
}

// checkContent verifies signed content at its place.
func (v *vectors) checkContent(t *testing.T, b []byte, at *message.Place) {
	t.Helper()
	c, err := message.ParseContent(b)
	if err != nil {
		t.Fatal(err)
	}
	sender := ""
	for name, d := range v.Devices {
		if bytes.Equal(d.Cert, c.Sender[:]) {
			sender = name
		}
	}
	signer, err := cose.NewVerifier(ed25519.PublicKey(v.Devices[sender].Ed25519), c.Sender[:])
	if err != nil {
		t.Fatalf("content of %q: %v", sender, err)
	}
	if _, err := signer.Verify1(b, cose.Context{Type: wire.LabelContent, AAD: at.ContentAAD(c.Sender)}); err != nil {
		t.Errorf("counter %d: %v", at.Counter, err)
	}
	if len(c.Body) != 7 {
		t.Errorf("counter %d: body of %d bytes", at.Counter, len(c.Body))
	}
}

// A virtual machine that was copied and resumed uses one place twice, with one random generator: the IVs differ, because the
// texts do.
func TestPublishedMessageOfAClone(t *testing.T) {
	v := readVectors(t)
	id := [32]byte(v.Session.ID)
	m, clone := parse(t, v.Messages.Sealed[1]), parse(t, v.Messages.Clone)
	if m.Counter != clone.Counter || m.Chain != clone.Chain {
		t.Error("another place")
	}
	a, err := m.Open(id, v.Messages.PRK)
	if err != nil {
		t.Fatal(err)
	}
	b, err := clone.Open(id, v.Messages.PRK)
	if err != nil || bytes.Equal(a, b) {
		t.Errorf("the same content: %v", err)
	}
	r := make([]byte, 32)
	place := &message.Place{Session: id, Chain: m.Chain, Counter: m.Counter}
	ivs := map[string]bool{}
	for _, content := range [][]byte{a, b} {
		sealed, err := message.Seal(nil, place, v.Messages.PRK, r, content)
		if err != nil {
			t.Fatal(err)
		}
		ivs[string(ivOf(sealed))] = true
	}
	if len(ivs) != 2 {
		t.Error("one key and IV for two texts")
	}
}

// ivOf is the IV of a message with a counter below 24.
func ivOf(sealed []byte) []byte {
	at := bytes.Index(sealed, []byte{0xa1, 5, 0x4c})
	return sealed[at+3:][:12]
}
