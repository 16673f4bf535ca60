package sim

import (
	"slices"

	"github.com/sottokit/sotto/device"
)

// Net carries packets between phones and the server. It loses, doubles, reorders and delays them, and can be cut.
type Net struct {
	w      *World
	flying []packet
	cut    map[*Phone]bool
}

// packet is on its way: a question to the server, or its answer.
type packet struct {
	phone    *Phone // who asked
	toServer bool
	kind     kind
	user     string // whose log or key it is about
	from     uint64 // an ask: the first entry that is wanted
	entries  [][]byte
	keys     map[device.ID][]byte // device-keys of the user, with served
	id       int                  // of the question
}

type kind string

const (
	ask     kind = "ask for the log" // answered by served
	served  kind = "serve the log"   //
	post    kind = "post an entry"   // answered by served
	publish kind = "publish a key"   // not answered
)

// maxFlying bounds the packets on their way; more are lost.
const maxFlying = 64

func (n *Net) send(p packet) {
	if len(n.flying) < maxFlying {
		n.flying = append(n.flying, p)
	}
}

// Cut takes a phone off the network, or puts it back.
func (n *Net) Cut(p *Phone, off bool) {
	if n.cut == nil {
		n.cut = map[*Phone]bool{}
	}
	n.cut[p] = off
}

// Heal puts every phone back on the network.
func (n *Net) Heal() { n.cut = nil }

// Step does something with one packet on its way: delivers it as a rule, or loses it, or delivers it and keeps it to come a
// second time. Which packet it is, is chosen: they overtake each other.
func (n *Net) Step() error {
	i, ok := n.choose()
	if !ok {
		return nil
	}
	p := n.flying[i]
	fate := n.w.Choose("fate of the packet", 6)
	if fate != 1 { // it does not come again
		n.flying = slices.Delete(n.flying, i, i+1)
	}
	if fate == 0 {
		n.w.Trace("lost: %s, %s", p.kind, p.phone)
		return nil
	}
	return n.deliver(p)
}

// Settle delivers everything, answers included, in order and once.
func (n *Net) Settle() error {
	for range 10_000 {
		if len(n.flying) == 0 {
			return nil
		}
		p := n.flying[0]
		n.flying = n.flying[1:]
		if err := n.deliver(p); err != nil {
			return err
		}
	}
	return nil
}

// choose is one of the packets that are not held up by a cut.
func (n *Net) choose() (int, bool) {
	var able []int
	for i, p := range n.flying {
		if !n.cut[p.phone] {
			able = append(able, i)
		}
	}
	if len(able) == 0 {
		return 0, false
	}
	return able[n.w.Choose("packet", len(able))], true
}

func (n *Net) deliver(p packet) error {
	if p.toServer {
		n.answer(p)
		return nil
	}
	return p.phone.receive(p)
}

// answer is what the server does with a packet.
func (n *Net) answer(p packet) {
	s := n.w.Server
	switch p.kind {
	case post:
		s.Post(p.user, p.entries[0])
	case publish:
		s.Publish(p.user, p.phone.id, p.entries[0])
		return
	}
	n.send(packet{
		phone: p.phone, kind: served, user: p.user, from: p.from, id: p.id,
		entries: s.Serve(p.user, p.from), keys: s.Keys(p.user),
	})
}
