// Command sotto shows and checks what the SDK does: two people who talk, and the keys underneath, with real files (demo),
// published test vectors (conformance), the structure of a message or key (inspect), and the costs of a password on this
// machine (mk calibrate). It keeps a root key in a file (lockbox), makes devices and verifies their logs (device), links a new
// device with a QR code or a short code (link), and shows what two users compare (safety-number). It never prints the secret
// of a key, but for a recovery key, once, when it is made.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/fault"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends what cannot be interrupted, Argon2id for example
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

var (
	errUsage    = errors.New("see --help") // wraps into errors that the command line itself is to blame for
	errReported = errors.New("reported")   // the command has printed what went wrong
)

// run is the whole program. It returns the exit code: 0, 1 when something failed or was refused, 2 for wrong usage.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return runBy(ctx, ticking, args, stdin, stdout, stderr)
}

// runBy is run by a clock for the commands that wait for somebody.
func runBy(ctx context.Context, c clock, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	started := false
	root := &cobra.Command{
		Use:               "sotto",
		Short:             "End-to-end encryption, shown and checked",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		// What fails before this point is cobra's judgement of the command line.
		PersistentPreRun: func(*cobra.Command, []string) { started = true },
	}
	root.AddCommand(demoCommand(), conformanceCommand(), inspectCommand(), mkCommand(), lockboxCommand(), deviceCommand(),
		linkCommand(c), safetyNumberCommand())
	root.SetArgs(longFlags(args))
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errReported):
		return 1
	}
	fmt.Fprintln(stderr, "sotto:", printable(err.Error()))
	if !started || errors.Is(err, errUsage) {
		return 2
	}
	// The action of Misuse is for who calls a package, which is this program.
	if c := fault.Of(err); c != 0 && c != fault.Misuse {
		fmt.Fprintln(stderr, c.Action())
	}
	return 1
}

// longFlags turns the flags that are also known with a single dash into the form that cobra reads; to cobra, -json is
// the row of short flags j, s, o, n.
func longFlags(args []string) []string {
	long := make([]string, len(args))
	for i, a := range args {
		switch a {
		case "--":
			copy(long[i:], args[i:])
			return long
		case "-json", "-soak", "-file":
			a = "-" + a
		}
		long[i] = a
	}
	return long
}

// noSuchCommand refuses arguments of a command that only holds others: the first one should have been one of those.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s has no command %q", cmd.CommandPath(), args[0])
}
