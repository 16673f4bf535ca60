// Package lockbox keeps one random root secret that several secrets open: passwords, the printed recovery key, a phone's
// key store. Each has a slot of its own in the box. Most people need New, Parse and Box.Open; a change of password is
// Box.Replace.
//
//	box, root, err := lockbox.New(ctx, owner, lockbox.Password(password, params), lockbox.Recovery(printed))
//
// The root stays the same for the life of a box, so that what it protects never has to be sealed anew. For the same reason
// a change of password does not shut out who has the old password and an old copy of the box: that needs a new box, with a
// new root.
//
// A box is public but for what its weakest password is worth: whoever has it can try passwords on it. Have the user type a
// password once more after setting it, and open the box with it, before anything relies on it.
package lockbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/slot"
)

// Limits.
const (
	MaxSlots = 16       // of a box; it has one at least
	MaxOwner = 256      // bytes of the owner's name; it has one at least
	MaxSize  = 32 << 10 // of a box, in bytes
)

// Box is a lockbox as it is stored. It is immutable: what changes it returns a new one, and the caller stores that before
// the old one is dropped. It is safe for concurrent use. The zero value and nil are no box (fault.Misuse).
type Box struct {
	_     [0]func()
	owner []byte
	id    [idSize]byte
	slots []*slot.Slot
	body  []byte
	mac   []byte
	raw   []byte
}

// New draws a new root, a key of A256GCM, and seals it in a slot for each secret, in the given order. The box opens for the
// same owner only, a user's ID for example: 1 to MaxOwner bytes, else fault.Misuse. Each password takes its time; ctx is
// looked at in between (fault.Canceled). A wrapper is asked to open what it just sealed.
//
// A secret that cannot be used is reported here: see Password, PBKDF2Password, Recovery and Wrapped. More than MaxSlots
// secrets, or a wrapper's key that is too long for a slot, are fault.OverLimit.
func New(ctx context.Context, owner []byte, first *Secret, more ...*Secret) (*Box, *cose.Key, error) {
	if err := checkOwner(owner); err != nil {
		return nil, nil, err
	}
	root, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		return nil, nil, wrapError(err)
	}
	empty := &Box{owner: owner}
	rand.Read(empty.id[:])
	b, err := empty.with(ctx, root, nil, append([]*Secret{first}, more...)...)
	if err != nil {
		root.Destroy()
		return nil, nil, err
	}
	return b, root, nil
}

// Add returns the box with one more slot behind the others. root is what Open gave: another one is fault.WrongSecret. The
// errors of the secret are those of New; a box of MaxSlots slots is fault.OverLimit.
func (b *Box) Add(ctx context.Context, root *cose.Key, s *Secret) (*Box, error) {
	if err := b.checkRoot(root); err != nil {
		return nil, err
	}
	return b.with(ctx, root, b.rawSlots(), s)
}

// Remove returns the box without a slot, given as its position in Slots. root is what Open gave: another one is
// fault.WrongSecret. A position that is none and the last slot left are fault.Misuse. Old copies of the box keep the slot.
func (b *Box) Remove(root *cose.Key, position int) (*Box, error) {
	if err := b.checkRoot(root); err != nil {
		return nil, err
	}
	if position < 0 || position >= len(b.slots) {
		return nil, fmt.Errorf("lockbox: slot %d of %d: %w", position, len(b.slots), fault.Misuse)
	}
	if len(b.slots) == 1 {
		return nil, fmt.Errorf("lockbox: the last slot stays: %w", fault.Misuse)
	}
	return b.sealed(root, slices.Delete(b.rawSlots(), position, position+1))
}

// Replace is a change of password: it returns the box with a slot for next in place of every slot that old opens, of both
// kinds for passwords. The root stays. The errors are those of Open
// for old and of New for next; nothing has changed then.
//
// The old password no longer opens the new box. It still opens every old copy of the box that somebody kept, and so the
// root: see the package comment.
func (b *Box) Replace(ctx context.Context, old, next *Secret) (*Box, error) {
	if err := next.check(); err != nil { // before old takes its time
		return nil, err
	}
	root, opened, err := b.open(ctx, old, true)
	if err != nil {
		return nil, err
	}
	defer root.Destroy()
	var kept [][]byte
	for i, raw := range b.rawSlots() {
		if !slices.Contains(opened, i) {
			kept = append(kept, raw)
		}
	}
	return b.with(ctx, root, kept, next)
}

// with returns a box of the given slots and new ones for the secrets behind them. The secrets are checked before the first
// password takes its time.
func (b *Box) with(ctx context.Context, root *cose.Key, slots [][]byte, secrets ...*Secret) (*Box, error) {
	if n := len(slots) + len(secrets); n > MaxSlots {
		return nil, fmt.Errorf("lockbox: %d slots: %w", n, fault.OverLimit)
	}
	for _, s := range secrets {
		if err := s.check(); err != nil {
			return nil, err
		}
	}
	for _, s := range secrets {
		raw, err := b.newSlot(ctx, root, s)
		if err != nil {
			return nil, fmt.Errorf("lockbox: new slot %d: %w", len(slots), err)
		}
		slots = append(slots, raw)
	}
	return b.sealed(root, slots)
}

// String tells how many slots there are. A whole box does not belong in a log: passwords can be tried on it.
func (b *Box) String() string { return fmt.Sprintf("lockbox of %d slots", len(b.Slots())) }

// Bytes returns a copy of the box as it is stored.
func (b *Box) Bytes() []byte {
	if b == nil {
		return nil
	}
	return bytes.Clone(b.raw)
}

// check refuses what is no box.
func (b *Box) check() error {
	if b == nil || len(b.slots) == 0 {
		return fmt.Errorf("lockbox: no box: %w", fault.Misuse)
	}
	return nil
}

func checkOwner(owner []byte) error {
	if len(owner) == 0 || len(owner) > MaxOwner {
		return fmt.Errorf("lockbox: owner of %d bytes: %w", len(owner), fault.Misuse)
	}
	return nil
}

// wrapError names the package in an error that comes from below.
func wrapError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("lockbox: %w", err)
}
