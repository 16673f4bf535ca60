package linking

import (
	"context"

	"github.com/sottokit/sotto/internal/sim"
	"github.com/sottokit/sotto/store"
)

// Disk is a sim.Disk whose power fails at a later commit than the next one.
type Disk struct {
	*sim.Disk
	left  int // commits that still work before power fails
	power sim.Power
}

// CutAt lets power fail at the n-th commit from now, counted from 0.
func (d *Disk) CutAt(n int, p sim.Power) { d.left, d.power = n, p }

// On turns power on again.
func (d *Disk) On() {
	d.power = sim.PowerOn
	d.Cut(sim.PowerOn)
}

// Commits counts the commits that were ever made.
func (d *Disk) Commits() int { return d.States() - 1 }

// Commit implements store.Backend.
func (d *Disk) Commit(ctx context.Context, b store.Batch) error {
	if d.power != sim.PowerOn {
		if d.left--; d.left < 0 {
			d.Cut(d.power)
			d.power = sim.PowerOn
		}
	}
	return d.Disk.Commit(ctx, b)
}

var _ store.Backend = (*Disk)(nil)
