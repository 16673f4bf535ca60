// Package secret holds what every secret of sotto has in common: it dies on request, it never prints itself, and it is
// compared in constant time.
package secret

import (
	"sync"

	"github.com/sottokit/sotto/fault"
)

// Life lets a secret be destroyed while others use it. A use lies between Begin and End; Kill waits for running uses
// and makes later ones fail. The zero value is dead, so a key that no constructor made is a destroyed key.
//
// Begin must not nest, not even for two different keys: a Kill that waits in between would block both for ever. What
// needs two secrets copies one out first.
type Life struct {
	mu    sync.RWMutex
	alive bool
}

// Birth makes the secret usable. Constructors call it once, before they share the value.
func (l *Life) Birth() { l.alive = true }

// Begin starts a use, or fails with fault.DestroyedKey. After a nil error, End must follow.
func (l *Life) Begin() error {
	l.mu.RLock()
	if !l.alive {
		l.mu.RUnlock()
		return fault.DestroyedKey
	}
	return nil
}

// End ends a use.
func (l *Life) End() { l.mu.RUnlock() }

// Kill waits for running uses, calls wipe, and makes the secret unusable. Only the first call does anything.
func (l *Life) Kill(wipe func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.alive {
		l.alive = false
		wipe()
	}
}
