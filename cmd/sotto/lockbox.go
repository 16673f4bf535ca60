package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk"
	"github.com/sottokit/sotto/mk/lockbox"
)

func lockboxCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lockbox",
		Short: "A root key in a file, opened by passwords and a recovery key",
		Args:  noSuchCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true}, // those of a command that is not there
	}
	cmd.AddCommand(lockboxNewCommand(), lockboxOpenCommand(), lockboxSlotsCommand(),
		lockboxPasswdCommand(), lockboxAddCommand(), lockboxRecoveryCommand(), lockboxRemoveCommand())
	return cmd
}

// boxFlags are what the commands on a lockbox are told, each as far as it takes it.
type boxFlags struct {
	owner      string
	secrets    string
	byRecovery bool
	costs      costs
}

func (f *boxFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.owner, "owner", "", "whose lockbox it is, a user ID for example: it opens for no other")
	secretsFlag(cmd, &f.secrets)
}

func (f *boxFlags) registerByRecovery(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.byRecovery, "by-recovery", false, "open with the recovery key instead of a password")
}

// check refuses wrong usage before anything is read or asked.
func (f *boxFlags) check(cmd *cobra.Command) error {
	if len(f.owner) == 0 || len(f.owner) > lockbox.MaxOwner {
		return fmt.Errorf("--owner takes 1 to %d bytes: %w", lockbox.MaxOwner, errUsage)
	}
	return f.costs.check(cmd)
}

// costs are what it takes to open the slot of a new password.
type costs struct {
	argon2 mk.Params
	pbkdf2 int // iterations; 0 for Argon2id
}

func (c *costs) register(cmd *cobra.Command) {
	cmd.Flags().Uint32Var(&c.argon2.Time, "time", defaultParams.Time, "passes of Argon2id, see mk calibrate")
	cmd.Flags().Uint32Var(&c.argon2.MemoryKiB, "memory", defaultParams.MemoryKiB, "memory of Argon2id, in KiB")
	cmd.Flags().Uint8Var(&c.argon2.Threads, "threads", defaultParams.Threads, "lanes of Argon2id")
	cmd.Flags().IntVar(&c.pbkdf2, "pbkdf2", 0,
		fmt.Sprintf("iterations of PBKDF2 in place of Argon2id, %d for example", lockbox.DefaultRounds))
}

// defaultParams are what OWASP recommends for Argon2id.
var defaultParams = mk.Params{Time: 2, MemoryKiB: 19456, Threads: 1}

func (c *costs) check(cmd *cobra.Command) error {
	if cmd.Flags().Lookup("pbkdf2") == nil { // the command sets no password
		return nil
	}
	if cmd.Flags().Changed("pbkdf2") {
		for _, name := range []string{"time", "memory", "threads"} {
			if cmd.Flags().Changed(name) {
				return fmt.Errorf("--%s is for Argon2id, not for --pbkdf2: %w", name, errUsage)
			}
		}
		if c.pbkdf2 < lockbox.MinRounds || c.pbkdf2 > lockbox.MaxRounds {
			return fmt.Errorf("--pbkdf2 takes %d to %d: %w", lockbox.MinRounds, lockbox.MaxRounds, errUsage)
		}
	}
	if err := c.argon2.Check(); err != nil {
		return fmt.Errorf("%w: %w", err, errUsage)
	}
	return nil
}

// keep takes over the costs of the slots that are replaced, where no flag says otherwise, and never goes below the default.
func (c *costs) keep(cmd *cobra.Command, box *lockbox.Box, positions []int) {
	for _, name := range []string{"time", "memory", "threads", "pbkdf2"} {
		if cmd.Flags().Changed(name) {
			return
		}
	}
	stretched := false
	for _, i := range positions {
		s := box.Slots()[i]
		stretched = stretched || s.Kind == lockbox.KindArgon2id
		c.argon2.Time = max(c.argon2.Time, s.Params.Time)
		c.argon2.MemoryKiB = max(c.argon2.MemoryKiB, s.Params.MemoryKiB)
		c.argon2.Threads = max(c.argon2.Threads, s.Params.Threads)
		c.pbkdf2 = max(c.pbkdf2, s.Rounds)
	}
	if stretched {
		c.pbkdf2 = 0
	} else {
		c.pbkdf2 = max(c.pbkdf2, lockbox.DefaultRounds)
	}
}

// secret makes a new password what its slot is made of.
func (c *costs) secret(password []byte) *lockbox.Secret {
	if c.pbkdf2 > 0 {
		return lockbox.PBKDF2Password(password, c.pbkdf2)
	}
	return lockbox.Password(password, c.argon2)
}

// askPassword has a new password set.
func (c *costs) askPassword(ctx context.Context, from *secrets, what string) (*lockbox.Secret, error) {
	password, err := from.askNew(ctx, what)
	if err != nil {
		return nil, err
	}
	defer clear(password)
	return c.secret(password), nil
}

// readBox reads a lockbox file. Damage shows here, before a password is asked for.
func readBox(path, owner string) (*lockbox.Box, error) {
	b, err := readInput(path, nil)
	if err != nil {
		return nil, err
	}
	return lockbox.Parse(b, []byte(owner))
}

// proved returns what is to be written of box, after it was read again and opened by a secret that was just set.
func proved(ctx context.Context, box *lockbox.Box, owner string, root *cose.Key, by *lockbox.Secret) ([]byte, error) {
	again, err := lockbox.Parse(box.Bytes(), []byte(owner))
	if err != nil {
		return nil, err
	}
	opened, err := again.Open(ctx, by)
	if err != nil {
		return nil, err
	}
	defer opened.Destroy()
	if !opened.Equal(root) {
		return nil, fmt.Errorf("the lockbox does not open to its root: %w", fault.Damaged)
	}
	return box.Bytes(), nil
}

func printBox(w io.Writer, path string, box *lockbox.Box, root *cose.Key) {
	fmt.Fprintf(w, "lockbox    %s, %s\n", printable(path), size(len(box.Bytes())))
	if root != nil {
		fmt.Fprintf(w, "root       key id %x\n", root.ID())
	}
	for i, s := range box.Slots() {
		fmt.Fprintf(w, "slot %-5d %s\n", i, slotText(s))
	}
}

// slotText says what opens a slot, and what that takes.
func slotText(s lockbox.Slot) string {
	switch s.Kind {
	case lockbox.KindArgon2id:
		return fmt.Sprintf("password, %v: memory %.1f MiB, passes %d", s.Kind, float64(s.MemoryBytes)/(1<<20), s.Params.Time)
	case lockbox.KindPBKDF2:
		return fmt.Sprintf("password, %v: iterations %d", s.Kind, s.Rounds)
	}
	return s.Kind.String()
}
