package sotto_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
)

func sum(b []byte) [32]byte { return sha256.Sum256(b) }

// start is when a network begins.
var start = time.Unix(1_800_000_000, 0)

// person is a user without an account: what his devices sign is up to the test.
type person struct {
	t       testing.TB
	user    string
	keys    *device.Keys // the first device
	log     *device.Log
	entries [][]byte
	chains  session.Chains
}

func newPerson(t testing.TB, user string, r *recovery.Key) *person {
	t.Helper()
	p := &person{t: t, user: user, keys: must(device.Generate(user, device.Classical, start))}
	p.entries = [][]byte{must(p.keys.Found(r, start))}
	p.settle(p.keys)
	return p
}

func (p *person) settle(k *device.Keys) {
	p.t.Helper()
	p.log = must(device.Verify(p.user, p.entries))
	must(k.Settle(p.log))
}

// branch is the same person with the same entries, who goes on differently.
func (p *person) branch() *person {
	p.t.Helper()
	b := &person{t: p.t, user: p.user, entries: append([][]byte(nil), p.entries...)}
	b.keys = must(device.ParseKeys(must(p.keys.ExportSecretState())))
	b.log = must(device.Verify(p.user, b.entries))
	return b
}

// put signs an entry with the first device.
func (p *person) put(entry []byte, err error) []byte {
	p.t.Helper()
	p.entries = append(p.entries, must(entry, err))
	p.settle(p.keys)
	return entry
}

// add makes another device and returns the entry that takes it in.
func (p *person) add() (*device.Keys, []byte) {
	p.t.Helper()
	k := must(device.Generate(p.user, device.Classical, start))
	return k, p.put(p.log.Add(p.keys, k.Record(), start))
}

func (p *person) revoke(k *device.Keys) []byte {
	p.t.Helper()
	return p.put(p.log.Revoke(p.keys, k.Record().ID(), start))
}

// rotate returns a new device-key of a device.
func (p *person) rotate(k *device.Keys) []byte {
	p.t.Helper()
	return must(k.Rotate(p.log, nil, start))
}

// known are what a person sees of an account on the network: its log and the messaging key of its device.
type known struct {
	log *device.Log
	key *device.MessagingKey
}

// seen is an account as its log of one entry and its device-key show it.
func seen(t testing.TB, root, key []byte) known {
	t.Helper()
	l := must(device.Verify("alice", [][]byte{root}))
	return known{l, must(l.AcceptKey(l.Active()[0].ID(), key, nil))}
}

func see(t testing.TB, p *sottotest.Peer) known {
	t.Helper()
	contact := must(p.Contact(background, p.User()))
	l := must(device.Verify(p.User(), must(contact.Log(background))))
	for _, b := range p.Fetch() {
		if m, err := l.AcceptKey(p.Device(), b, nil); err == nil {
			return known{l, m}
		}
	}
	t.Fatal("no messaging key on the network")
	return known{}
}

// begin makes a session of a device of the person with the account, and its envelope.
func (p *person) begin(k *device.Keys, with known, now time.Time) (*session.Session, []byte) {
	p.t.Helper()
	c := must(session.Direct(
		session.Member{User: p.user, Root: p.log.Pin().Root}, session.Member{User: with.log.User(), Root: with.log.Pin().Root},
	))
	logs := session.Logs{p.user: p.log, with.log.User(): with.log}
	s := must(session.Begin(k, c, session.DefaultPolicy(), nil, now, logs))
	return s, must(s.SealTo(with.key))
}

// write is a message of a device of the person.
func (p *person) write(k *device.Keys, s *session.Session, text string) []byte {
	p.t.Helper()
	b, _, err := p.chains.Seal(nil, s, k, session.Content{Sent: start, Type: "text/plain", Body: []byte(text)})
	return must(b, err)
}

// placeOf reads where a message stands off its headers (RFC 9052 §5.2).
func placeOf(t testing.TB, message []byte) place {
	t.Helper()
	r := wire.NewReader(message)
	r.Tag("message")
	r.Array("message", 4)
	header := wire.NewReader(r.Bytes("protected", 4096))
	var at place
	for range header.Map("protected", 16) {
		switch header.Int("label") {
		case 4:
			at.kid = string(header.Bytes("kid", 64))
		case -70005:
			at.counter = header.Int("counter")
		default:
			header.Raw("header")
		}
	}
	r.Map("unprotected", 16)
	r.Int("label")
	at.iv = string(r.Bytes("iv", 64))
	ok(t, r.Err())
	ok(t, header.Err())
	return at
}
