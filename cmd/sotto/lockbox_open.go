package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
)

func lockboxOpenCommand() *cobra.Command {
	var f boxFlags
	cmd := &cobra.Command{
		Use:   "open FILE --owner NAME",
		Short: "Try a password, or the recovery key: which slot opens, and the id of the root key",
		Long: `Opens a lockbox and says which slot opened and what the id of its root key is. The root key is not shown. A
damaged file, and one of another owner, is told before a secret is asked for. A mistyped recovery key is answered with the
number of the wrong group.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.open(cmd, args[0])
			if err != nil {
				return err
			}
			defer o.destroy()
			positions, err := o.opened(cmd.Context(), o.by)
			if err != nil {
				return err
			}
			for _, i := range positions {
				fmt.Fprintf(cmd.OutOrStdout(), "opened by  slot %d, %s\n", i, slotText(o.box.Slots()[i]))
			}
			fmt.Fprintf(cmd.OutOrStdout(), "root       key id %x\n", o.root.ID())
			return nil
		},
	}
	f.register(cmd)
	f.registerByRecovery(cmd)
	return cmd
}

func lockboxSlotsCommand() *cobra.Command {
	var f boxFlags
	cmd := &cobra.Command{
		Use:   "slots FILE --owner NAME",
		Short: "List what opens a lockbox, and the memory that takes",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			box, err := readBox(args[0], f.owner)
			if err != nil {
				return err
			}
			printBox(cmd.OutOrStdout(), args[0], box, nil)
			return nil
		},
	}
	cmd.Flags().StringVar(&f.owner, "owner", "", "whose lockbox it is")
	return cmd
}

// opener is a secret of the user, as one kind of slot takes it.
type opener struct {
	kind   lockbox.Kind
	secret *lockbox.Secret
}

// openBox is a lockbox that was opened.
type openBox struct {
	box     *lockbox.Box
	root    *cose.Key
	by      opener
	openers []opener // all of the secret that was asked for
	secrets *secrets // where others come from
}

func (o *openBox) destroy() {
	o.root.Destroy()
	o.secrets.destroy()
	for _, by := range o.openers {
		by.secret.Destroy()
	}
}

// open reads a lockbox file, asks for a secret and opens the box with it.
func (f *boxFlags) open(cmd *cobra.Command, path string) (*openBox, error) {
	if err := f.check(cmd); err != nil {
		return nil, err
	}
	box, err := readBox(path, f.owner)
	if err != nil {
		return nil, err
	}
	from, err := openSecrets(cmd, f.secrets)
	if err != nil {
		return nil, err
	}
	o := &openBox{box: box, secrets: from}
	if o.openers, err = f.ask(cmd.Context(), from); err == nil {
		err = o.try(cmd.Context())
	}
	if err != nil {
		o.destroy()
		return nil, err
	}
	return o, nil
}

// ask returns the secret that opens the box. Of a password nobody says which kind of slot it is for.
func (f *boxFlags) ask(ctx context.Context, from *secrets) ([]opener, error) {
	if !f.byRecovery {
		password, err := from.ask(ctx, "password")
		if err != nil {
			return nil, err
		}
		defer clear(password)
		return []opener{
			{lockbox.KindArgon2id, lockbox.Password(password, mk.Params{})},
			{lockbox.KindPBKDF2, lockbox.PBKDF2Password(password, 0)},
		}, nil
	}
	text, err := from.ask(ctx, "recovery key")
	if err != nil {
		return nil, err
	}
	defer clear(text)
	k, err := recovery.Parse(text)
	if err != nil {
		return nil, err
	}
	defer k.Destroy()
	return []opener{{lockbox.KindRecovery, lockbox.Recovery(k)}}, nil
}

// try opens the box. Of the errors, one that is more than a wrong secret counts.
func (o *openBox) try(ctx context.Context) error {
	failed := fmt.Errorf("no slot of the lockbox opens: %w", fault.WrongSecret)
	for _, by := range o.openers {
		root, err := o.box.Open(ctx, by.secret)
		if err == nil {
			o.root, o.by = root, by
			return nil
		}
		if fault.Of(err) != fault.WrongSecret {
			failed = err
		}
	}
	return failed
}

// slotsOf are the positions of the slots of a kind.
func (o *openBox) slotsOf(kind lockbox.Kind) (positions []int) {
	for i, s := range o.box.Slots() {
		if s.Kind == kind {
			positions = append(positions, i)
		}
	}
	return positions
}

// opened returns the positions of the slots that a secret opens, by trying each alone.
func (o *openBox) opened(ctx context.Context, by opener) (positions []int, err error) {
	for _, i := range o.slotsOf(by.kind) {
		alone := o.box
		for j := len(o.box.Slots()) - 1; j >= 0 && err == nil; j-- {
			if j != i {
				alone, err = alone.Remove(o.root, j)
			}
		}
		if err != nil {
			return nil, err
		}
		root, err := alone.Open(ctx, by.secret)
		if err != nil && fault.Of(err) != fault.WrongSecret {
			return nil, err
		}
		if err == nil {
			root.Destroy()
			positions = append(positions, i)
		}
	}
	return positions, nil
}
