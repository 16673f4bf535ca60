// Package secret holds what every secret of sotto has in common: it dies on request, it never prints itself, and it is
// compared in constant time.
package secret

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"sync"

	"github.com/sottokit/sotto/fault"
)

// Bytes is a secret byte string that can be destroyed while others use it. It is safe for concurrent use. The zero value
// and nil are destroyed ones.
type Bytes struct {
	mu  sync.RWMutex
	box *box // nil after Destroy
}

// box keeps the bytes one pointer further away than package fmt goes: under a verb that does not fit (%s of a struct that
// holds a key) it follows unexported pointers, past every method.
type box struct{ b []byte }

// Own returns a new secret that holds b itself: the caller gives it away.
func Own(b []byte) *Bytes { return &Bytes{box: &box{b}} }

// Use calls f with the secret bytes, which f must not keep. It fails with fault.DestroyedKey after Destroy, and with
// whatever f returns.
//
// Uses must not nest, not even of two different secrets: a Destroy that waits in between would block both for ever. What
// needs two secrets exports one first.
func (s *Bytes) Use(f func(b []byte) error) error {
	if s == nil {
		return fault.DestroyedKey
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.box == nil {
		return fault.DestroyedKey
	}
	return f(s.box.b)
}

// Export returns a copy of the secret bytes, which the caller wipes when done.
func (s *Bytes) Export() ([]byte, error) {
	var out []byte
	err := s.Use(func(b []byte) error {
		out = bytes.Clone(b)
		return nil
	})
	return out, err
}

// Format writes that there is a secret, for every verb.
func (s *Bytes) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("secret")) }

// Equal compares two secrets in constant time. A destroyed secret equals nothing, itself included.
func (s *Bytes) Equal(other *Bytes) bool {
	mine, err := s.Export()
	if err != nil {
		return false
	}
	defer clear(mine)
	equal := false
	err = other.Use(func(b []byte) error {
		equal = subtle.ConstantTimeCompare(mine, b) == 1
		return nil
	})
	return err == nil && equal
}

// Destroy wipes the secret. It waits for running uses and is idempotent.
func (s *Bytes) Destroy() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.box != nil {
		clear(s.box.b)
		s.box = nil
	}
}
