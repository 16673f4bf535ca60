package device

import (
	"bytes"
	"fmt"

	"github.com/sottokit/sotto/fault"
)

// ForkError says that two valid entries stand at one place of a log, and neither branch outranks the other: fault.LogFork.
// One of them is an attack or a copied device. Keep both entries as evidence, stop sending to the user, and let people
// compare their numbers. Only entries make a fork: a mere claim that there is another one is none.
type ForkError struct {
	Seq   uint64
	Held  Hash   // of the entry that is held
	Other []byte // the other entry, verified
}

// Error tells where the log forks.
func (e *ForkError) Error() string {
	return fmt.Sprintf("device: log forks at entry %d: %v", e.Seq, fault.LogFork)
}

// Unwrap returns fault.LogFork.
func (e *ForkError) Unwrap() error { return fault.LogFork }

// branch judges entries that part from those held at seq n. The branch that the recovery key chose wins (outranks): if
// that is the one held, the other is refused as fault.Rollback and nobody need stop; if it is the other, the result is the
// log on that branch. Else there is a fork.
func (l *Log) branch(n uint64, entries [][]byte) (*Log, error) {
	other := l.until(n)
	var broken error
	for _, b := range entries {
		if broken = other.apply(b, false); broken != nil {
			break
		}
	}
	valid := uint64(len(other.hashes))
	if valid == n {
		return nil, broken // not one valid entry stands beside ours
	}
	if n == 0 {
		return nil, fmt.Errorf("device: log with another root than the one held: %w", fault.IdentityChanged)
	}
	other = other.until(valid) // what was valid before the broken entry still is evidence
	switch {
	case l.outranks(other, n):
		return nil, fmt.Errorf("device: log entry %d: on a branch that a recovery ended: %w", n, fault.Rollback)
	case other.outranks(l, n) && broken != nil:
		return nil, broken
	case other.outranks(l, n):
		return other, nil
	}
	return nil, &ForkError{Seq: n, Held: l.hashes[n], Other: bytes.Clone(entries[0])}
}

// outranks reports whether l wins over a branch that parts from it at entry n. With K the recovery key in force there: l
// has more recover entries by K, and K was not replaced on the other branch. So a device that was revoked, or came from a
// thief, freezes nobody after a recovery, and who stole a replaced recovery key moves nobody.
func (l *Log) outranks(other *Log, n uint64) bool {
	return l.recoversSince(n) > other.recoversSince(n) && !other.replacedSince(n)
}

// recoversSince counts the recover entries from n on by the recovery key that was in force before n.
func (l *Log) recoversSince(n uint64) (count int) {
	var k *recoveryKey
	for i := range l.recovery {
		if l.recovery[i].seq < n {
			k = &l.recovery[i]
		}
	}
	for _, r := range l.recovers {
		if k != nil && r.seq >= n && r.by.Equal(k.key) {
			count++
		}
	}
	return count
}

// replacedSince reports whether an entry from n on set a recovery key.
func (l *Log) replacedSince(n uint64) bool {
	return l.HasRecovery() && l.recovery[len(l.recovery)-1].seq >= n
}
