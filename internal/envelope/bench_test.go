package envelope_test

import (
	"fmt"
	"testing"

	"github.com/sottokit/sotto/internal/envelope"
)

// BenchmarkParse reads the form of an envelope for n recipients, which is what a relay does and a device does first.
func BenchmarkParse(b *testing.B) {
	for _, s := range readVectors(b).scenes(b) {
		for _, n := range []int{1, 4, 100, 10000} {
			in := s.many(n)
			b.Run(fmt.Sprintf("suite%d/%d", s.suite, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := envelope.Parse(in); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
