package sotto

import (
	"context"
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
)

// A recovery box is for who has a password and nothing else: the recovery key, sealed under a lockbox that the app
// leaves with its server. Whoever gets hold of the box can try passwords on it, and the one that opens it has the
// account; so it is made only when an app asks for it, with a password that withstands that.

const (
	maxBoxLabel  = 128 // bytes; it may be that of a newer version
	maxBoxSealed = 256
	maxBox       = lockbox.MaxSize + 1<<10
)

// boxOwner is whom the lockbox in a recovery box is for.
func boxOwner(user string) []byte { return wire.AppendBound(nil, wire.LabelRecoveryBox, []byte(user)) }

func boxContext(user string) cose.Context { return cose.Bind(wire.LabelRecoveryBox, []byte(user)) }

// SealRecovery makes a recovery box of this user's: with one of the secrets OpenRecovery gets the recovery key out of
// it again. r must be the one in force: another one is fault.WrongSecret, none fault.Misuse. A box is opened once
// before it is returned.
func (a *Account) SealRecovery(ctx context.Context, r *recovery.Key, secrets ...*lockbox.Secret) ([]byte, error) {
	if len(secrets) == 0 {
		return nil, fmt.Errorf("sotto: no secret that opens the recovery box: %w", fault.Misuse)
	}
	if err := a.inForce(ctx, r); err != nil {
		return nil, err
	}
	box, root, err := lockbox.New(ctx, boxOwner(a.user), secrets[0], secrets[1:]...)
	if err != nil {
		return nil, err
	}
	defer root.Destroy()
	b, err := r.ExportSecret()
	if err != nil {
		return nil, err
	}
	defer clear(b)
	sealed, err := root.Encrypt0(nil, b, boxContext(a.user))
	if err != nil {
		return nil, err
	}
	made := wire.AppendText(wire.AppendHead(nil, wire.MajorArray, 3), wire.LabelRecoveryBox)
	made = wire.AppendBytes(wire.AppendBytes(made, box.Bytes()), sealed)
	for _, s := range secrets {
		again, err := OpenRecovery(ctx, a.user, made, s)
		if err != nil {
			return nil, err
		}
		same := again.Equal(r)
		again.Destroy()
		if !same {
			return nil, fmt.Errorf("sotto: recovery box does not give the key back: %w", fault.Damaged)
		}
	}
	return made, nil
}

// inForce tells whether r is the recovery key in force, as the own log is known here.
func (a *Account) inForce(ctx context.Context, r *recovery.Key) error {
	return a.view(ctx, func(v *view) error {
		me, err := v.me()
		if err != nil {
			return err
		}
		return me.Log.CheckRecovery(r)
	})
}

// RecoverySlots tells what opens a recovery box of that user's, and what it costs to try: who got the box from
// elsewhere looks before OpenRecovery spends the memory. The errors are those of OpenRecovery.
func RecoverySlots(user string, box []byte) ([]lockbox.Slot, error) {
	inner, _, err := readBox(box)
	if err != nil {
		return nil, err
	}
	slots, err := lockbox.Parse(inner, boxOwner(user))
	if err != nil {
		return nil, err
	}
	return slots.Slots(), nil
}

// OpenRecovery returns the recovery key out of a recovery box of that user's, for Recover. A secret that does not open
// it is fault.WrongSecret; a box that was cut or altered is fault.Damaged or fault.Malformed, as the place has it, one
// of another user fault.Damaged. Whether the key is the one in force, Recover tells.
func OpenRecovery(ctx context.Context, user string, box []byte, s *lockbox.Secret) (*recovery.Key, error) {
	inner, sealed, err := readBox(box)
	if err != nil {
		return nil, err
	}
	slots, err := lockbox.Parse(inner, boxOwner(user))
	if err != nil {
		return nil, err
	}
	root, err := slots.Open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer root.Destroy()
	b, err := root.Decrypt0(nil, sealed, boxContext(user))
	if err != nil {
		return nil, err
	}
	defer clear(b)
	return recovery.NewKey(b)
}

// readBox takes a recovery box apart: ["sotto/v1.recovery-box", lockbox, the recovery key sealed under its root].
func readBox(b []byte) (box, sealed []byte, err error) {
	if len(b) > maxBox {
		return nil, nil, fmt.Errorf("sotto: recovery box of %d bytes: %w", len(b), fault.OverLimit)
	}
	r := wire.NewReader(b)
	n := r.Array("sotto: recovery box", wire.MaxItems)
	label := r.Text("label", maxBoxLabel)
	if wire.NewerLabel(label) {
		return nil, nil, fmt.Errorf("sotto: recovery box: label: %w", fault.UnsupportedVersion)
	}
	if r.Err() == nil && (label != wire.LabelRecoveryBox || n != 3) {
		r.Fail("sotto: recovery box", "not the label and the elements of one", fault.Malformed)
	}
	box = r.Bytes("sotto: recovery box: lockbox", lockbox.MaxSize)
	sealed = r.Bytes("sotto: recovery box: key", maxBoxSealed)
	return box, sealed, r.End("sotto: recovery box")
}
