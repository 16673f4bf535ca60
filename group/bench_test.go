package group_test

import (
	"crypto/ed25519"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groupentry"
	"github.com/sottokit/sotto/internal/ratio"
	"github.com/sottokit/sotto/internal/wire"
)

// Each benchmark runs in turns with bare Ed25519 verifications of the same signatures over as many goroutines; x-bare is the
// ratio of the two.

// bareSignature is a signature as crypto/ed25519 takes it.
type bareSignature struct{ message, signature []byte }

func bareOf(b *testing.B, id device.Hash, entry []byte) bareSignature {
	b.Helper()
	r := wire.NewReader(entry)
	r.Tag("tag")
	r.Array("array", 4)
	protected := r.Bytes("protected", 4096)
	r.Raw("unprotected")
	payload, signature := r.Bytes("payload", 4096), r.Bytes("signature", 64)
	if r.Err() != nil {
		b.Fatal(r.Err())
	}
	message := wire.AppendBytes(wire.AppendText([]byte{0x84}, "Signature1"), protected)
	message = wire.AppendBytes(message, groupentry.AAD(id))
	return bareSignature{wire.AppendBytes(message, payload), signature}
}

func verifyBare(key ed25519.PublicKey, all []bareSignature) {
	cores := min(runtime.GOMAXPROCS(0), len(all))
	var wait sync.WaitGroup
	for i := range cores {
		wait.Go(func() {
			for j := i; j < len(all); j += cores {
				if !ed25519.Verify(key, all[j].message, all[j].signature) {
					panic("a signature is wrong")
				}
			}
		})
	}
	wait.Wait()
}

// grown is a group with alice as owner, and changes on top of it: members come and go, and change their roles.
type grown struct {
	*person
	logs    group.Logs
	state   *group.State
	before  [][]byte // entries of state
	changes [][]byte
	bare    []bareSignature // of changes
}

func newGrown(b *testing.B, members, changes int) *grown {
	b.Helper()
	w := newWorld(b, alice)
	c := w.create(alice)
	g := &grown{person: w.people[alice], logs: w.logs, before: c.entries, state: c.state()}
	var all []group.Change
	for i := range members - 1 {
		all = append(all, group.Add(fmt.Sprintf("member %04d", i), device.Hash{byte(i)}))
	}
	adds := g.propose(all...)
	g.before = append(g.before, adds...)
	g.state = g.extend(adds)
	all = nil
	for i := 0; len(all) < changes; i++ {
		user := fmt.Sprintf("member %04d", i*7%(members-1))
		if i%2 == 0 {
			all = append(all, group.SetRole(user, group.RoleAdmin), group.SetRole(user, group.RoleMember))
		} else {
			all = append(all, group.Remove(user), group.Add(user, device.Hash{1}))
		}
	}
	g.changes = g.propose(all...)
	for _, e := range g.changes {
		g.bare = append(g.bare, bareOf(b, g.state.ID(), e))
	}
	return g
}

func (g *grown) propose(changes ...group.Change) [][]byte {
	return must(g.state.Propose(g.first(), g.log, start, changes...))
}

func (g *grown) extend(entries [][]byte) *group.State { return must(g.state.Extend(entries, g.logs)) }

func (g *grown) verifyBare() { verifyBare(g.first().Record().Verifier().PublicKey(), g.bare) }

// BenchmarkExtend applies 10,000 changes in one go. Budget: 1.2.
func BenchmarkExtend(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g := newGrown(b, n, 10000)
			ratio.Run(b, func() { g.extend(g.changes) }, g.verifyBare)
		})
	}
}

// BenchmarkVerifyForNewcomers verifies a history from its first entry on, nearly all of which a device signed that is revoked
// by now.
func BenchmarkVerifyForNewcomers(b *testing.B) {
	g := newGrown(b, 100, 10000)
	w := &world{TB: b, people: map[string]*person{alice: g.person}}
	k := w.add(alice)
	g.state = g.extend(g.changes)
	last := must(g.state.Propose(k, g.log, start, group.Remove("member 0001")))
	w.revoke(g.first())
	all := slices.Concat(g.before, g.changes, last)
	ratio.Run(b, func() {
		if s, err := group.Verify(g.state.ID(), all, w.logs); err != nil || s.Tip() != hashOf(last[0]) {
			b.Fatal(err)
		}
	}, g.verifyBare)
}

// BenchmarkExtendByOne applies one change to a group with a history of 10,000.
func BenchmarkExtendByOne(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g := newGrown(b, n, 10000)
			g.state = g.extend(g.changes)
			one := g.propose(group.SetRole("member 0001", group.RoleAdmin))
			g.bare = []bareSignature{bareOf(b, g.state.ID(), one[0])}
			ratio.Run(b, func() { g.extend(one) }, g.verifyBare)
		})
	}
}

// BenchmarkServedAgain looks at a history of 10,000 that has nothing new, a hash for each entry; BenchmarkResume reads it from
// where it was kept, without checking signatures.
func BenchmarkServedAgain(b *testing.B) {
	g := newGrown(b, 100, 10000)
	g.state = g.extend(g.changes)
	ratio.Run(b, func() { g.extend(g.changes) }, g.verifyBare)
}

func BenchmarkResume(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g := newGrown(b, n, 10000)
			all := append(g.before, g.changes...)
			ratio.Run(b, func() {
				if _, err := group.Resume(g.state.ID(), all, nil, nil); err != nil {
					b.Fatal(err)
				}
			}, g.verifyBare)
		})
	}
}
