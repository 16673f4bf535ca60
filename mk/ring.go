package mk

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
)

// Ring holds the master keys that a user has had, newest first: after a change of password or kind, what was sealed
// under an older key still opens, and Rewrap brings it over. It is immutable and safe for concurrent use.
type Ring struct {
	_    [0]func()
	keys []*Key
}

// MaxRing bounds the keys of a ring.
const MaxRing = 64

// NewRing makes a ring. The keys stay the caller's: destroying one of them takes it out of use. No key is fault.Misuse,
// more than MaxRing are fault.OverLimit.
func NewRing(newest *Key, older ...*Key) (*Ring, error) {
	keys := append([]*Key{newest}, older...)
	if len(keys) > MaxRing {
		return nil, fmt.Errorf("mk: ring of %d keys: %w", len(keys), fault.OverLimit)
	}
	for _, k := range keys {
		if k == nil {
			return nil, fmt.Errorf("mk: ring with a nil key: %w", fault.Misuse)
		}
	}
	return &Ring{keys: keys}, nil
}

// WrapKey seals inner under the newest key.
func (r *Ring) WrapKey(inner *cose.Key, aad []byte) ([]byte, error) {
	keys := r.all()
	if len(keys) == 0 {
		return nil, fmt.Errorf("mk: empty ring: %w", fault.DestroyedKey)
	}
	return keys[0].WrapKey(inner, aad)
}

// UnwrapKey opens wrapped with the key that it was sealed under, which its commitment names. None of the ring is
// fault.WrongSecret.
func (r *Ring) UnwrapKey(wrapped, aad []byte) (*cose.Key, error) {
	inner, _, err := r.unwrap(wrapped, aad)
	return inner, err
}

// unwrap also returns the position of the key that opened wrapped.
func (r *Ring) unwrap(wrapped, aad []byte) (*cose.Key, int, error) {
	err := error(fault.DestroyedKey) // of a ring without keys
	for i, k := range r.all() {
		switch inner, failed := k.UnwrapKey(wrapped, aad); {
		case errors.Is(failed, fault.DestroyedKey): // out of use, as if it were not in the ring
		case errors.Is(failed, fault.WrongSecret):
			err = failed
		default:
			return inner, i, failed
		}
	}
	return nil, 0, err
}

// all are the keys of the ring, none for the zero value and nil, which are rings of destroyed keys.
func (r *Ring) all() []*Key {
	if r == nil {
		return nil
	}
	return r.keys
}

// Wrapped is a wrapped key with the aad of its Wrapper call. For what kek.Key.Wrap and dek.Key.Wrap made that is kek.AAD and
// dek.AAD of the aad they got.
type Wrapped struct{ Key, AAD []byte }

// Renewed is what became of one wrapped key: its bytes under the newest key, or why it could not be opened. A key that
// was under the newest one already keeps its bytes.
type Renewed struct {
	Key []byte
	Err error
}

// Rewrap seals every key of old under the newest master key and reports on each one, in the same order. It changes
// nothing that exists: the caller replaces the old bytes, and drops an old master key when no Err is left. When ctx is
// done, the rest is reported as fault.Canceled.
func (r *Ring) Rewrap(ctx context.Context, old []Wrapped) []Renewed {
	renewed := make([]Renewed, len(old))
	for i, w := range old {
		if err := canceled(ctx); err != nil {
			renewed[i].Err = err
			continue
		}
		renewed[i].Key, renewed[i].Err = r.rewrap(w)
	}
	return renewed
}

func (r *Ring) rewrap(w Wrapped) ([]byte, error) {
	inner, position, err := r.unwrap(w.Key, w.AAD)
	if err != nil {
		return nil, err
	}
	defer inner.Destroy()
	if position == 0 {
		return bytes.Clone(w.Key), nil
	}
	return r.WrapKey(inner, w.AAD)
}

var _ cose.Wrapper = (*Ring)(nil)
