package group_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groupentry"
	"github.com/sottokit/sotto/internal/wire"
)

// tree is every entry that anybody ever signed in a group, on whatever branch. Nobody here is bound by what an honest device
// would do: the next entry may stand on any other one, and devices that are revoked sign on.
type tree struct {
	*world
	t       *rapid.T
	id      device.Hash
	nodes   []*leaf
	said    []said
	signers map[*device.Keys]*author
	names   []string
}

// author is a device as it signs, with the log that it knows: its user's, up to where it was revoked itself.
type author struct {
	*cose.Signer
	user string
	cert device.CertID
	log  *device.Log
}

// leaf is an entry in its place, and what is true after it by the rules, computed in another way than package group does.
type leaf struct {
	b       []byte
	hash    device.Hash
	parent  *leaf
	epoch   uint64
	members map[string]group.Member
	acted   map[string]uint64
}

type said struct {
	by    *author
	entry *leaf
}

// grow makes a tree of n facts.
func grow(t *rapid.T, tb testing.TB, n int) *tree {
	names := []string{alice, bob, carol, dave, "erin"}
	w := &tree{world: newWorld(tb, names...), t: t, signers: map[*device.Keys]*author{}, names: names}
	for _, u := range names {
		w.author(w.people[u].first())
		w.author(w.add(u))
	}
	owner := w.signers[w.people[alice].first()]
	root, nonce, role, user := [32]byte(w.people[alice].root()), [16]byte{1}, uint64(groupentry.Owner), alice
	w.id = groupentry.ID(alice, root, nonce)
	w.sign(nil, owner, &groupentry.Entry{Op: groupentry.Create, User: &user, Root: &root, Role: &role, Nonce: &nonce})
	for _, u := range names[1:4] {
		w.change(w.nodes[len(w.nodes)-1], owner, groupentry.Add, u, 0)
	}
	for _, u := range names[1:3] {
		w.change(w.nodes[len(w.nodes)-1], owner, groupentry.Role, u, groupentry.Admin)
	}
	for range n {
		w.step()
	}
	return w
}

func (w *tree) author(k *device.Keys) {
	p := w.people[k.Record().User()]
	w.signers[k] = &author{signerOf(w.TB, k), p.user, k.Record().Cert(), p.log}
}

// step is one thing that happens.
func (w *tree) step() {
	at := w.nodes[len(w.nodes)-1]
	if rapid.IntRange(0, 2).Draw(w.t, "elsewhere") == 0 {
		at = rapid.SampledFrom(w.nodes[3:]).Draw(w.t, "entry")
	}
	if rapid.IntRange(0, 9).Draw(w.t, "revoke") == 0 {
		w.revokeOne()
		return
	}
	users := slices.Sorted(maps.Keys(at.members))
	if len(users) == 0 {
		return
	}
	user := rapid.SampledFrom(users).Draw(w.t, "user")
	by := w.signers[rapid.SampledFrom(w.people[user].keys).Draw(w.t, "device")]
	if rapid.IntRange(0, 3).Draw(w.t, "statement") == 0 {
		w.said = append(w.said, said{by, at})
		return
	}
	if at.members[user].Role == group.RoleOwner && rapid.IntRange(0, 3).Draw(w.t, "resolve") == 0 {
		w.resolve(at, by)
		return
	}
	var possible []*groupentry.Entry
	for _, target := range w.names {
		root := [32]byte(w.people[target].root())
		for op, roles := range [][]uint64{groupentry.Add: {0}, groupentry.Remove: {0}, groupentry.Role: {0, 1}, groupentry.Transfer: {0}} {
			for _, role := range roles {
				e := &groupentry.Entry{Op: uint64(op), Actor: user, User: &target, Root: &root}
				if op == groupentry.Add || op == groupentry.Role {
					e.Role = &role
				}
				if w.allowed(at.members, e) {
					possible = append(possible, e)
				}
			}
		}
	}
	if len(possible) > 0 {
		w.sign(at, by, rapid.SampledFrom(possible).Draw(w.t, "change"))
	}
}

// revokeOne has a user with two devices revoke one of them. The other one knows it at once.
func (w *tree) revokeOne() {
	user := rapid.SampledFrom(w.names).Draw(w.t, "revokes")
	active := w.people[user].active()
	if len(active) < 2 {
		return
	}
	k := rapid.SampledFrom(active).Draw(w.t, "revoked")
	w.revoke(k)
	for _, other := range w.people[user].active() {
		w.signers[other].log = w.people[user].log
	}
}

// change signs an entry if its actor has the right.
func (w *tree) change(at *leaf, by *author, op uint64, target string, role uint64) {
	root := [32]byte(w.people[target].root())
	e := &groupentry.Entry{Op: op, User: &target, Root: &root}
	if op == groupentry.Add {
		role = 0
	}
	if op == groupentry.Add || op == groupentry.Role {
		e.Role = &role
	}
	w.sign(at, by, e)
}

// resolve rejects some branch beside the one of at.
func (w *tree) resolve(at *leaf, by *author) {
	for _, n := range w.nodes {
		if n.parent != nil && at.over(n.parent) && !at.over(n) {
			root := [32]byte(n.hash)
			w.sign(at, by, &groupentry.Entry{Op: groupentry.Resolve, Root: &root})
			return
		}
	}
}

func (l *leaf) over(o *leaf) bool {
	for ; l != nil; l = l.parent {
		if l == o {
			return true
		}
	}
	return false
}

// sign adds an entry, unless it breaks a rule.
func (w *tree) sign(at *leaf, by *author, e *groupentry.Entry) {
	n := &leaf{parent: at, members: map[string]group.Member{}, acted: map[string]uint64{}}
	pin := by.log.Pin()
	e.Group, e.Actor, e.Seq, e.Head, e.Issued = w.id, by.user, pin.Seq, pin.Head, uint64(len(w.nodes))
	if at != nil {
		n.epoch, n.members, n.acted = at.epoch+1, maps.Clone(at.members), maps.Clone(at.acted)
		e.Epoch, e.Prev = n.epoch, at.hash
		if e.Seq < n.acted[by.user] || !w.allowed(n.members, e) {
			return
		}
	}
	apply(n.members, e)
	n.acted[by.user] = e.Seq
	e.Members = digest(n.members)
	n.b = signed(w.TB, by.Signer, e)
	n.hash = hashOf(n.b)
	w.nodes = append(w.nodes, n)
}

// allowed are the rights, once more.
func (w *tree) allowed(m map[string]group.Member, e *groupentry.Entry) bool {
	actor, in := m[e.Actor]
	if !in {
		return false
	}
	if e.Op == groupentry.Resolve {
		return actor.Role == group.RoleOwner
	}
	target, member := m[*e.User]
	switch e.Op {
	case groupentry.Add:
		return actor.Role >= group.RoleAdmin && !member
	case groupentry.Remove:
		if e.Actor == *e.User {
			return actor.Role != group.RoleOwner || !slices.ContainsFunc(slices.Collect(maps.Values(m)), func(o group.Member) bool {
				return o.Role == group.RoleAdmin
			})
		}
		return member && actor.Role > target.Role
	default:
		return actor.Role == group.RoleOwner && member && target.User != e.Actor
	}
}

func apply(m map[string]group.Member, e *groupentry.Entry) {
	switch e.Op {
	case groupentry.Create:
		m[*e.User] = group.Member{User: *e.User, Root: *e.Root, Role: group.RoleOwner}
	case groupentry.Add:
		m[*e.User] = group.Member{User: *e.User, Root: *e.Root}
	case groupentry.Remove:
		if m[*e.User].Role == group.RoleOwner {
			clear(m)
		}
		delete(m, *e.User)
	case groupentry.Role:
		m[*e.User] = group.Member{User: *e.User, Root: *e.Root, Role: group.Role(*e.Role)}
	case groupentry.Transfer:
		m[*e.User] = group.Member{User: *e.User, Root: *e.Root, Role: group.RoleOwner}
		m[e.Actor] = group.Member{User: e.Actor, Root: m[e.Actor].Root, Role: group.RoleAdmin}
	}
}

// digest is that of the members, written in another way.
func digest(m map[string]group.Member) [32]byte {
	var all []any
	for _, user := range slices.Sorted(maps.Keys(m)) {
		all = append(all, []any{user, m[user].Root, uint64(m[user].Role)})
	}
	return sha256.Sum256(must(wire.Marshal([]any{wire.LabelMembers, append([]any{}, all...)})))
}

// replica is one who learns of everything in an order of his own.
type replica struct {
	*tree
	s        *group.State
	logs     group.Logs
	user     string // whose device this is
	caughtUp bool   // all logs are at hand
}

// learn takes one fact if it can be taken now. An entry or log that is missing comes later.
func (r *replica) learn(entry *leaf, statement *said) bool {
	var next *group.State
	var err error
	switch {
	case statement != nil:
		next, err = r.s.Hear(statement.by.user, statement.by.cert, statement.entry.hash, r.logs)
	case r.s == nil:
		next, err = group.Verify(r.id, [][]byte{entry.b}, r.logs)
	default:
		next, err = r.s.Extend([][]byte{entry.b}, r.logs)
	}
	if errors.Is(err, fault.TooFarAhead) {
		return false
	}
	if err != nil {
		r.t.Fatalf("valid fact refused: %v", err)
	}
	r.s = next
	return true
}

// all takes every fact in some order.
func (r *replica) all(name string) {
	r.learn(r.nodes[0], nil)
	entries := rapid.Permutation(r.nodes[1:]).Draw(r.t, name+": entries")
	statements := rapid.Permutation(r.tree.said).Draw(r.t, name+": statements")
	for len(entries)+len(statements) > 0 {
		before := len(entries) + len(statements)
		if len(statements) > 0 && (len(entries) == 0 || rapid.Bool().Draw(r.t, name+": statement")) {
			statements = slices.DeleteFunc(statements, func(s said) bool { return r.learn(nil, &s) })
		} else {
			entries = slices.DeleteFunc(entries, func(n *leaf) bool { return r.learn(n, nil) })
		}
		if len(entries) == 0 && len(statements) == before && r.caughtUp {
			r.t.Fatal("statements of entries that are there are not taken")
		}
		r.caughtUp = r.caughtUp || len(entries)+len(statements) == before
		r.keep()
	}
	r.caughtUp = true
	r.s = must(r.s.Extend(nil, r.logs))
}

// keep stores the state and reads it again.
func (r *replica) keep() {
	kept, err := group.Resume(r.s.ID(), trunk(r.tree, r.s), r.s.Side(), r.s.Heard())
	if err != nil {
		r.t.Fatal(err)
	}
	if show(kept) != show(r.s) {
		r.t.Fatalf("kept\n%s\nof\n%s", show(kept), show(r.s))
	}
	r.s = kept
}

func trunk(w *tree, s *group.State) [][]byte {
	var entries [][]byte
	for epoch := uint64(0); epoch <= s.Epoch(); epoch++ {
		h, _ := s.Entry(epoch)
		entries = append(entries, w.nodes[slices.IndexFunc(w.nodes, func(n *leaf) bool { return n.hash == h })].b)
	}
	return entries
}

// show is all that can be seen of a state.
func show(s *group.State) string {
	branches := s.Branches()
	return fmt.Sprintf("%v %d %v\n%v\n%v", s.Status(), s.Epoch(), s.Tip(), s.Members(), branches)
}

// same checks that all replicas hold the same: the same status, and while the group is not frozen or ended the same trunk.
func (w *tree) same(all []*replica) {
	first := all[0]
	for _, r := range all[1:] {
		if r.s.Status() != first.s.Status() {
			w.t.Fatalf("one holds\n%s\nanother one\n%s", show(first.s), show(r.s))
		}
		if r.s.Status() != group.Active || r.s.Tip() == first.s.Tip() {
			continue
		}
		if !w.speak(first, all) {
			continue
		}
		if r.s.Status() != first.s.Status() || r.s.Status() == group.Active && r.s.Tip() != first.s.Tip() {
			w.t.Fatalf("one holds\n%s\nanother one\n%s", show(first.s), show(r.s))
		}
	}
}

// speak has somebody who is a member at every tip say which one he holds. It reports whether there is such a one.
func (w *tree) speak(first *replica, all []*replica) bool {
	for _, m := range first.s.Members() {
		everywhere := true
		for _, r := range all {
			_, in := r.s.Find(m.User)
			everywhere = everywhere && in
		}
		if active := w.people[m.User].active(); everywhere && len(active) > 0 {
			for _, r := range all {
				r.s = must(r.s.Hear(m.User, active[0].Record().Cert(), first.s.Tip(), r.logs))
			}
			return true
		}
	}
	return false
}
