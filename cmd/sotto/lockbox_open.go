package main

import (
	"context"
	"errors"
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
			positions, err := o.opened(cmd.Context())
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

// openBox is a lockbox that was opened.
type openBox struct {
	box     *lockbox.Box
	root    *cose.Key
	by      *lockbox.Secret
	secrets *secrets // where others come from
}

func (o *openBox) destroy() {
	o.root.Destroy()
	o.by.Destroy()
	o.secrets.destroy()
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
	if o.by, err = f.ask(cmd.Context(), from); err == nil {
		o.root, err = box.Open(cmd.Context(), o.by)
	}
	if err != nil {
		o.destroy()
		return nil, err
	}
	return o, nil
}

// ask returns the secret that opens the box.
func (f *boxFlags) ask(ctx context.Context, from *secrets) (*lockbox.Secret, error) {
	if !f.byRecovery {
		password, err := from.ask(ctx, "password")
		if err != nil {
			return nil, err
		}
		defer clear(password)
		return lockbox.Password(password, mk.Params{}), nil
	}
	text, err := from.ask(ctx, "recovery key")
	if err != nil {
		return nil, err
	}
	defer clear(text)
	k, err := recovery.Parse(text)
	var wrong *recovery.GroupError
	if errors.As(err, &wrong) { // what fault.Malformed advises is for stored data, not for what was typed
		return nil, fmt.Errorf("group %d of %d of the recovery key is mistyped: type it again", wrong.Group, recovery.Groups)
	}
	if err != nil {
		return nil, err
	}
	defer k.Destroy()
	return lockbox.Recovery(k), nil
}

// opened returns the positions of the slots that the secret opens, by trying each alone.
func (o *openBox) opened(ctx context.Context) (positions []int, err error) {
	for i := range o.box.Slots() {
		alone := o.box
		for j := len(o.box.Slots()) - 1; j >= 0 && err == nil; j-- {
			if j != i {
				alone, err = alone.Remove(o.root, j)
			}
		}
		if err != nil {
			return nil, err
		}
		root, err := alone.Open(ctx, o.by)
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
