package cose_test

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"testing"

	"github.com/sottokit/sotto/cose"
	sottoecdh "github.com/sottokit/sotto/ecdh"
)

// Each benchmark runs beside the bare primitive over the same bytes; the budgets are ratios between the two.

func BenchmarkEncrypt0(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		k, aead, c, plaintext := benchSetup(b, size)
		buf := make([]byte, 0, size+512)
		b.Run(fmt.Sprintf("seal/%d", size), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := k.Encrypt0(buf, plaintext, c); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("seal/%d/bare", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			iv, aad := make([]byte, 12), encStructure(c)
			for b.Loop() {
				aead.Seal(buf, iv, plaintext, aad)
			}
		})
	}
}

func BenchmarkDecrypt0(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		k, aead, c, plaintext := benchSetup(b, size)
		message, err := k.Encrypt0(nil, plaintext, c)
		if err != nil {
			b.Fatal(err)
		}
		buf := make([]byte, 0, size+512)
		b.Run(fmt.Sprintf("open/%d", size), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := k.Decrypt0(buf, message, c); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("open/%d/bare", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			iv, aad := make([]byte, 12), encStructure(c)
			sealed := aead.Seal(nil, iv, plaintext, aad)
			for b.Loop() {
				if _, err := aead.Open(buf, iv, sealed, aad); err != nil {
					b.Fatal(err)
				}
			}
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

// BenchmarkWrapECDHES and BenchmarkUnwrapECDHES are ECDH-ES+A256KW to one recipient. Bare is what the algorithm cannot
// do without: a key pair and an agreement to wrap, an agreement to unwrap, by the same engine.
func BenchmarkWrapECDHES(b *testing.B) {
	to := sottoecdh.Generate().Public()
	recipients := []cose.Recipient{cose.ToX25519(to, nil, cose.Agreement{})}
	content, c := make([]byte, 32), cose.Bind("sotto/v1.bench")
	b.Run("wrap", func(b *testing.B) {
		for b.Loop() {
			if _, err := cose.Encrypt(nil, content, recipients, c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("wrap/bare", func(b *testing.B) {
		for b.Loop() {
			if _, err := sottoecdh.Generate().Agree(to); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkUnwrapECDHES(b *testing.B) {
	me := sottoecdh.Generate()
	c := cose.Bind("sotto/v1.bench")
	message, err := cose.Encrypt(nil, make([]byte, 32), []cose.Recipient{cose.ToX25519(me.Public(), nil, cose.Agreement{})}, c)
	if err != nil {
		b.Fatal(err)
	}
	peer := sottoecdh.Generate().Public()
	b.Run("unwrap", func(b *testing.B) {
		for b.Loop() {
			if _, err := cose.Decrypt(nil, message, cose.WithX25519(me, nil, cose.Agreement{}), c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("unwrap/bare", func(b *testing.B) {
		for b.Loop() {
			if _, err := me.Agree(peer); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSign1 is a signed message of 1 KiB beside bare Ed25519 over as many bytes.
func BenchmarkSign1(b *testing.B) {
	s, c, payload := cose.GenerateSigner(), cose.Bind("sotto/v1.bench"), make([]byte, 1<<10)
	message, err := s.Sign1(nil, payload, c)
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 0, 2<<10)
	b.Run("sign", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Sign1(buf, payload, c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Verifier().Verify1(message, c); err != nil {
				b.Fatal(err)
			}
		}
	})
}
