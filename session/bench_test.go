package session_test

import (
	"crypto/aes"
	"crypto/cipher"
	stdecdh "crypto/ecdh"
	"crypto/ed25519"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/sha3"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/ratio"
	"github.com/sottokit/sotto/session"
)

// bigWorld adds devices, 32 for each user, until n can be sealed to. It returns the conversation and the keys.
func bigWorld(b *testing.B, suite device.Suite, n int) (*world, *session.Conversation, []*device.MessagingKey) {
	b.Helper()
	w := newWorldOf(b, suite)
	users := []string{alice}
	for i := 0; len(w.names(users...)) < n; i++ {
		user := fmt.Sprintf("user %03d", i)
		users = append(users, user)
		for j := 0; j < device.MaxActive && len(w.names(users...)) < n; j++ {
			w.add(fmt.Sprintf("%s/%d", user, j))
		}
	}
	return w, w.group(1, users...), w.keysOf(w.names(users...)...)[:n]
}

// BenchmarkSealTo makes an envelope for n devices, beside n bare agreements over as many goroutines. Budget: 1.25. The key
// pair of the envelope, about 0.65 agreements, is paid once.
func BenchmarkSealTo(b *testing.B) {
	for _, n := range []int{1, 4, 100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, c, keys := bigWorld(b, device.Classical, n)
			s := w.begin("alice/phone", c)
			mine := ecdh.Generate()
			b.ReportAllocs()
			ratio.Run(b, func() {
				if _, err := s.SealTo(keys...); err != nil {
					b.Fatal(err)
				}
			}, func() { agreeAll(mine, keys) })
		})
	}
}

func agreeAll(mine *ecdh.PrivateKey, keys []*device.MessagingKey) {
	overCores(len(keys), func(i int) {
		if _, err := mine.Agree(keys[i].X25519()); err != nil {
			panic(err)
		}
	})
}

// overCores calls f for each of n, over as many goroutines as there are cores.
func overCores(n int, f func(i int)) {
	cores := min(runtime.GOMAXPROCS(0), n)
	var wait sync.WaitGroup
	for i := range cores {
		wait.Go(func() {
			for j := i; j < n; j += cores {
				f(j)
			}
		})
	}
	wait.Wait()
}

// BenchmarkSealToSuite2 is the same by X-Wing, beside n bare encapsulations over as many goroutines: what HPKE adds is its
// key schedule.
func BenchmarkSealToSuite2(b *testing.B) {
	for _, n := range []int{1, 4, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, c, keys := bigWorld(b, device.Hybrid, n)
			s := w.begin("alice/phone", c)
			bare := make([]*xwing, n)
			for i, k := range keys {
				bare[i] = newXWing(k.Hybrid().Bytes())
			}
			b.ReportAllocs()
			ratio.Run(b, func() {
				if _, err := s.SealTo(keys...); err != nil {
					b.Fatal(err)
				}
			}, func() { overCores(n, func(i int) { bare[i].encapsulate() }) })
		})
	}
}

// xwing is a public key of X-Wing with nothing around it.
type xwing struct {
	pq    *mlkem.EncapsulationKey768
	curve *stdecdh.PublicKey
}

func newXWing(b []byte) *xwing {
	return &xwing{must(mlkem.NewEncapsulationKey768(b[:1184])), must(stdecdh.X25519().NewPublicKey(b[1184:]))}
}

func (x *xwing) encapsulate() {
	ephemeral := must(stdecdh.X25519().GenerateKey(rand.Reader))
	z := must(ephemeral.ECDH(x.curve))
	shared, _ := x.pq.Encapsulate()
	h := sha3.New256()
	for _, b := range [][]byte{shared, z, ephemeral.PublicKey().Bytes(), x.curve.Bytes(), []byte(`\.//^\`)} {
		h.Write(b)
	}
	h.Sum(nil)
}

// BenchmarkOpenEnvelope opens an envelope of n recipients and verifies it, beside one agreement and one verification.
func BenchmarkOpenEnvelope(b *testing.B) {
	mine, public := ecdh.Generate(), ecdh.Generate().Public()
	openEnvelope(b, device.Classical, []int{1, 100, 10000}, func() { _, _ = mine.Agree(public) })
}

// BenchmarkOpenEnvelopeSuite2 is the same, beside one decapsulation and one verification. The private key is kept as its
// seed, so that it can be wiped, and expanded each time, which takes about as long as the decapsulation.
func BenchmarkOpenEnvelopeSuite2(b *testing.B) {
	key := must(mlkem.GenerateKey768())
	_, ciphertext := key.EncapsulationKey().Encapsulate()
	mine, public := ecdh.Generate(), ecdh.Generate().Public()
	openEnvelope(b, device.Hybrid, []int{1, 100, 1000}, func() {
		_, _ = key.Decapsulate(ciphertext)
		_, _ = mine.Agree(public)
	})
}

func openEnvelope(b *testing.B, suite device.Suite, sizes []int, receive func()) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, c, keys := bigWorld(b, suite, n)
			envelope := must(w.begin("alice/phone", c).SealTo(keys...))
			_, key, _ := ed25519.GenerateKey(nil)
			signed := make([]byte, 400)
			signature := ed25519.Sign(key, signed)
			var at string
			for name, p := range w.devices {
				if p.key.ID() == keys[n-1].ID() {
					at = name
				}
			}
			ratio.Run(b, func() {
				if _, err := w.verify(at, envelope, c); err != nil {
					b.Fatal(err)
				}
			}, func() {
				receive()
				ed25519.Verify(key.Public().(ed25519.PublicKey), signed, signature)
			})
		})
	}
}

// bare is what a message of 1 KiB costs at least: a signature over as many bytes, and AES-GCM with a key of its own.
type bare struct {
	key               ed25519.PrivateKey
	toBeSigned        []byte
	content, sealed   []byte
	signature, secret []byte
}

func newBare(content []byte) *bare {
	_, key, _ := ed25519.GenerateKey(nil)
	b := &bare{key: key, toBeSigned: make([]byte, len(content)+64), content: content, secret: make([]byte, 32)}
	b.sealed = b.gcm().Seal(nil, make([]byte, 12), content, nil)
	b.signature = ed25519.Sign(key, b.toBeSigned)
	return b
}

func (b *bare) gcm() cipher.AEAD {
	return must(cipher.NewGCM(must(aes.NewCipher(b.secret))))
}

func (b *bare) seal() {
	ed25519.Sign(b.key, b.toBeSigned)
	b.gcm().Seal(nil, make([]byte, 12), b.content, nil)
}

func (b *bare) open() {
	if _, err := b.gcm().Open(nil, make([]byte, 12), b.sealed, nil); err != nil {
		panic(err)
	}
	if !ed25519.Verify(b.key.Public().(ed25519.PublicKey), b.toBeSigned, b.signature) {
		panic("signature")
	}
}

// BenchmarkMessage seals and opens a body of 1 KiB. Budget: 1.3 both.
func BenchmarkMessage(b *testing.B) {
	w := newWorld(b)
	s := w.begin("alice/phone", w.direct(alice, bob))
	var chains session.Chains
	body := text(string(make([]byte, 1024)))
	keys := w.devices["alice/phone"].keys
	message, _, err := chains.Seal(nil, s, keys, body)
	if err != nil {
		b.Fatal(err)
	}
	floor := newBare(make([]byte, len(message)-80))
	var dst []byte
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		ratio.Run(b, func() {
			if dst, _, err = chains.Seal(dst[:0], s, keys, body); err != nil {
				b.Fatal(err)
			}
		}, floor.seal)
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		ratio.Run(b, func() {
			if _, err := s.Open(message, w.logs); err != nil {
				b.Fatal(err)
			}
		}, floor.open)
	})
	b.Run("size", func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(float64(len(message)-1024), "bytes-over")
	})
}
