package lockbox_test

import (
	stdpbkdf2 "crypto/pbkdf2"
	"crypto/sha256"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/sottokit/sotto/internal/ratio"
	"github.com/sottokit/sotto/mk"
	"github.com/sottokit/sotto/mk/lockbox"
)

// BenchmarkOpen runs in turns with the bare stretching of the same password. Budget: 1.02 (x-bare).
func BenchmarkOpen(b *testing.B) {
	const typed = "correct horse battery staple"
	salt := make([]byte, 16)
	b.Run("Argon2id", func(b *testing.B) {
		p := mk.Params{Time: 2, MemoryKiB: 19456, Threads: 1}
		box, _ := newBox(b, lockbox.Password([]byte(typed), p))
		s := password(typed)
		ratio.Run(b, func() {
			if _, err := box.Open(ctx, s); err != nil {
				b.Fatal(err)
			}
		}, func() { argon2.IDKey([]byte(typed), salt, p.Time, p.MemoryKiB, p.Threads, 32) })
	})
	b.Run("PBKDF2", func(b *testing.B) {
		box, _ := newBox(b, pbkdf2(typed))
		s := pbkdf2(typed)
		ratio.Run(b, func() {
			if _, err := box.Open(ctx, s); err != nil {
				b.Fatal(err)
			}
		}, func() {
			if _, err := stdpbkdf2.Key(sha256.New, typed, salt, lockbox.MinRounds, 32); err != nil {
				b.Fatal(err)
			}
		})
	})
}
