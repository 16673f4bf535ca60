package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
)

func linkCommand(c clock) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "link",
		Short: "Add a device with a QR code or a short code, between two terminals",
		Args:  noSuchCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true}, // those of a command that is not there
	}
	cmd.AddCommand(linkApproveCommand(c), linkNewCommand(c), linkRelayCommand(c.now))
	return cmd
}

// clock is how the link commands know what time it is, and wait before they look again.
type clock struct {
	now   func() time.Time
	pause func(context.Context)
}

// ticking is the clock of the world.
var ticking = clock{time.Now, func(ctx context.Context) {
	again := time.NewTimer(100 * time.Millisecond)
	defer again.Stop()
	select {
	case <-again.C:
	case <-ctx.Done():
	}
}}

// linkFlags are what both sides of a link are told.
type linkFlags struct {
	channel string
	relay   string
	secrets string
}

func (f *linkFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.channel, "channel", "", "folder that both sides see, through which the messages go")
	cmd.Flags().StringVar(&f.relay, "relay", "", "URL that link relay printed, in place of --channel")
	secretsFlag(cmd, &f.secrets)
}

// open returns the channel. The questions need stdin, so secrets come from elsewhere.
func (f *linkFlags) open() (carrier, error) {
	switch {
	case f.secrets == "-":
		return nil, fmt.Errorf("--secrets - leaves no stdin to answer at: %w", errUsage)
	case (f.channel == "") == (f.relay == ""):
		return nil, fmt.Errorf("want either --channel or --relay: %w", errUsage)
	case f.relay != "":
		return newRelayClient(f.relay)
	}
	if info, err := os.Stat(f.channel); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("--channel takes a folder: %w", errUsage)
	}
	return folder(f.channel), nil
}

// machine is either side of package link.
type machine interface {
	State(now time.Time) link.State
	Receive(message []byte, now time.Time) (send []byte, err error)
}

// attempt is one side of a link on its way through a channel.
type attempt struct {
	clock
	carrier
	machine
	person *person
	until  time.Time      // when it is over
	read   map[string]int // how many messages of a box were taken
}

// next waits for the next message of a box, until the attempt is over.
func (a *attempt) next(ctx context.Context, box string) ([]byte, error) {
	for a.now().Before(a.until) {
		message, err := a.get(ctx, box, a.read[box])
		if err != nil {
			return nil, err
		}
		if message != nil {
			a.read[box]++
			return message, nil
		}
		a.pause(ctx)
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%w: %w", fault.Canceled, err)
		}
	}
	return nil, fmt.Errorf("the other device did not go on in time: %w", fault.Expired)
}

// receive gives the machine messages of a box until it takes one, and returns what the machine has to say to that. A
// message that is refused and changes nothing is somebody else's.
func (a *attempt) receive(ctx context.Context, box string) (send []byte, err error) {
	for {
		message, err := a.next(ctx, box)
		if err != nil {
			return nil, err
		}
		send, err := a.Receive(message, a.now())
		if err == nil || a.State(a.now()) == link.Aborted {
			return send, err
		}
		a.person.tell("A message was refused, and the link goes on: %s", printable(err.Error()))
	}
}

// choiceText says what a new device is given of what was before.
func choiceText(c link.Choice) string {
	switch c.History {
	case link.Sessions:
		return "the keys of current sessions"
	case link.SessionsAndVault:
		return fmt.Sprintf("the keys of current sessions, and the vault %s", printable(string(c.Vault)))
	}
	return "nothing"
}

func printChoice(w io.Writer, c link.Choice) {
	fmt.Fprintf(w, "history    %s\n", choiceText(c))
}
