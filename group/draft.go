package group

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/groupentry"
)

// draft is a State in the making. Entries are put in their places, then finish judges.
type draft struct {
	State
	logs    Logs
	trusted bool // entries were verified before: no log and no signature is looked at
	aside   bool // entries go to side branches, whatever they are
	scratch bool // the chain is verified from its first entry on, and nothing of it counted here before
	cur     *cursor
	places  map[device.Hash]*node // of the side entries
	parents map[*node]bool        // which of those have an entry on top
	leaves  int                   // how many have none
	living  map[signer]bool
	checks  *checks
}

func (s *State) draft(logs Logs) *draft {
	d := &draft{State: *s, logs: logs, living: map[signer]bool{}, places: map[device.Hash]*node{}, parents: map[*node]bool{}}
	if len(s.trunk) > 0 {
		d.cur = s.cursor()
	} else {
		d.cur = &cursor{acted: map[identity]uint64{}}
	}
	d.trunk, d.side = slices.Clip(s.trunk), slices.Clip(s.side) // what is appended is nobody else's
	for _, n := range s.side {
		d.index(n)
	}
	return d
}

// index notes an entry on a side branch.
func (d *draft) index(n *node) {
	d.places[n.hash] = n
	if d.onTrunk(n.parent) || d.parents[n.parent] {
		d.leaves++
	}
	d.parents[n.parent] = true
}

// maxOpen bounds the side branches while entries are taken, before those that do not count are dropped.
const maxOpen = 16 * MaxBranches

// place puts an entry into the tree, if it may stand there.
func (d *draft) place(b []byte) error {
	n, err := d.read(b)
	if err != nil || n == nil {
		return err
	}
	if n.Epoch > 0 {
		d.cur.to(n.parent)
	}
	if n.changes, err = d.cur.decide(&n.Entry); err != nil {
		return err
	}
	if err := d.checkResolve(n); err != nil {
		return err
	}
	n.signer = signer{d.actor(n), device.CertID(n.Cert)}
	if seq, acted := d.cur.acted[n.signer.identity]; acted {
		if n.Seq < seq {
			return fmt.Errorf("device log of the actor is older than at his last entry: %w", fault.Rollback)
		}
		n.before = &seq
	}
	d.cur.do(n)
	if !d.trusted {
		if d.cur.digest() != n.Members {
			return fmt.Errorf("digest is not that of the members: %w", fault.Malformed)
		}
		if err := d.checkSigner(n); err != nil {
			return err
		}
	}
	n.owner = d.owner(n)
	return d.attach(n)
}

// attach adds a verified entry: to the trunk if it is the next one there and counts at once, else to a side branch, until it
// is judged.
func (d *draft) attach(n *node) error {
	if n.parent == nil || !d.aside && n.parent == d.newest() && !d.parents[n.parent] && d.lives(n.signer) {
		d.trunk = append(d.trunk, n)
		return nil
	}
	d.side = append(d.side, n)
	d.index(n)
	if d.leaves > maxOpen {
		return fmt.Errorf("more than %d branches: %w", maxOpen, fault.OverLimit)
	}
	return nil
}

// read decodes an entry and finds the one that it stands on. It returns nil for one that is known.
func (d *draft) read(b []byte) (*node, error) {
	s, err := groupentry.Parse(b)
	if err != nil {
		return nil, err
	}
	n := &node{Signed: *s, hash: hashOf(b)}
	known := n.Epoch < uint64(len(d.trunk)) && d.trunk[n.Epoch].hash == n.hash || d.places[n.hash] != nil
	if known {
		return nil, nil
	}
	n.b = slices.Clone(b)
	switch {
	case n.Group != d.id:
		return nil, fmt.Errorf("of another group: %w", fault.Malformed)
	case n.Epoch >= MaxEntries:
		return nil, fmt.Errorf("more than %d entries: %w", MaxEntries, fault.OverLimit)
	case n.Epoch == 0 && len(d.trunk) > 0:
		return nil, fmt.Errorf("begins the group a second time: %w", fault.Malformed)
	case n.Epoch == 0 && groupentry.ID(n.Actor, *n.Root, *n.Nonce) != d.id:
		return nil, fmt.Errorf("group ID is not that of its first entry: %w", fault.Malformed)
	case n.Epoch == 0:
		return n, nil
	}
	n.parent, err = d.parent(n)
	return n, err
}

// parent is the entry that n names as the one before.
func (d *draft) parent(n *node) (*node, error) {
	if n.Epoch <= uint64(len(d.trunk)) && d.trunk[n.Epoch-1].hash == n.Prev {
		return d.trunk[n.Epoch-1], nil
	}
	if p := d.places[n.Prev]; p != nil && p.Epoch+1 == n.Epoch {
		return p, nil
	}
	if d.lookup(n.Prev) != nil {
		return nil, fmt.Errorf("epoch is not the next one: %w", fault.Malformed)
	}
	return nil, fmt.Errorf("entry before it is not known: %w", fault.TooFarAhead)
}

// checkResolve checks that a resolve names the first entry of another branch, which parts from its own one below it.
func (d *draft) checkResolve(n *node) error {
	if n.Op != groupentry.Resolve || d.trusted {
		return nil
	}
	rejected := d.lookup(*n.Root)
	switch {
	case rejected == nil:
		return fmt.Errorf("entry that it rejects is not known: %w", fault.TooFarAhead)
	case n.parent.above(rejected) || !n.parent.above(rejected.parent):
		return fmt.Errorf("rejects no branch beside its own: %w", fault.Malformed)
	}
	return nil
}

// actor is the member who signed, with the root that he is a member under. It is called before the change is made.
func (d *draft) actor(n *node) identity {
	if n.Op == groupentry.Create {
		return identity{n.Actor, *n.Root}
	}
	return d.cur.find(n.Actor).identity()
}

// owner is that of the group after an entry, whose change is made. Its ends are nobody's.
func (d *draft) owner(n *node) identity {
	switch {
	case len(d.cur.members) == 0:
		return identity{}
	case n.Op == groupentry.Create, n.Op == groupentry.Transfer:
		return identity{*n.User, *n.Root}
	default:
		return n.parent.owner
	}
}

// checkSigner finds the device that signed, as its log was then, and has the signature checked.
func (d *draft) checkSigner(n *node) error {
	log := d.logs.find(n.signer.identity)
	if log != nil && log.User() != n.Actor {
		return fmt.Errorf("log of another user: %w", fault.Misuse)
	}
	record, err := log.ActiveAt(n.signer.cert, device.Pin{Root: n.signer.root, Head: n.Head, Seq: n.Seq})
	if errors.Is(err, fault.TooFarAhead) {
		return &LogError{User: n.Actor, Root: n.signer.root, Seq: n.Seq}
	}
	if err != nil {
		return err
	}
	return d.checks.add(n, record)
}

// lives reports whether a device is active in the newest log of its user. While that log is not at hand it is what it was.
func (d *draft) lives(by signer) bool {
	live, known := d.living[by]
	if known {
		return live
	}
	if log := d.logs.find(by.identity); log != nil && log.User() == by.user {
		live = log.Standing(by.cert) == nil
	} else {
		live = !d.dead[by]
	}
	d.living[by] = live
	return live
}

// finish judges the branches and returns the State.
func (d *draft) finish() (*State, error) {
	d.dead, d.verdict, d.status = maps.Clone(d.dead), nil, Active
	if d.newest().ends() {
		d.status = Ended
	}
	if len(d.side) > 0 {
		d.cur.encoded = nil // the walks to come need no digest
		d.judge()
		if d.scratch { // from here on it is a state like any other, which judges the same again
			d.scratch = false
			d.judge()
		}
		for before := 0; before != len(d.side); { // what is dropped may have had a say
			before = len(d.side)
			if err := d.trim(); err != nil {
				return nil, err
			}
			d.judge()
		}
	}
	d.keepDead()
	d.cur.to(d.newest())
	next := d.State
	next.tip = *d.cur
	return &next, nil
}

// keepDead remembers which of the devices that were looked at are revoked, while there are branches to judge again.
func (d *draft) keepDead() {
	d.dead = map[signer]bool{}
	for by, live := range d.living {
		if !live && len(d.side) > 0 && len(d.dead) < maxDead {
			d.dead[by] = true
		}
	}
}

// maxDead bounds the revoked devices that are remembered. One that is not counts as active until its log is at hand again.
const maxDead = 256
