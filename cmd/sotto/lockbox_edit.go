package main

import (
	"fmt"

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
	return printed.print(cmd.OutOrStdout(), path, f.owner)
}

func lockboxPasswdCommand() *cobra.Command {
	var f boxFlags
	cmd := &cobra.Command{
		Use:   "passwd FILE --owner NAME",
		Short: "Change a password of a lockbox",
		Long: `Replaces every slot that the old password opens by one for the new password, with the same costs unless flags say
otherwise. The root key stays. With --secrets, the old password comes first.
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
	positions, err := o.opened(ctx)
	if err != nil {
		return err
	}
	f.costs.keep(cmd, o.box, positions)
	next, err := f.costs.askPassword(ctx, o.secrets, "new password")
	if err != nil {
		return err
	}
	defer next.Destroy()
	box, err := o.box.Replace(ctx, o.by, next)
	if err != nil {
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

func lockboxRemoveCommand() *cobra.Command {
	var f boxFlags
	var position int
	cmd := &cobra.Command{
		Use:   "remove FILE --owner NAME --slot N",
		Short: "Remove a slot from a lockbox, by its number in the list of slots",
		Long: `Removes a slot: a password that was forgotten, or a recovery key whose paper is lost. The last slot stays. What opened
the slot still opens every old copy of the file.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.open(cmd, args[0])
			if err != nil {
				return err
			}
			defer o.destroy()
			box, err := o.box.Remove(o.root, position)
			if err != nil {
				return fmt.Errorf("--slot: %w: %w", err, errUsage)
			}
			if err := replaceFile(args[0], box.Bytes()); err != nil {
				return err
			}
			printBox(cmd.OutOrStdout(), args[0], box, o.root)
			return nil
		},
	}
	f.register(cmd)
	f.registerByRecovery(cmd)
	cmd.Flags().IntVar(&position, "slot", -1, "number of the slot")
	return cmd
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
			return printed.print(cmd.OutOrStdout(), args[0], f.owner)
		},
	}
	f.register(cmd)
	f.registerByRecovery(cmd)
	return cmd
}
