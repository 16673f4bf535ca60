package lockbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/slot"
)

// Open returns the root. It tries the secret on every slot of its kind, a password on those of both kinds for passwords;
// another one, or a kind that no slot is of, is fault.WrongSecret. A slot that commits to the secret and does not open, and a box whose slots are not those that a holder
// of the root put there, are fault.Damaged.
//
// Opening takes the time, and for Argon2id the memory, that the slots ask for, each slot in turn: see Slots. ctx is looked
// at in between (fault.Canceled). A slot that fails does not keep another one from opening; when none opens, the first
// error that is more than a wrong secret is reported, of a key store that did not answer for example (fault.StoreFailed).
func (b *Box) Open(ctx context.Context, s *Secret) (*cose.Key, error) {
	root, _, err := b.open(ctx, s, false)
	return root, err
}

// open tries s on the slots of its kind, in order, until one opens, or on all of them. It returns the root and the positions
// of the slots that opened, at least one. Of all slots, each must open or be that of another secret: one that fails
// otherwise may open tomorrow.
func (b *Box) open(ctx context.Context, s *Secret, all bool) (root *cose.Key, opened []int, err error) {
	if err := b.check(); err != nil {
		return nil, nil, err
	}
	if err := s.check(); err != nil {
		return nil, nil, err
	}
	err = fmt.Errorf("lockbox: no slot for a secret of kind %v: %w", Kind(s.kind), fault.WrongSecret)
	for i, t := range b.slots {
		if !s.mayOpen(t.Kind) || root != nil && !all {
			continue
		}
		key, failed := b.openSlot(ctx, t, s)
		if failed == nil {
			root.Destroy() // of a slot before; it is the same
			root, opened = key, append(opened, i)
			continue
		}
		failed = fmt.Errorf("lockbox: slot %d: %w", i, failed)
		switch fault.Of(failed) {
		case fault.WrongSecret:
		case fault.Canceled, fault.DestroyedKey: // it will be the same for every slot
			root.Destroy()
			return nil, nil, failed
		default:
			if all {
				root.Destroy()
				return nil, nil, failed
			}
		}
		if errors.Is(err, fault.WrongSecret) {
			err = failed
		}
	}
	if root == nil {
		return nil, nil, err
	}
	return root, opened, nil
}

// openSlot returns the root in a slot, for which the whole box was verified.
func (b *Box) openSlot(ctx context.Context, t *slot.Slot, s *Secret) (*cose.Key, error) {
	if err := canceled(ctx); err != nil {
		return nil, err
	}
	derived, err := s.derive(ctx, &t.Header, b.wrapAAD(t.Salt))
	if err != nil {
		return nil, err
	}
	defer clear(derived)
	secret, err := t.Open(b.place(), derived)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	root, err := cose.NewKey(cose.A256GCM, secret)
	if err != nil {
		return nil, err
	}
	if ours, err := b.isRoot(root); err != nil || !ours {
		root.Destroy()
		return nil, fmt.Errorf("the slots are not those of the root: %w", fault.Damaged)
	}
	return root, nil
}

// newSlot seals root for s.
func (b *Box) newSlot(ctx context.Context, root *cose.Key, s *Secret) ([]byte, error) {
	if err := canceled(ctx); err != nil {
		return nil, err
	}
	salt, iv := make([]byte, slot.SaltSize), make([]byte, slot.IVSize)
	rand.Read(salt)
	rand.Read(iv)
	h, err := s.header(salt, b.wrapAAD(salt))
	if err != nil {
		return nil, err
	}
	derived, err := s.derive(ctx, h, b.wrapAAD(salt))
	if err != nil {
		return nil, err
	}
	defer clear(derived)
	secret, err := root.ExportSecret()
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	return slot.Seal(b.place(), h, derived, iv, secret)
}

func canceled(ctx context.Context) error {
	if ctx == nil {
		return fmt.Errorf("no context: %w", fault.Misuse)
	}
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", fault.Canceled, ctx.Err())
}
