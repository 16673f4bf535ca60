package lockbox

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/secret"
	"github.com/sottokit/sotto/internal/slot"
	"github.com/sottokit/sotto/mk"
	"github.com/sottokit/sotto/recovery"
)

// Bounds of the iterations of PBKDF2Password, and what 0 stands for (OWASP's recommendation for HMAC-SHA-256).
const (
	MinRounds     = slot.MinRounds
	MaxRounds     = slot.MaxRounds
	DefaultRounds = 600_000
)

// derivedSize is the length of what a slot's key is made of, in bytes.
const derivedSize = 32

// redacted keeps secrets out of everything that prints.
type redacted = secret.Redacted

// Secret says how a slot is opened. It is made inside the call that uses it: what is wrong with it is reported there. It may
// serve many calls and boxes and is safe for concurrent use, as far as a wrapper in it is. The zero value and nil are
// destroyed ones.
type Secret struct {
	_ [0]func()
	redacted
	kind    slot.Kind
	held    *secret.Bytes // the prepared password; what follows from the recovery key; nothing for a wrapper
	params  mk.Params     // Argon2id
	rounds  int           // PBKDF2
	wrapper cose.Wrapper
	err     error // what is wrong with it
}

// Password is a password that Argon2id stretches. params are the costs of a new slot, within the bounds of mk.Params.Check;
// mk.Calibrate finds them. Opening takes those of the slot, so they may be zero there.
//
// The password is UTF-8 as the user typed it, at most mk.MaxPassword bytes (fault.OverLimit); p is copied. Different
// spellings of the same characters count as one (RFC 8265 §4.2, see docs/spec/lockbox.md). An empty password, a control
// character and what is not UTF-8 are fault.Malformed.
func Password(p []byte, params mk.Params) *Secret {
	prepared, err := prepare(p)
	s := newSecret(slot.Argon2id, prepared, err)
	s.params = params
	return s
}

// PBKDF2Password is a password that PBKDF2-HMAC-SHA-256 stretches, for machines that have no memory to spare. Prefer
// Password: graphics cards try passwords on this one. rounds are the iterations of a new slot, MinRounds to MaxRounds; 0
// stands for DefaultRounds. Fewer are fault.Misuse, more fault.OverLimit. Opening takes those of the slot. The password is
// that of Password.
func PBKDF2Password(p []byte, rounds int) *Secret {
	prepared, err := prepare(p)
	switch {
	case rounds == 0:
		rounds = DefaultRounds
	case rounds < MinRounds:
		err = fmt.Errorf("lockbox: %d iterations of PBKDF2: %w", rounds, fault.Misuse)
	case rounds > MaxRounds:
		err = fmt.Errorf("lockbox: %d iterations of PBKDF2: %w", rounds, fault.OverLimit)
	}
	s := newSecret(slot.PBKDF2, prepared, err)
	s.rounds = rounds
	return s
}

// Recovery is the printed recovery key. The Secret holds what follows from it and outlives r.
func Recovery(r *recovery.Key) *Secret {
	derived, err := r.ExportSecretFor(recovery.ForLockbox)
	return newSecret(slot.Recovery, derived, wrapError(err))
}

// Wrapped is whatever wraps keys: a master key or ring, or the phone's key store. A slot then holds a random key that w
// sealed. w stays the caller's. nil is fault.Misuse.
//
// Boxes are tried slot by slot, so w gets keys that other wrappers sealed, and answers fault.WrongSecret or
// fault.Malformed. When its user declines, it answers fault.Canceled, and no other slot is tried.
func Wrapped(w cose.Wrapper) *Secret {
	var err error
	if w == nil {
		err = fmt.Errorf("lockbox: no wrapper: %w", fault.Misuse)
	}
	s := newSecret(slot.Wrapped, nil, err)
	s.wrapper = w
	return s
}

// newSecret owns held.
func newSecret(kind slot.Kind, held []byte, err error) *Secret {
	return &Secret{redacted: secret.Redact("lockbox.Secret", nil), kind: kind, held: secret.Own(held), err: err}
}

// Destroy wipes what the Secret holds. It is idempotent; later uses fail with fault.DestroyedKey. A wrapper is not touched.
func (s *Secret) Destroy() {
	if s != nil {
		s.held.Destroy()
	}
}

// check reports what is wrong with the secret.
func (s *Secret) check() error {
	if s == nil {
		return wrapError(fault.DestroyedKey)
	}
	if s.err != nil {
		return s.err
	}
	return wrapError(s.held.Use(func([]byte) error { return nil }))
}

// mayOpen reports whether the secret is tried on slots of a kind. A user does not know how the password was stretched.
func (s *Secret) mayOpen(k slot.Kind) bool {
	isPassword := func(k slot.Kind) bool { return k == slot.PBKDF2 || k == slot.Argon2id }
	return k == s.kind || isPassword(k) && isPassword(s.kind)
}

// header is what a new slot says. aad is where a wrapped key belongs.
func (s *Secret) header(salt, aad []byte) (*slot.Header, error) {
	h := &slot.Header{Kind: s.kind, Salt: salt}
	switch s.kind {
	case slot.PBKDF2:
		h.Costs = []int64{int64(s.rounds)}
	case slot.Argon2id:
		h.Costs = []int64{int64(s.params.Time), int64(s.params.MemoryKiB), int64(s.params.Threads)}
	case slot.Wrapped:
		key, err := cose.GenerateKey(cose.A256GCM)
		if err != nil {
			return nil, err
		}
		defer key.Destroy()
		if h.Wrapped, err = cose.Wrap(s.wrapper, key, aad); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// derive returns the derivedSize bytes that the key of a slot is made of. The caller wipes them.
func (s *Secret) derive(ctx context.Context, h *slot.Header, aad []byte) ([]byte, error) {
	held, err := s.held.Export()
	if err != nil {
		return nil, err
	}
	switch h.Kind {
	case slot.PBKDF2:
		defer clear(held)
		return pbkdf2.Key(sha256.New, string(held), h.Salt, int(h.Costs[0]), derivedSize) // the string cannot be wiped
	case slot.Argon2id:
		defer clear(held)
		stretched, err := mk.Stretch(ctx, held, h.Salt, argon2Params(h.Costs))
		if err != nil {
			return nil, err
		}
		defer stretched.Destroy()
		return stretched.ExportSecret()
	case slot.Wrapped:
		return s.unwrap(h.Wrapped, aad)
	}
	return held, nil // of the recovery key
}

// argon2Params are the costs of a slot of kind Argon2id, whose bounds were checked when it was parsed; those of a new slot
// are checked by mk.Stretch.
func argon2Params(costs []int64) mk.Params {
	return mk.Params{Time: uint32(costs[0]), MemoryKiB: uint32(costs[1]), Threads: uint8(costs[2])}
}

func (s *Secret) unwrap(wrapped, aad []byte) ([]byte, error) {
	key, err := cose.Unwrap(s.wrapper, wrapped, aad)
	if errors.Is(err, fault.Malformed) { // the check of the box was right, so it is whole, and another kind of wrapper's
		return nil, fmt.Errorf("of another wrapper: %w", fault.WrongSecret)
	}
	if err != nil {
		return nil, err
	}
	defer key.Destroy()
	return key.ExportSecret()
}
