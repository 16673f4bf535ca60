package directory_test

import (
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/trust"
)

// An identity may come back with another branch of its log and go again: what is kept of it is that branch alone, whether it is
// shorter than the one of before or as long.
func TestAFormerIdentityIsOneBranch(t *testing.T) {
	for name, more := range map[string]int{"shorter": 1, "as long": 3} {
		t.Run(name, func(t *testing.T) {
			h, bob := pinned(t)
			long, short := bob.branch(), bob.branch()
			for range 3 {
				long.add()
			}
			for range more {
				short.add()
			}
			reset := func(p *person) {
				t.Helper()
				h.offer(p)
				h.see("bob", trust.Reset)
				must(h.decide("bob", trust.Acknowledged, p.pin()))
			}
			identity := func(want device.Pin) {
				t.Helper()
				h.do(func(tx *store.Tx) error {
					for _, d := range []*directory.Directory{h.Directory, {}} {
						if l := must(d.Identity(tx, "bob", bob.pin().Root)); l.Pin() != want {
							t.Errorf("%v is kept, want %v", l.Pin(), want)
						}
					}
					return nil
				})
			}
			reset(newPerson("bob", nil))
			h.do(func(tx *store.Tx) error { return h.Former(tx, "bob", long.entries) })
			identity(long.pin())
			reset(short)
			identity(short.pin())
			reset(newPerson("bob", nil))
			identity(short.pin())
		})
	}
}
