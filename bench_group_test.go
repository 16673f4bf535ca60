package sotto_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/ratio"
	"github.com/sottokit/sotto/sottotest"
)

// assembly is a group of alice and n-1 others with three devices each, who are known to her and whose first one is bob.
func assembly(b *testing.B, n int) (alice, bob *sottotest.Peer, g *sotto.Group) {
	b.Helper()
	alice, bob = sottotest.Pair(b)
	members := []*sotto.Contact{must(alice.Contact(background, "bob"))}
	for i := 2; i < n; i++ {
		p := newPerson(b, fmt.Sprintf("user %04d", i), nil)
		second, _ := p.add()
		third, _ := p.add()
		members = append(members, must(alice.Trust(background, p.user, p.entries)))
		must(bob.Trust(background, p.user, p.entries))
		must(second.Settle(p.log))
		must(third.Settle(p.log))
		must(alice.Receive(background, p.rotate(p.keys), p.rotate(second), p.rotate(third)))
	}
	g = must(alice.CreateGroup(background, members...))
	alice.Flush()
	bob.Sync()
	return alice, bob, g
}

// BenchmarkGroup is what a group of n members with three devices each takes: a new session for all, sealed and taken, beside
// as many bare agreements over the same goroutines (budget 1.25 for the sealing), and then a message of a KiB.
func BenchmarkGroup(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			alice, bob, g := assembly(b, n)
			body := make([]byte, kib)
			mine, public := ecdh.Generate(), ecdh.Generate().Public()
			devices := len(must(g.Devices(background)))
			send := func() []sotto.Parcel {
				parcels := must(g.Seal(background, sotto.NewMessageID(), "text/plain", body))
				for _, p := range parcels {
					ok(b, alice.Delivered(background, p))
				}
				return parcels
			}
			b.Run("renewal", func(b *testing.B) {
				var size int
				ratio.Run(b, func() {
					alice.Network().Pass(11 * 24 * 3600e9)
					ok(b, alice.Upkeep(background, true)) // the sessions before close
					for _, p := range send() {
						if p.Kind == sotto.ParcelEnvelope {
							size = len(p.Data)
						}
					}
				}, func() { agreements(mine, public, devices) })
				b.ReportMetric(float64(size), "envelope-bytes")
				b.ReportMetric(float64(devices), "devices")
			})
			bob.Sync()
			base := newBare()
			b.Run("seal", func(b *testing.B) { ratio.Run(b, func() { send() }, base.seal) })
			alice.Network().Pass(11 * 24 * 3600e9)
			parcels := send()
			must(bob.Receive(background, parcels[0].Data))
			last := parcels[1].Data
			b.Run("peek", func(b *testing.B) {
				ratio.Run(b, func() {
					if e := must(bob.Peek(background, last))[0]; e.Why != 0 {
						b.Fatal(e.Why)
					}
				}, base.open)
			})
		})
	}
}

// agreements is n bare agreements over as many goroutines as there are cores.
func agreements(mine *ecdh.PrivateKey, public *ecdh.PublicKey, n int) {
	var wait sync.WaitGroup
	cores := runtime.GOMAXPROCS(0)
	for i := range cores {
		wait.Go(func() {
			for j := i; j < n; j += cores {
				must(mine.Agree(public))
			}
		})
	}
	wait.Wait()
}
