package sottotest

import (
	"crypto/sha256"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
)

// Network is a server in memory and the clock of everybody on it: it keeps the log of each user, the newest device-key of
// each device, the chain of each group, and a queue for each device.
type Network struct {
	t      testing.TB
	now    time.Time
	users  []string
	logs   map[string][][]byte
	keys   map[device.ID][]byte
	chains map[device.Hash][][]byte
	queues map[device.ID][][]byte
	peers  []*Peer
}

// NewNetwork returns one without users.
func NewNetwork(t testing.TB) *Network {
	return &Network{
		t: t, now: time.Unix(1_800_000_000, 0), logs: map[string][][]byte{}, keys: map[device.ID][]byte{},
		queues: map[device.ID][][]byte{}, chains: map[device.Hash][][]byte{},
	}
}

// Network returns what the peer is connected to.
func (p *Peer) Network() *Network { return p.net }

// Pass lets time go by.
func (n *Network) Pass(d time.Duration) { n.now = n.now.Add(d) }

// SyncAll lets every peer sync, in the order in which they were made, and returns what each one got.
func (n *Network) SyncAll() map[*Peer][]sotto.Event {
	n.t.Helper()
	all := map[*Peer][]sotto.Event{}
	for range 2 { // what one answers in the first round the other gets in the second
		for _, p := range n.peers {
			if p.Account != nil {
				all[p] = append(all[p], p.Sync()...)
			}
		}
	}
	return all
}

// post takes a parcel, as a server does: the entry of a log or of a group only where it extends that, a device-key only when
// it is newer.
func (n *Network) post(user string, p sotto.Parcel) {
	n.t.Helper()
	switch p.Kind {
	case sotto.ParcelLog:
		n.postEntry(user, p.Data)
	case sotto.ParcelKey:
		n.postKey(user, p.Data)
	case sotto.ParcelGroup:
		n.postGroup(p.Data)
	default:
		for _, id := range p.To {
			n.queues[id] = append(n.queues[id], p.Data)
		}
	}
}

// ask hands a key request of a peer to every other device.
func (n *Network) ask(from *Peer, request []byte) {
	for _, p := range n.peers {
		if p != from && p.Account != nil {
			n.queues[p.Device()] = append(n.queues[p.Device()], request)
		}
	}
}

func (n *Network) postEntry(user string, entry []byte) {
	log, known := n.logs[user]
	if _, err := device.Verify(user, append(slices.Clone(log), entry)); err != nil {
		return // another entry came first
	}
	if !known {
		n.users = append(n.users, user)
	}
	n.logs[user] = append(slices.Clone(log), entry)
}

func (n *Network) postGroup(entry []byte) {
	n.t.Helper()
	claim, err := group.Inspect(entry)
	n.must("entry of a group", err)
	chain := n.chains[claim.Group]
	if uint64(len(chain)) != claim.Epoch || len(chain) > 0 && device.Hash(sha256.Sum256(chain[len(chain)-1])) != claim.Prev {
		return // another entry came first
	}
	n.chains[claim.Group] = append(chain, entry)
}

func (n *Network) postKey(user string, key []byte) {
	n.t.Helper()
	l, err := device.Verify(user, n.logs[user])
	n.must("log on the server", err)
	cert, _, err := device.KeyClaim(key)
	n.must("device-key", err)
	r, err := l.Find(cert)
	if err != nil {
		return
	}
	var last *device.Seen
	if held, err := l.AcceptKey(r.ID(), n.keys[r.ID()], nil); err == nil {
		seen := held.Seen()
		last = &seen
	}
	if _, err := l.AcceptKey(r.ID(), key, last); err == nil || errors.Is(err, fault.TooFarAhead) {
		n.keys[r.ID()] = key
	}
}

// keysOf returns the newest device-keys of a user's devices.
func (n *Network) keysOf(user string) [][]byte {
	l, err := device.Verify(user, n.logs[user])
	n.must("log on the server", err)
	var keys [][]byte
	for _, r := range l.Active() {
		if key := n.keys[r.ID()]; key != nil {
			keys = append(keys, key)
		}
	}
	return keys
}

func (n *Network) must(what string, err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatalf("%s: %v", what, err)
	}
}
