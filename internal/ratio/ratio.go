// Package ratio measures an operation beside the bare primitive that it is made of. The two take turns in short batches,
// so that a machine whose speed drifts slows both, and the median of the pairwise ratios is what counts.
package ratio

import (
	"slices"
	"testing"
	"time"
)

// batch is how long one turn takes, about.
const batch = 200 * time.Microsecond

// Run is the body of a benchmark. It reports ns/op of ours, bare-ns/op, and their ratio x-bare, medians all three. Who goes
// first changes from pair to pair: the second one runs on the garbage of the first.
func Run(b *testing.B, ours, bare func()) {
	n, m := size(ours), size(bare)
	var a, c, ratios []float64
	for b.Loop() {
		var x, y float64
		if len(a)%2 == 0 {
			x, y = turn(ours, n), turn(bare, m)
		} else {
			y, x = turn(bare, m), turn(ours, n)
		}
		a, c, ratios = append(a, x), append(c, y), append(ratios, x/y)
	}
	b.ReportMetric(median(a), "ns/op")
	b.ReportMetric(median(c), "bare-ns/op")
	b.ReportMetric(median(ratios), "x-bare")
}

// size is how many calls of f take one batch.
func size(f func()) int {
	for n := 1; ; n *= 2 {
		if perCall := turn(f, n); perCall*float64(n) > float64(batch) || n >= 1<<20 {
			return n
		}
	}
}

// turn calls f n times and returns nanoseconds for each call.
func turn(f func(), n int) float64 {
	start := time.Now()
	for range n {
		f()
	}
	return float64(time.Since(start)) / float64(n)
}

func median(x []float64) float64 {
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
