package group_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/group"
)

func TestStats(t *testing.T) {
	stats := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		w := grow(rt, t, rapid.IntRange(1, 25).Draw(rt, "facts"))
		r := &replica{tree: w, logs: w.logs}
		r.all("r")
		stats["status "+r.s.Status().String()]++
		stats["nodes"] += len(w.nodes)
		stats["said"] += len(w.said)
		stats["worlds"]++
		for _, b := range r.s.Branches() {
			stats[fmt.Sprint("verdict ", b.Verdict)]++
		}
		for _, n := range w.nodes {
			_ = n
		}
		if r.s.Status() == group.Active && len(r.s.Branches()) > 0 {
			stats["active with branches"]++
		}
	})
	t.Log(stats)
}
