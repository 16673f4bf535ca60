package safetynumber_test

import (
	"crypto/sha512"
	"sync"
	"testing"

	"github.com/sottokit/sotto/internal/fingerprint"
	"github.com/sottokit/sotto/internal/ratio"
	"github.com/sottokit/sotto/safetynumber"
)

// bareHashes is the work of one fingerprint: SHA-512 over 97 bytes, each time over the last hash.
func bareHashes(b *[97]byte) {
	for range fingerprint.Rounds {
		sum := sha512.Sum512(b[:])
		copy(b[:], sum[:])
	}
}

// x-bare is the ratio to the same hashes over as many goroutines.
func BenchmarkNumberOfTwoUsers(b *testing.B) {
	x, y := alice(), bob()
	var buf [2][97]byte
	ratio.Run(b, func() {
		if _, err := safetynumber.New(x, y); err != nil {
			b.Fatal(err)
		}
	}, func() {
		var wg sync.WaitGroup
		for i := range buf {
			wg.Go(func() { bareHashes(&buf[i]) })
		}
		wg.Wait()
	})
}

func BenchmarkSAS(b *testing.B) {
	for b.Loop() {
		honest(b).shown()
	}
}

func BenchmarkPNG(b *testing.B) {
	n := number(b, alice(), bob())
	for b.Loop() {
		if _, err := n.PNG(450); err != nil {
			b.Fatal(err)
		}
	}
}
