package mk

import (
	"fmt"

	"github.com/sottokit/sotto/fault"
)

// Params are the costs of Argon2id (RFC 9106 §3.1). They are stored beside what they protect, so they may come from data
// that somebody else wrote: Check bounds them before anything is computed.
type Params struct {
	Time      uint32 // passes over the memory
	MemoryKiB uint32
	Threads   uint8 // lanes; a lane is a goroutine while Stretch runs
}

// Bounds of Params. The upper ones keep a hostile parameter from taking the machine, the lower ones from taking the
// password.
const (
	MinTime, MaxTime           = 1, 16
	MinMemoryKiB, MaxMemoryKiB = 8 << 10, 1 << 20 // 8 MiB to 1 GiB
	MinThreads, MaxThreads     = 1, 16
)

// Check reports parameters out of bounds: too costly ones as fault.OverLimit, too cheap ones as fault.Misuse.
func (p Params) Check() error {
	switch {
	case p.Time > MaxTime || p.MemoryKiB > MaxMemoryKiB || p.Threads > MaxThreads:
		return fmt.Errorf("mk: Argon2id with %d passes over %d KiB in %d lanes: %w", p.Time, p.MemoryKiB, p.Threads, fault.OverLimit)
	case p.Time < MinTime || p.MemoryKiB < MinMemoryKiB || p.Threads < MinThreads:
		return fmt.Errorf("mk: Argon2id with %d passes over %d KiB in %d lanes is too cheap: %w", p.Time, p.MemoryKiB, p.Threads, fault.Misuse)
	}
	return nil
}

// Memory is what Stretch will allocate, in bytes. It can be asked before anything is allocated, also for parameters out
// of bounds.
func (p Params) Memory() uint64 { return uint64(p.MemoryKiB) << 10 }
