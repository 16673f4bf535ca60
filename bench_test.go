package sotto_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"fmt"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/ratio"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
)

const kib = 1024

// bare is what a message of a KiB takes at least: AES-GCM with a fresh key, and an Ed25519 signature or its verification.
type bare struct {
	private ed25519.PrivateKey
	public  ed25519.PublicKey
	key     []byte
	text    []byte
	sealed  []byte
	mark    []byte
}

func newBare() *bare {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	b := &bare{private: private, public: public, key: make([]byte, 32), text: make([]byte, kib)}
	b.seal()
	return b
}

func (b *bare) aead() cipher.AEAD { return must(cipher.NewGCM(must(aes.NewCipher(b.key)))) }

func (b *bare) seal() {
	b.mark = ed25519.Sign(b.private, b.text)
	b.sealed = b.aead().Seal(b.sealed[:0], make([]byte, 12), b.text, nil)
}

func (b *bare) open() {
	must(b.aead().Open(nil, make([]byte, 12), b.sealed, nil))
	if !ed25519.Verify(b.public, b.text, b.mark) {
		panic("not verified")
	}
}

// benchPair are two who have a session with room for n messages of a KiB each.
func benchPair(b *testing.B) (alice, bob *sottotest.Peer, seal func() []byte) {
	b.Helper()
	alice, bob = sottotest.Pair(b)
	body := make([]byte, kib)
	c := alice.Conversation("bob")
	return alice, bob, func() []byte {
		parcels := must(c.Seal(background, sotto.NewMessageID(), "text/plain", body))
		for _, p := range parcels {
			if p.Kind == sotto.ParcelEnvelope {
				must(bob.Receive(background, p.Data))
			}
			if err := alice.Delivered(background, p); err != nil {
				b.Fatal(err)
			}
		}
		return parcels[len(parcels)-1].Data
	}
}

// BenchmarkSeal seals a message of a KiB and says that it is delivered: two commits to memory, and every 100 messages a new
// session. Bare is an Ed25519 signature and AES-GCM with a fresh key.
func BenchmarkSeal(b *testing.B) {
	_, _, seal := benchPair(b)
	base := newBare()
	b.ReportAllocs()
	ratio.Run(b, func() { seal() }, base.seal)
}

// BenchmarkReceive receives messages of a KiB in batches, and acknowledges them. Bare is AES-GCM with a fresh key and one
// Ed25519 verification for each, one after the other.
func BenchmarkReceive(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			benchmarkReceive(b, n, func(p *sottotest.Peer) store.Backend { return copyOf(b, p.Backend) })
		})
	}
}

// benchmarkReceive puts the receiver back to the state before, so that the same batch is new every time.
func benchmarkReceive(b *testing.B, n int, fresh func(p *sottotest.Peer) store.Backend) {
	_, bob, seal := benchPair(b)
	var in [][]byte
	for range n {
		in = append(in, seal())
	}
	before := bob.Backend
	base := newBare()
	var alone time.Duration
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		started := time.Now()
		for range n {
			base.open()
		}
		alone += time.Since(started)
		bob.Backend = before
		bob.Backend = fresh(bob)
		bob.Restart()
		b.StartTimer()
		events, err := bob.Receive(background, in...)
		if err != nil || len(texts(events)) != n {
			b.Fatalf("%d messages: %v", len(texts(events)), err)
		}
		if err := bob.Ack(background, events...); err != nil {
			b.Fatal(err)
		}
	}
	ours := b.Elapsed()
	b.ReportMetric(float64(n)*float64(b.N)/ours.Seconds(), "messages/s")
	b.ReportMetric(float64(ours)/float64(alone), "x-bare")
}

// crowd is an account with bob as a contact and n devices of the two with messaging keys, at most 32 each.
func crowd(b *testing.B, n int) *sottotest.Peer {
	b.Helper()
	alice := sottotest.NewNetwork(b).Create("alice")
	bob := newPerson(b, "bob", nil)
	in := [][]byte{bob.rotate(bob.keys)}
	for range n/2 - 1 {
		k, _ := bob.add()
		in = append(in, bob.rotate(k))
		k = must(device.Generate("alice", device.Classical, start))
		ok(b, alice.Admit(background, k.Record().Bytes()))
		must(alice.Receive(background, pending(b, alice, sotto.ParcelLog)[0].Data))
		log := must(must(alice.Contact(background, "alice")).Log(background))
		must(alice.Receive(background, must(k.Rotate(must(device.Verify("alice", log)), nil, start))))
	}
	must(alice.Trust(background, "bob", bob.entries))
	must(alice.Receive(background, in...))
	return alice
}

// BenchmarkFirstMessage seals the first message of a conversation with many devices: a new session, its envelope, and the
// message.
func BenchmarkFirstMessage(b *testing.B) {
	for _, n := range []int{4, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			alice := crowd(b, n)
			backup := copyOf(b, alice.Backend)
			body := bytes.Repeat([]byte{'x'}, kib)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				restore(b, alice, copyOf(b, backup))
				c := alice.Conversation("bob")
				b.StartTimer()
				parcels, err := c.Seal(background, sotto.NewMessageID(), "text/plain", body)
				if err != nil || len(must(session.Recipients(parcels[0].Data))) != n {
					b.Fatalf("%d parcels: %v", len(parcels), err)
				}
			}
		})
	}
}
