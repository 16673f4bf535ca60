package group_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/groupentry"
	"github.com/sottokit/sotto/internal/wire"
)

var wantFault = faulttest.Want

// start is when everything begins.
var start = time.Unix(1_800_000_000, 0)

const (
	alice = "alice"
	bob   = "bob"
	carol = "carol"
	dave  = "dave"
)

// world is people with devices, and their logs as a server has them.
type world struct {
	testing.TB
	people map[string]*person
	serial uint64
}

// person is a user. Devices that were revoked are still in keys.
type person struct {
	user    string
	keys    []*device.Keys
	entries [][]byte
	log     *device.Log
}

func newWorld(t testing.TB, users ...string) *world {
	w := &world{TB: t, people: map[string]*person{}}
	for _, u := range users {
		w.found(u)
	}
	return w
}

// found makes a user with a first device. A user who was there before is reset: he has another root from now on.
func (w *world) found(user string) *person {
	w.Helper()
	k := must(device.Generate(user, device.Classical, start))
	root := must(k.Found(nil, start))
	p := &person{user: user, keys: []*device.Keys{k}, entries: [][]byte{root}, log: must(device.Verify(user, [][]byte{root}))}
	must(k.Settle(p.log))
	w.people[user] = p
	return p
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (p *person) root() device.Hash { return p.log.Pin().Root }

// first is the first device.
func (p *person) first() *device.Keys { return p.keys[0] }

func (p *person) take(by *device.Keys, entry []byte) {
	p.entries = append(p.entries, entry)
	p.log = must(p.log.Extend([][]byte{entry}))
	must(by.Settle(p.log))
}

// add adds a device and returns its keys.
func (w *world) add(user string) *device.Keys {
	w.Helper()
	p := w.people[user]
	k := must(device.Generate(user, device.Classical, start))
	by := p.active()[0]
	p.take(by, must(p.log.Add(by, k.Record(), start)))
	p.keys = append(p.keys, k)
	return k
}

// active are the keys of the devices that are active.
func (p *person) active() []*device.Keys {
	return slices.DeleteFunc(slices.Clone(p.keys), func(k *device.Keys) bool { return p.log.Standing(k.Record().Cert()) != nil })
}

// revoke revokes a device; another one of the same user signs.
func (w *world) revoke(k *device.Keys) {
	w.Helper()
	p := w.people[k.Record().User()]
	for _, by := range p.active() {
		if by != k {
			p.take(by, must(p.log.Revoke(by, k.Record().ID(), start)))
			return
		}
	}
	w.Fatal("no other device")
}

// logs are the newest ones.
func (w *world) logs(user string, root device.Hash) *device.Log {
	if p := w.people[user]; p != nil && p.root() == root {
		return p.log
	}
	return nil
}

// snapshot is what the logs are now, whatever comes.
func (w *world) snapshot() group.Logs {
	then := map[string]*device.Log{}
	for user, p := range w.people {
		then[user] = p.log
	}
	return func(user string, root device.Hash) *device.Log {
		if l := then[user]; l != nil && l.Pin().Root == root {
			return l
		}
		return nil
	}
}

// chain is entries that stand on each other.
type chain struct {
	*world
	id      device.Hash
	entries [][]byte
}

// create makes a group of a user's.
func (w *world) create(user string) *chain {
	w.Helper()
	p := w.people[user]
	s, b, err := group.Create(p.first(), p.log, start)
	if err != nil {
		w.Fatal(err)
	}
	return &chain{w, s.ID(), [][]byte{b}}
}

// fork is the chain up to an entry.
func (c *chain) fork(epoch int) *chain {
	return &chain{c.world, c.id, slices.Clone(c.entries[:epoch+1])}
}

func (c *chain) state() *group.State {
	c.Helper()
	s, err := group.Verify(c.id, c.entries, c.logs)
	if err != nil {
		c.Fatal(err)
	}
	return s
}

// put has a device sign changes on the end of the chain. Rights are not checked. The digest is that of members, which
// follows from the chain.
func (c *chain) put(k *device.Keys, change group.Change) device.Hash {
	c.Helper()
	b, err := c.propose(k, change)
	if err != nil {
		c.Fatal(err)
	}
	c.entries = append(c.entries, b...)
	return hashOf(c.entries[len(c.entries)-1])
}

// extra are entries of other branches, which a resolve may name.
func (c *chain) propose(k *device.Keys, changes ...group.Change) ([][]byte, error) {
	c.Helper()
	p := c.people[k.Record().User()]
	c.serial++
	return c.state().Propose(k, p.log, start.Add(time.Duration(c.serial)*time.Second), changes...)
}

func (c *chain) last() []byte { return c.entries[len(c.entries)-1] }

func (c *chain) tip() device.Hash { return hashOf(c.last()) }

func hashOf(b []byte) device.Hash { return sha256.Sum256(b) }

// join adds members.
func (c *chain) join(k *device.Keys, users ...string) *chain {
	c.Helper()
	for _, u := range users {
		c.put(k, group.Add(u, c.people[u].root()))
	}
	return c
}

// signerOf is a device's key as it signs whatever a test wants.
func signerOf(t testing.TB, k *device.Keys) *cose.Signer {
	t.Helper()
	state := must(k.ExportSecretState())
	r := wire.NewReader(state)
	r.Array("state", 16)
	r.Text("label", 64)
	r.Bytes("record", 4096)
	seed := r.Bytes("seed", 64)
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	cert := k.Record().Cert()
	return must(cose.NewSigner(ed25519.NewKeyFromSeed(seed), cert[:]))
}

// fields are the payload of an entry.
func fields(t testing.TB, b []byte) *groupentry.Entry {
	t.Helper()
	s, err := groupentry.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return &s.Entry
}

// signed is an entry of any fields.
func signed(t testing.TB, by *cose.Signer, e *groupentry.Entry) []byte {
	t.Helper()
	payload := must(wire.Marshal(e))
	return must(by.Sign1(nil, payload, cose.Context{Type: wire.LabelGroupState, AAD: groupentry.AAD(e.Group)}))
}

// rawSign signs any bytes.
func rawSign(by *cose.Signer, message []byte) []byte {
	return ed25519.Sign(ed25519.NewKeyFromSeed(must(by.ExportSecretSeed())), message)
}
