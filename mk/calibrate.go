package mk

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/sottokit/sotto/fault"
)

// Calibrate finds the Params that cost about target on this machine, with at most maxMemoryKiB. It follows RFC 9106 §4:
// as much memory as allowed, then as many passes as the time allows; where one pass takes too long, less memory. It runs
// Argon2id a few times, about three times target in all, and looks at ctx in between (fault.Canceled).
//
// The result never goes below 8 MiB and one pass, also where that takes longer than target. Threads is 1: what a phone
// gains by more, an attacker gains as well. A limit below MinMemoryKiB is fault.Misuse; one above MaxMemoryKiB counts as
// MaxMemoryKiB.
func Calibrate(ctx context.Context, target time.Duration, maxMemoryKiB uint32) (Params, error) {
	return calibrate(ctx, target, maxMemoryKiB, func(p Params) (time.Duration, error) {
		start := time.Now()
		s, err := Stretch(ctx, []byte("calibration"), []byte("calibration"), p)
		if err != nil {
			return 0, err
		}
		s.Destroy()
		return time.Since(start), nil
	})
}

// calibrate is Calibrate with the measurement as an argument. Time and memory enter the cost as a product, nearly, so
// each step computes the next parameters from the last measurement.
func calibrate(ctx context.Context, target time.Duration, maxMemoryKiB uint32, cost func(Params) (time.Duration, error)) (Params, error) {
	if maxMemoryKiB < MinMemoryKiB || target <= 0 {
		return Params{}, fmt.Errorf("mk: calibration to %v within %d KiB: %w", target, maxMemoryKiB, fault.Misuse)
	}
	maxMemoryKiB = min(maxMemoryKiB, MaxMemoryKiB)

	p := Params{Time: 1, MemoryKiB: MinMemoryKiB, Threads: 1}
	for {
		if err := canceled(ctx); err != nil {
			return Params{}, err
		}
		took, err := cost(p)
		if err != nil {
			return Params{}, err
		}
		scale := float64(target) / float64(max(took, 1))
		if p.MemoryKiB == maxMemoryKiB {
			passes := uint32(min(max(math.Round(scale*float64(p.Time)), MinTime), MaxTime))
			if p.Time > 1 || passes == 1 {
				p.Time = passes
				return p, nil
			}
			p.Time = passes // measured once more: the first pass over fresh memory is the dearest
			continue
		}
		if scale < 2 { // near enough: the last step is computed, not measured again
			p.MemoryKiB = uint32(min(max(scale*float64(p.MemoryKiB), MinMemoryKiB), float64(maxMemoryKiB)))
			return p, nil
		}
		p.MemoryKiB = min(2*p.MemoryKiB, maxMemoryKiB)
	}
}
