package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/mk/lockbox"
)

func lockboxNewCommand() *cobra.Command {
	var f boxFlags
	var withRecovery bool
	cmd := &cobra.Command{
		Use:   "new FILE --owner NAME",
		Short: "Make a lockbox with a new root key, which a password opens",
		Long: `Makes a new root key and a file that holds it for a password. With --recovery a recovery key opens it, too, and is
printed: it is the only secret that this program ever shows, and it shows it once.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.new(cmd, args[0], withRecovery)
		},
	}
	f.register(cmd)
	f.costs.register(cmd)
	cmd.Flags().BoolVar(&withRecovery, "recovery", false, "make a recovery key as well, and print it")
	return cmd
}

func (f *boxFlags) new(cmd *cobra.Command, path string, withRecovery bool) error {
	ctx := cmd.Context()
	if err := f.check(cmd); err != nil {
		return err
	}
	if err := mustBeNew(path); err != nil {
		return err
	}
	from, err := openSecrets(cmd, f.secrets)
	if err != nil {
		return err
	}
	defer from.destroy()
	password, err := f.costs.askPassword(ctx, from, "new password")
	if err != nil {
		return err
	}
	defer password.Destroy()
	printed := newRecoveryKey(withRecovery)
	defer printed.destroy()
	box, root, err := lockbox.New(ctx, []byte(f.owner), password, printed.slots()...)
	if err != nil {
		return err
	}
	defer root.Destroy()
	b, err := proved(ctx, box, f.owner, root, password)
	if err != nil {
		return err
	}
	if err := createFile(path, b); err != nil {
		return err
	}
	printBox(cmd.OutOrStdout(), path, box, root)
	return printed.print(cmd.OutOrStdout())
}

func lockboxPasswdCommand() *cobra.Command {
	var f boxFlags
	cmd := &cobra.Command{
		Use:   "passwd FILE --owner NAME",
		Short: "Change a password of a lockbox",
		Long: `Replaces every slot that the old password opens by one for the new password. The root key stays.
The old password still opens every old copy of the file, and so the root key: who may have both is shut out by a new
lockbox only.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.passwd(cmd, args[0]) },
	}
	f.register(cmd)
	f.costs.register(cmd)
	return cmd
}

func (f *boxFlags) passwd(cmd *cobra.Command, path string) error {
	ctx := cmd.Context()
	o, err := f.open(cmd, path)
	if err != nil {
		return err
	}
	defer o.destroy()
	next, err := f.costs.askPassword(ctx, o.secrets, "new password")
	if err != nil {
		return err
	}
	defer next.Destroy()
	box := o.box
	for _, other := range o.openers {
		if other == o.by {
			continue
		}
		// The old password may have slots of the other kind, too, which Replace leaves alone.
		positions, err := o.opened(ctx, other)
		if err != nil {
			return err
		}
		for _, i := range slices.Backward(positions) {
			if box, err = box.Remove(o.root, i); err != nil {
				return err
			}
		}
	}
	if box, err = box.Replace(ctx, o.by.secret, next); err != nil {
		return err
	}
	b, err := proved(ctx, box, f.owner, o.root, next)
	if err != nil {
		return err
	}
	if err := replaceFile(path, b); err != nil {
		return err
	}
	printBox(cmd.OutOrStdout(), path, box, o.root)
	fmt.Fprintln(cmd.OutOrStdout(), "The old password still opens old copies of this file.")
	return nil
}

func lockboxAddCommand() *cobra.Command {
	var f boxFlags
	cmd := &cobra.Command{
		Use:   "add FILE --owner NAME",
		Short: "Add a further password to a lockbox",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return f.add(cmd, args[0]) },
	}
	f.register(cmd)
	f.registerByRecovery(cmd)
	f.costs.register(cmd)
	return cmd
}

func (f *boxFlags) add(cmd *cobra.Command, path string) error {
	o, err := f.open(cmd, path)
	if err != nil {
		return err
	}
	defer o.destroy()
	password, err := f.costs.askPassword(cmd.Context(), o.secrets, "further password")
	if err != nil {
		return err
	}
	defer password.Destroy()
	return f.addSlot(cmd, path, o, password)
}

// addSlot writes the box with a slot more.
func (f *boxFlags) addSlot(cmd *cobra.Command, path string, o *openBox, s *lockbox.Secret) error {
	box, err := o.box.Add(cmd.Context(), o.root, s)
	if err != nil {
		return err
	}
	b, err := proved(cmd.Context(), box, f.owner, o.root, s)
	if err != nil {
		return err
	}
	if err := replaceFile(path, b); err != nil {
		return err
	}
	printBox(cmd.OutOrStdout(), path, box, o.root)
	return nil
}

func lockboxRecoveryCommand() *cobra.Command {
	var f boxFlags
	cmd := &cobra.Command{
		Use:   "recovery FILE --owner NAME",
		Short: "Add a new recovery key to a lockbox, and print it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.open(cmd, args[0])
			if err != nil {
				return err
			}
			defer o.destroy()
			printed := newRecoveryKey(true)
			defer printed.destroy()
			if err := f.addSlot(cmd, args[0], o, printed.slots()[0]); err != nil {
				return err
			}
			return printed.print(cmd.OutOrStdout())
		},
	}
	f.register(cmd)
	f.registerByRecovery(cmd)
	return cmd
}
