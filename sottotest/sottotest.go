// Package sottotest gives an app's own tests accounts that talk over a network in memory. Most people need Pair:
//
//	alice, bob := sottotest.Pair(t)
//	alice.Send(bob.User(), "hello")
//	events := bob.Sync()
//
// The network delivers everything once and in order. Flush and Fetch, which Sync is made of, let a test do worse, and
// Network.Pass lets time go by.
package sottotest

import (
	"context"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/store"
)

// Pair returns two users with a device each, who trust each other and have exchanged everything that a first message needs.
func Pair(t testing.TB) (alice, bob *Peer) {
	t.Helper()
	n := NewNetwork(t)
	alice, bob = n.Create("alice"), n.Create("bob")
	alice.Meet(bob)
	bob.Meet(alice)
	return alice, bob
}

// Peer is an account on a device, connected to a Network. What fails fails the test.
type Peer struct {
	*sotto.Account
	Backend store.Backend
	net     *Network
	secret  *lockbox.Secret
}

// Create makes a new user.
func (n *Network) Create(user string) *Peer {
	n.t.Helper()
	p := n.peer()
	var err error
	if p.Account, err = sotto.Create(context.Background(), p.Backend, user, n.options(), p.secret); err != nil {
		n.t.Fatalf("create %s: %v", user, err)
	}
	p.Sync()
	return p
}

// Join makes a further device of the peer's user, takes it into the log, pins whom the peer has pinned, and lets everybody
// see it.
func (p *Peer) Join() *Peer {
	p.net.t.Helper()
	ctx, next := context.Background(), p.net.peer()
	me, err := p.Contact(ctx, p.User())
	p.net.must("own contact", err)
	next.Account, err = sotto.Join(ctx, next.Backend, p.User(), me.Root(), p.net.options(), next.secret)
	p.net.must("join", err)
	record, err := next.Record(ctx)
	p.net.must("record", err)
	p.net.must("admit", p.Admit(ctx, record))
	p.Sync()
	next.Sync()
	for _, user := range p.net.users {
		if _, err := p.Contact(ctx, user); err == nil && user != p.User() {
			_, err := next.Trust(ctx, user, p.net.logs[user])
			p.net.must("trust", err)
		}
	}
	p.net.SyncAll()
	return next
}

// Link makes a further device of the peer's user as people do: the new one scans what the peer shows, and the digits on it are
// typed into the peer. What was chosen has arrived when it returns.
func (p *Peer) Link(c link.Choice) *Peer {
	n := p.net
	n.t.Helper()
	ctx, next := context.Background(), n.peer()
	offer, err := p.OfferLink(ctx, c)
	n.must("offer", err)
	joining, err := link.Scan(offer.QR(), n.now)
	n.must("scan", err)
	toOld := func(message []byte) {
		n.t.Helper()
		answer, err := offer.Receive(ctx, message)
		n.must("message of the new device", err)
		if answer != nil {
			_, err = joining.Receive(answer, n.now)
			n.must("message of the old device", err)
		}
	}
	served := func() []byte {
		n.t.Helper()
		l, err := device.Verify(p.User(), n.logs[p.User()])
		n.must("log", err)
		m4, err := joining.Served(l, n.now)
		n.must("log for the new device", err)
		return m4
	}
	m1, err := joining.Join(device.Classical, n.now)
	n.must("join", err)
	toOld(m1)
	m3, err := offer.Confirm(ctx, joining.Digits())
	n.must("digits", err)
	_, err = joining.Receive(m3, n.now)
	n.must("digits typed", err)
	toOld(served())
	p.Sync()
	nonce := [32]byte{1}
	m5, err := offer.Admitted(ctx, nonce, nil)
	n.must("admitted", err)
	_, err = joining.Receive(m5, n.now)
	n.must("log entry", err)
	served()
	next.Account, err = sotto.Link(ctx, next.Backend, joining, n.logs[p.User()], n.options(), next.secret)
	n.must("link", err)
	registration, err := next.Register(ctx, "server", nonce)
	n.must("register", err)
	m7, err := joining.Registered(registration, n.now)
	n.must("registered", err)
	toOld(m7)
	n.SyncAll()
	return next
}

// Recover makes a new device of a user who has nothing left but the recovery key, and lets the network have it.
func (n *Network) Recover(user string, key *recovery.Key) *Peer {
	n.t.Helper()
	p := n.peer()
	var err error
	p.Account, err = sotto.Recover(context.Background(), p.Backend, user, n.logs[user], key, n.options(), p.secret)
	n.must("recover", err)
	p.Sync()
	return p
}

func (n *Network) peer() *Peer {
	key, err := cose.GenerateKey(cose.A256GCM)
	n.must("key", err)
	p := &Peer{Backend: store.Memory(), net: n, secret: lockbox.Wrapped(key)}
	n.peers = append(n.peers, p)
	return p
}

func (n *Network) options() *sotto.Options {
	return &sotto.Options{Now: func() time.Time { return n.now }}
}

// Restart locks the account and unlocks it again, as when the app was closed. Backend may be replaced before.
func (p *Peer) Restart() {
	p.net.t.Helper()
	p.Lock()
	a, err := sotto.Unlock(context.Background(), p.Backend, p.net.options(), p.secret)
	p.net.must("unlock", err)
	p.Account = a
}

// Meet pins the log of another user, as the server has it, and takes what the network has. What comes out is for Sync.
func (p *Peer) Meet(other *Peer) {
	p.net.t.Helper()
	_, err := p.Trust(context.Background(), other.User(), p.net.logs[other.User()])
	p.net.must("trust", err)
	p.receive()
}

// Conversation returns the conversation with a user, the own one for notes.
func (p *Peer) Conversation(user string) *sotto.Conversation {
	p.net.t.Helper()
	contact, err := p.Contact(context.Background(), user)
	p.net.must("contact", err)
	c, err := p.Direct(context.Background(), contact)
	p.net.must("conversation", err)
	return c
}

// Send seals a text for a user and delivers it.
func (p *Peer) Send(user, text string) sotto.MessageID {
	p.net.t.Helper()
	id := sotto.NewMessageID()
	_, err := p.Conversation(user).Seal(context.Background(), id, "text/plain", []byte(text))
	p.net.must("seal", err)
	p.Flush()
	return id
}

// NewGroup makes a group with other users, whom the peer has met, and delivers it.
func (p *Peer) NewGroup(others ...*Peer) *sotto.Group {
	p.net.t.Helper()
	ctx := context.Background()
	var members []*sotto.Contact
	for _, other := range others {
		c, err := p.Contact(ctx, other.User())
		p.net.must("contact", err)
		members = append(members, c)
	}
	g, err := p.CreateGroup(ctx, members...)
	p.net.must("group", err)
	p.Flush()
	return g
}

// Say seals a text for a group that the peer knows, and delivers it.
func (p *Peer) Say(id device.Hash, text string) sotto.MessageID {
	p.net.t.Helper()
	g, err := p.Group(context.Background(), id)
	p.net.must("group", err)
	m := sotto.NewMessageID()
	_, err = g.Seal(context.Background(), m, "text/plain", []byte(text))
	p.net.must("seal", err)
	p.Flush()
	return m
}

// Flush hands everything that is pending to the network.
func (p *Peer) Flush() {
	p.net.t.Helper()
	parcels, err := p.Pending(context.Background())
	p.net.must("pending", err)
	for _, parcel := range parcels {
		p.net.post(p.User(), parcel)
		p.net.must("delivered", p.Delivered(context.Background(), parcel))
	}
}

// Fetch returns what the network has for this device: what is new in the logs of everybody whom it knows, the newest
// device-keys, and what waits in its queue, which is emptied.
func (p *Peer) Fetch() [][]byte {
	p.net.t.Helper()
	var in [][]byte
	for _, user := range p.net.users {
		c, err := p.Contact(context.Background(), user)
		if err != nil && user != p.User() {
			continue
		}
		held := 0
		if err == nil {
			log, err := c.Log(context.Background())
			p.net.must("log", err)
			held = len(log)
		}
		in = append(in, p.net.logs[user][min(held, len(p.net.logs[user])):]...)
		in = append(in, p.net.keysOf(user)...)
	}
	groups, err := p.Groups(context.Background())
	p.net.must("groups", err)
	for _, g := range groups {
		state, err := g.State(context.Background())
		p.net.must("group", err)
		chain := p.net.chains[g.ID()]
		in = append(in, chain[min(int(state.Epoch)+1, len(chain)):]...)
	}
	in = append(in, p.net.queues[p.Device()]...)
	delete(p.net.queues, p.Device())
	return in
}

// Sync flushes, receives everything that the network has, does what time asks for, and flushes again. It returns the
// messages and notices that were not returned yet, acknowledged, and every event that says that something is wrong.
func (p *Peer) Sync() []sotto.Event {
	p.net.t.Helper()
	ctx := context.Background()
	p.Flush()
	wrong := p.receive()
	unread, err := p.Unread(ctx)
	p.net.must("unread", err)
	p.net.must("ack", p.Ack(ctx, unread...))
	p.net.must("upkeep", p.Upkeep(ctx, true))
	p.Flush()
	return append(unread, wrong...)
}

// maxRounds bounds how often what comes may need something more.
const maxRounds = 8

// bring fetches what events need of groups and of users who are new, and reports whether that was anything. Key requests go to
// all devices; the answers come with a later Sync.
func (p *Peer) bring(events []sotto.Event) (in [][]byte, asked bool) {
	p.net.t.Helper()
	ctx := context.Background()
	for _, e := range events {
		for _, n := range e.Needs {
			switch {
			case n.Request != nil:
				p.net.ask(p, n.Request)
			case n.GroupOf != nil:
				chain := p.net.chains[*n.GroupOf]
				in = append(in, chain[min(int(n.FromSeq), len(chain)):]...)
			case n.LogOf != "" && p.net.logs[n.LogOf] != nil:
				if _, err := p.Contact(ctx, n.LogOf); err == nil {
					continue // the next Sync brings it
				}
				_, err := p.Trust(ctx, n.LogOf, p.net.logs[n.LogOf])
				p.net.must("trust", err)
				in, asked = append(in, p.net.keysOf(n.LogOf)...), true
			}
		}
	}
	return in, asked || in != nil
}

// settled leaves out events of inputs that came once more, and those that waited for what is here now.
func settled(events, more []sotto.Event) (left []sotto.Event) {
	again := map[[32]byte]bool{}
	for _, e := range more {
		again[e.ID] = true
	}
	for _, e := range events {
		if !again[e.ID] {
			e.Needs = nil
			left = append(left, e)
		}
	}
	return left
}

// receive takes what the network has and returns what cannot be used.
func (p *Peer) receive() (wrong []sotto.Event) {
	p.net.t.Helper()
	events, err := p.Receive(context.Background(), p.Fetch()...)
	p.net.must("receive", err)
	for range maxRounds {
		needed, asked := p.bring(events)
		if !asked {
			break
		}
		more, err := p.Receive(context.Background(), needed...)
		p.net.must("receive", err)
		events = append(settled(events, more), more...)
	}
	for _, e := range events {
		if e.Why != 0 && isInput(e.Kind) {
			wrong = append(wrong, e)
		}
	}
	return wrong
}

// isInput reports whether an event is about an input. Notices are in the inbox.
func isInput(k sotto.Kind) bool {
	switch k {
	case sotto.KindMessage, sotto.KindSession, sotto.KindLog, sotto.KindKey, sotto.KindRequest, sotto.KindGroup, sotto.KindHistory,
		sotto.KindContact, sotto.KindUnknown:
		return true
	}
	return false
}

// String returns the user and the start of the device's ID, for messages of a test.
func (p *Peer) String() string { return p.User() + "/" + p.Device().String()[:8] }
