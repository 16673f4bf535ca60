package sotto_test

import (
	"bytes"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/groupentry"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
)

// circle is a group of persons and accounts, whose entries are up to the test.
type circle struct {
	t       testing.TB
	id      device.Hash
	chain   [][]byte // in an order in which each follows the one before it
	persons map[string]*person
	keys    []*device.MessagingKey // that sessions are sealed to: of the accounts
	others  session.Logs           // of the accounts
}

// newCircle is a group of a person's.
func newCircle(t testing.TB, owner *person, others ...*person) *circle {
	t.Helper()
	c := &circle{t: t, persons: map[string]*person{}, others: session.Logs{}}
	for _, p := range append(others, owner) {
		c.persons[p.user] = p
	}
	s, first, err := group.Create(owner.keys, owner.log, start)
	ok(t, err)
	c.id, c.chain = s.ID(), [][]byte{first}
	return c
}

// know lets sessions be for an account, too.
func (c *circle) know(accounts ...*sottotest.Peer) {
	c.t.Helper()
	for _, p := range accounts {
		k := see(c.t, p)
		c.others[p.User()] = k.log
		c.keys = append(c.keys, k.key)
	}
}

func (c *circle) log(user string) *device.Log {
	if p := c.persons[user]; p != nil {
		return p.log
	}
	return c.others[user]
}

// logs are the newest ones.
func (c *circle) logs(user string, root device.Hash) *device.Log {
	if l := c.log(user); l != nil && l.Pin().Root == root {
		return l
	}
	return nil
}

// root is the identity of somebody.
func (c *circle) root(user string) device.Hash { return c.log(user).Pin().Root }

// state is the group as its chain has it.
func (c *circle) state() *group.State {
	c.t.Helper()
	return must(group.Verify(c.id, c.chain, c.logs))
}

// put has a person's first device sign changes at the end of the chain, and returns their entries.
func (c *circle) put(by string, changes ...group.Change) [][]byte {
	c.t.Helper()
	p := c.persons[by]
	entries := must(c.state().Propose(p.keys, p.log, start, changes...))
	c.chain = append(c.chain, entries...)
	return entries
}

// add takes users in, one entry each.
func (c *circle) add(by string, users ...string) [][]byte {
	c.t.Helper()
	var all [][]byte
	for _, user := range users {
		all = append(all, c.put(by, group.Add(user, c.root(user)))...)
	}
	return all
}

func (c *circle) tip() device.Hash { return sum(c.chain[len(c.chain)-1]) }

// branch is the same group up to an epoch, to go on differently.
func (c *circle) branch(epoch int) *circle {
	b := *c
	b.chain = slices.Clone(c.chain[:epoch+1])
	return &b
}

// session is one that alice begins for the members after an entry.
func (c *circle) session(entry device.Hash) *session.Session {
	c.t.Helper()
	return c.begin(c.persons["alice"].keys, entry)
}

func (c *circle) begin(k *device.Keys, entry device.Hash) *session.Session {
	c.t.Helper()
	return must(session.Begin(k, c.place(entry), session.DefaultPolicy(), nil, start, c.memberLogs(entry)))
}

// sealed is a session that a device begins for the members after an entry, and its envelope for the accounts.
func (c *circle) sealed(k *device.Keys, entry device.Hash) (*session.Session, []byte) {
	c.t.Helper()
	s := c.begin(k, entry)
	return s, must(s.SealTo(c.keysOf(s)...))
}

// atTip is a session of a person's first device for the members as they are.
func (c *circle) atTip(by string) (*session.Session, []byte) {
	c.t.Helper()
	return c.sealed(c.persons[by].keys, c.tip())
}

// place is the group after an entry.
func (c *circle) place(entry device.Hash) *session.Conversation {
	c.t.Helper()
	epoch, members, err := c.state().MembersAt(entry)
	ok(c.t, err)
	p := &session.Conversation{ID: c.id, Epoch: epoch, State: &entry}
	for _, m := range members {
		p.Members = append(p.Members, session.Member{User: m.User, Root: m.Root})
	}
	return p
}

func (c *circle) memberLogs(entry device.Hash) session.Logs {
	c.t.Helper()
	logs := session.Logs{}
	for _, m := range c.place(entry).Members {
		logs[m.User] = c.log(m.User)
	}
	return logs
}

// keysOf are the keys of accounts that are in a session.
func (c *circle) keysOf(s *session.Session) []*device.MessagingKey {
	var keys []*device.MessagingKey
	for _, k := range c.keys {
		if _, in := s.Roster().Find(k.Cert()); in {
			keys = append(keys, k)
		}
	}
	return keys
}

// statement is what an honest device would sign at the tip, for a test to change.
func (c *circle) statement(by string) *envelope.Statement {
	c.t.Helper()
	s, _ := c.atTip(by)
	return &must(envelope.ParseSigned(must(s.ExportSecretStatement()))).Statement
}

// statementWith is a statement at the tip as it would be if a member had the identity of somebody else.
func (c *circle) statementWith(p *person) *envelope.Statement {
	c.t.Helper()
	f := c.statement("alice")
	logs := []*device.Log{p.log}
	for i, h := range f.Heads {
		if h.User != p.user {
			logs = append(logs, c.log(h.User))
			continue
		}
		pin := p.log.Pin()
		f.Heads[i] = envelope.Head{User: h.User, Root: pin.Root, Seq: pin.Seq, Head: pin.Head}
	}
	f.Roster = must(device.NewRoster(f.Conversation, f.Epoch, logs...)).Hash()
	return f
}

// forge seals whatever statement to the accounts.
func (c *circle) forge(k *device.Keys, f *envelope.Statement) []byte {
	c.t.Helper()
	return forge(k, f, c.keys)
}

func forge(k *device.Keys, f *envelope.Statement, to []*device.MessagingKey) []byte {
	secret, r := make([]byte, envelope.SecretSize), make([]byte, envelope.SecretSize)
	rand.Read(secret)
	rand.Read(r)
	signed := must(k.SignSession(f, secret))
	var recipients []envelope.Recipient
	for _, m := range to {
		recipients = append(recipients, envelope.Recipient{KeyID: m.ID(), Cert: m.Cert(), Key: m.X25519(), Hybrid: m.Hybrid()})
	}
	cert := k.Record().Cert()
	id := must(envelope.SessionID(f.AppendPayload(nil, secret), cert))
	as := &envelope.Signed{Statement: *f, ID: id, Sender: cert, Secret: secret} // nothing is checked here
	return must(envelope.Seal(as, signed, r, ecdh.Generate(), recipients))
}

// headsOf are the heads of users as they are, and the roster that follows from them.
func (c *circle) headsOf(f *envelope.Statement, users ...string) {
	c.t.Helper()
	var logs []*device.Log
	f.Heads = nil
	slices.Sort(users)
	for _, user := range users {
		pin := c.log(user).Pin()
		logs = append(logs, c.log(user))
		f.Heads = append(f.Heads, envelope.Head{User: user, Root: pin.Root, Seq: pin.Seq, Head: pin.Head})
	}
	f.Roster = must(device.NewRoster(f.Conversation, f.Epoch, logs...)).Hash()
}

// signed is an entry with whatever fields, signed by a device.
func signedEntry(k *device.Keys, like []byte, change func(e *groupentry.Entry)) []byte {
	e := must(groupentry.Parse(like)).Entry
	change(&e)
	return must(k.SignGroupEntry(&e))
}

// trustAll lets an account know persons and their messaging keys.
func trustAll(t testing.TB, account *sottotest.Peer, persons ...*person) {
	t.Helper()
	for _, p := range persons {
		must(account.Trust(background, p.user, p.entries))
		receive(t, account, p.rotate(p.keys))
	}
}

// invited is an account, bob, whom alice has taken into her group with carol; he has not heard of it yet. All are persons
// but bob.
func invited(t testing.TB) (bob *sottotest.Peer, c *circle) {
	t.Helper()
	bob = sottotest.NewNetwork(t).Create("bob")
	alice, carol := newPerson(t, "alice", nil), newPerson(t, "carol", nil)
	trustAll(t, bob, alice, carol)
	c = newCircle(t, alice, carol)
	c.know(bob)
	c.add("alice", "carol", "bob")
	return bob, c
}

// joined is bob after he has joined.
func joined(t testing.TB) (bob *sottotest.Peer, c *circle) {
	t.Helper()
	bob, c = invited(t)
	_, envelope := c.atTip("alice")
	receive(t, bob, append([][]byte{envelope}, c.chain...)...)
	must(bob.Group(background, c.id))
	return bob, c
}

// says is the message of a person's first device in a session.
func (c *circle) says(by string, s *session.Session, text string) []byte {
	c.t.Helper()
	p := c.persons[by]
	return p.write(p.keys, s, text)
}

// pass lets time go by for an account that is on line and whose queue is empty.
func pass(t testing.TB, p *sottotest.Peer, d time.Duration) {
	t.Helper()
	p.Network().Pass(d)
	ok(t, p.Upkeep(background, true))
}

// sameChain reports whether entries are the same.
func sameChain(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }
