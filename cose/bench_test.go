package cose_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"fmt"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/ratio"
)

// Each benchmark runs in turns with the bare primitive over the same bytes; the budgets are ratios of the two (x-bare).

var benchSizes = []int{1 << 10, 64 << 10}

// BenchmarkEncrypt0 seals in append form. Budget: 1.5 at 1 KiB, 1.05 at 64 KiB, no allocation.
func BenchmarkEncrypt0(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			k, aead, c, plaintext := benchSetup(b, size)
			buf, iv, aad := make([]byte, 0, size+512), make([]byte, 12), encStructure(c)
			ratio.Run(b, func() {
				if _, err := k.Encrypt0(buf, plaintext, c); err != nil {
					b.Fatal(err)
				}
			}, func() { aead.Seal(buf, iv, plaintext, aad) })
		})
	}
}

// BenchmarkDecrypt0 opens in append form. Budget: 1.2 at 1 KiB, 1.05 at 64 KiB, no allocation.
func BenchmarkDecrypt0(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			k, aead, c, plaintext := benchSetup(b, size)
			message, err := k.Encrypt0(nil, plaintext, c)
			if err != nil {
				b.Fatal(err)
			}
			buf, iv, aad := make([]byte, 0, size+512), make([]byte, 12), encStructure(c)
			sealed := aead.Seal(nil, iv, plaintext, aad)
			ratio.Run(b, func() {
				if _, err := k.Decrypt0(buf, message, c); err != nil {
					b.Fatal(err)
				}
			}, func() {
				if _, err := aead.Open(buf, iv, sealed, aad); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

func benchSetup(b *testing.B, size int) (*cose.Key, cipher.AEAD, cose.Context, []byte) {
	b.Helper()
	k := generate(b, cose.A256GCM)
	secret, err := k.ExportSecret()
	if err != nil {
		b.Fatal(err)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	return k, aead, cose.Bind("sotto/v1.bench", []byte("conversation")), make([]byte, size)
}

// encStructure is an AAD of the length that Encrypt0 authenticates for c.
func encStructure(c cose.Context) []byte { return make([]byte, 19+len(c.Type)+len(c.AAD)) }

// BenchmarkWrapECDHES is ECDH-ES+A256KW to one recipient, 32 bytes of content sealed included. Bare is a key pair and an
// agreement by the same engine. Budget: 1.25.
func BenchmarkWrapECDHES(b *testing.B) {
	to := ecdh.Generate().Public()
	recipients := []cose.Recipient{cose.ToX25519(to, nil, cose.Agreement{})}
	content, c := make([]byte, 32), cose.Bind("sotto/v1.bench")
	ratio.Run(b, func() {
		if _, err := cose.Encrypt(nil, content, recipients, c); err != nil {
			b.Fatal(err)
		}
	}, func() {
		if _, err := ecdh.Generate().Agree(to); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkUnwrapECDHES opens what BenchmarkWrapECDHES made. Bare is an agreement by the same engine. Budget: 1.25.
func BenchmarkUnwrapECDHES(b *testing.B) {
	me, peer := ecdh.Generate(), ecdh.Generate().Public()
	c := cose.Bind("sotto/v1.bench")
	message, err := cose.Encrypt(nil, make([]byte, 32), []cose.Recipient{cose.ToX25519(me.Public(), nil, cose.Agreement{})}, c)
	if err != nil {
		b.Fatal(err)
	}
	with := cose.WithX25519(me, nil, cose.Agreement{})
	ratio.Run(b, func() {
		if _, err := cose.Decrypt(nil, message, with, c); err != nil {
			b.Fatal(err)
		}
	}, func() {
		if _, err := me.Agree(peer); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkSign1 and BenchmarkVerify1 are of 1 KiB. Bare is Ed25519 over as many bytes.
func BenchmarkSign1(b *testing.B) {
	s, c, payload := cose.GenerateSigner(), cose.Bind("sotto/v1.bench"), make([]byte, 1<<10)
	key, buf := ed25519.NewKeyFromSeed(make([]byte, 32)), make([]byte, 0, 2<<10)
	ratio.Run(b, func() {
		if _, err := s.Sign1(buf, payload, c); err != nil {
			b.Fatal(err)
		}
	}, func() { ed25519.Sign(key, payload) })
}

func BenchmarkVerify1(b *testing.B) {
	s, c, payload := cose.GenerateSigner(), cose.Bind("sotto/v1.bench"), make([]byte, 1<<10)
	message, err := s.Sign1(nil, payload, c)
	if err != nil {
		b.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	public, sig := key.Public().(ed25519.PublicKey), ed25519.Sign(key, payload)
	ratio.Run(b, func() {
		if _, err := s.Verifier().Verify1(message, c); err != nil {
			b.Fatal(err)
		}
	}, func() {
		if !ed25519.Verify(public, payload, sig) {
			b.Fatal("refused")
		}
	})
}
