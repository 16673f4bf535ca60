package mk

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/sottokit/sotto/fault"
)

// The least that Calibrate returns, where the memory limit allows it: what OWASP recommends for Argon2id. A machine that is
// slow or busy while it is measured must not weaken a password for good.
const leastTime, leastMemoryKiB = 2, 19456

// Calibrate finds the Params that cost about target on this machine, with at most maxMemoryKiB. It follows RFC 9106 §4:
// as much memory as allowed, then as many passes as the time allows; where two passes take too long, less memory. It runs
// Argon2id several times, six times target in all or so, and looks at ctx in between (fault.Canceled).
//
// The result never goes below 19 MiB (or the limit, if that is less) and two passes, also where that takes longer than
// target. Threads is 1: what a phone gains by more, an attacker gains as well. A limit below MinMemoryKiB is fault.Misuse;
// one above MaxMemoryKiB counts as MaxMemoryKiB.
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
	limit := min(maxMemoryKiB, MaxMemoryKiB)
	least := min(leastMemoryKiB, limit)

	p := Params{Time: leastTime, MemoryKiB: least, Threads: 1}
	for {
		took, err := best(ctx, p, cost)
		if err != nil {
			return Params{}, err
		}
		scale := float64(target) / float64(max(took, 1))
		switch {
		case p.MemoryKiB == limit:
			p.Time = uint32(min(max(math.Round(scale*float64(p.Time)), leastTime), MaxTime))
			return p, nil
		case scale < 2: // near enough: the last step is computed, not measured again
			p.MemoryKiB = uint32(min(max(scale*float64(p.MemoryKiB), float64(least)), float64(limit)))
			return p, nil
		}
		p.MemoryKiB = min(2*p.MemoryKiB, limit)
	}
}

// best is the shortest of three measurements: whatever else the machine does makes them longer, never shorter.
func best(ctx context.Context, p Params, cost func(Params) (time.Duration, error)) (time.Duration, error) {
	shortest := time.Duration(math.MaxInt64)
	for range 3 {
		if err := canceled(ctx); err != nil {
			return 0, err
		}
		took, err := cost(p)
		if err != nil {
			return 0, err
		}
		shortest = min(shortest, took)
	}
	return shortest, nil
}
