package main

import (
	"fmt"
	"io"

	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
)

// recoveryKey is a recovery key that is made now and printed once, or none.
type recoveryKey struct {
	key  *recovery.Key   // nil for none
	slot *lockbox.Secret // that it opens
}

func newRecoveryKey(wanted bool) *recoveryKey {
	if !wanted {
		return &recoveryKey{}
	}
	k := recovery.Generate()
	return &recoveryKey{k, lockbox.Recovery(k)}
}

// slots are those that the key gets in a lockbox.
func (r *recoveryKey) slots() []*lockbox.Secret {
	if r.key == nil {
		return nil
	}
	return []*lockbox.Secret{r.slot}
}

func (r *recoveryKey) destroy() {
	r.key.Destroy()
	r.slot.Destroy()
}

// print shows the key, once the lockbox that it opens is stored. Who does not get to see it must know.
func (r *recoveryKey) print(w io.Writer, path, owner string) error {
	if r.key == nil {
		return nil
	}
	text, err := r.key.ExportSecretText()
	if err != nil {
		return err
	}
	defer clear(text)
	if _, err := fmt.Fprintf(w, recoveryNotice, text, printable(path), printable(owner)); err != nil {
		return fmt.Errorf("the new recovery key could not be shown, make another one: %w", err)
	}
	return nil
}

const recoveryNotice = `
The recovery key, which is shown this once:

    %s

Whoever has it opens everything that it belongs to, without a password, for ever. Write it down, keep the paper where
nobody else reads it and photograph it for no cloud. Then try it:

    sotto lockbox open %s --owner %s --by-recovery
`
