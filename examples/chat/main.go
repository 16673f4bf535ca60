// Command chat is a chat in terminals. Each device keeps its account in a file, and a relay (package relay) carries what
// they send, without being able to read it. The README tells how to try it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/sottokit/sotto/fault"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// command is one of the commands of chat. It takes min to max arguments behind the flags.
type command struct {
	name, usage, does string
	min, max          int
	run               func(ctx context.Context, c *chat, args []string) error
}

const maxWords = 1000 // of a text on the command line

var commands = []command{
	{"relay", "", "run the relay", 0, 0, runRelay},
	{"create", "USER", "make the account of a new user, with this device as the first one", 1, 1, create},
	{"link", "nothing|sessions", "let a further device in; it gets that of the time before", 1, 1, linkDevice},
	{"join", "", "make this a further device of a user, by the code that link shows", 0, 0, join},
	{"trust", "USER", "pin another user; prints the number to compare", 1, 1, trust},
	{"verify", "USER [DIGITS]", "show the number to compare, or note that it was found the same", 1, maxWords, verify},
	{"group", "USER...", "make a group with others; prints its name", 1, maxWords, createGroup},
	{"groups", "", "list the groups", 0, 0, listGroups},
	{"talk", "USER|@GROUP", "send each line, and show what comes", 1, 1, talk},
	{"send", "USER|@GROUP TEXT...", "send one text", 2, maxWords, send},
	{"receive", "", "show what came", 0, 0, receive},
	{"devices", "[USER|@GROUP]", "list who reads: the own devices, and those of USER, or of all members", 0, 1, devices},
	{"revoke", "DEVICE", "take a device out of the own log", 1, 1, revoke},
	{"report", "", "print what somebody who helps needs to know", 0, 0, report},
}

// chat is what the commands are told.
type chat struct {
	file   string
	relay  string
	name   string
	listen string
	http   *http.Client
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// run is the whole program. It returns the exit code: 0, 1 when something failed or was refused, 2 for wrong usage.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &chat{http: &http.Client{}, stdin: stdin, stdout: &screen{w: stdout}, stderr: &screen{w: stderr}}
	flags := flag.NewFlagSet("chat", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&c.file, "file", "chat.db", "where the account is kept; of the relay: what it stores")
	flags.StringVar(&c.relay, "relay", "http://127.0.0.1:7070", "URL of the relay")
	flags.StringVar(&c.name, "name", "chat-relay", "what the relay calls itself")
	flags.StringVar(&c.listen, "listen", "127.0.0.1:7070", "address at which the relay listens")
	flags.Usage = func() { usage(flags, stderr) }
	if len(args) == 0 {
		flags.Usage()
		return 2
	}
	i := slices.IndexFunc(commands, func(cmd command) bool { return cmd.name == args[0] })
	if i < 0 {
		flags.Usage()
		return 2
	}
	cmd := commands[i]
	if err := flags.Parse(args[1:]); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if n := flags.NArg(); n < cmd.min || n > cmd.max {
		fmt.Fprintf(stderr, "usage: chat %s [flags] %s\n", cmd.name, cmd.usage)
		return 2
	}
	if err := cmd.run(ctx, c, flags.Args()); err != nil {
		fmt.Fprintln(stderr, "chat:", printable(err.Error()))
		if code := fault.Of(err); code != 0 {
			fmt.Fprintln(stderr, code.Action())
		}
		return 1
	}
	return 0
}

func usage(flags *flag.FlagSet, w io.Writer) {
	fmt.Fprintln(w, "usage: chat COMMAND [flags] [arguments]")
	for _, cmd := range commands {
		fmt.Fprintf(w, "  %-25s %s\n", strings.TrimSpace(cmd.name+" "+cmd.usage), cmd.does)
	}
	flags.PrintDefaults()
}
