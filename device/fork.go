package device

import (
	"bytes"
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
)

// ForkError says that two valid entries stand at one place of a log, and neither branch outranks the other: fault.LogFork.
// One of them is an attack or a copied device. Keep both entries as evidence, stop sending to the user, and let people
// compare their numbers. Only entries make a fork: a mere claim that there is another one is none.
type ForkError struct {
	Seq   uint64
	Held  Hash   // of the entry that is held, number Seq of those that the caller keeps
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

// outranks reports whether l wins over a branch that parts from it at entry n, with K the recovery key in force there: l
// has more recover entries by K and K was not replaced on the other branch, or l has a recover entry at all, by K or a key
// that K was replaced with, and the other branch nothing that a recovery key signed. So whoever has devices only freezes
// nobody after a recovery, and who stole a recovery key that was replaced moves nobody. Without K there is no winner.
func (l *Log) outranks(other *Log, n uint64) bool {
	k := l.recoveryBefore(n)
	if k == nil || other.replacedSince(n) {
		return false
	}
	all, byK := l.recoversSince(n, k)
	otherAll, otherByK := other.recoversSince(n, k)
	return byK > otherByK || all > 0 && otherAll == 0
}

// recoveryBefore is the recovery key that was in force before entry n, nil for none.
func (l *Log) recoveryBefore(n uint64) (k *cose.Verifier) {
	for _, r := range l.recovery {
		if r.seq < n {
			k = r.key
		}
	}
	return k
}

// recoversSince counts the recover entries from n on: all, and those by k.
func (l *Log) recoversSince(n uint64, k *cose.Verifier) (all, byK int) {
	for _, r := range l.recovers {
		if r.seq < n {
			continue
		}
		all++
		if r.by.Equal(k) {
			byK++
		}
	}
	return all, byK
}

// replacedSince reports whether an entry from n on set a recovery key.
func (l *Log) replacedSince(n uint64) bool {
	return l.HasRecovery() && l.recovery[len(l.recovery)-1].seq >= n
}

// Recovered reports whether the recovery key has signed since an earlier state of the log, or since another branch of it:
// every device of that time is gone then.
func (l *Log) Recovered(before *Log) bool {
	if l.Holds(before.Pin()) != nil {
		return true // only the recovery key leads from one branch to another
	}
	n := len(l.recovers)
	return n > 0 && l.recovers[n-1].seq > before.Pin().Seq
}
