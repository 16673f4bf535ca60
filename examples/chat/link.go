package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/examples/chat/app"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/store/boltstore"
)

func linkDevice(ctx context.Context, c *chat, args []string) error {
	return c.within(ctx, func(a *app.App) error {
		if err := c.sync(ctx, a); err != nil {
			return err
		}
		return c.link(ctx, a, newKeyboard(ctx, c.stdin), args)
	})
}

var errHistory = errors.New("say what the new device gets of the time before: link nothing, or link sessions")

// link lets a further device in.
func (c *chat) link(ctx context.Context, a *app.App, k keyboard, args []string) error {
	var choice link.Choice
	switch {
	case len(args) == 1 && args[0] == "nothing":
		choice.History = link.Nothing
	case len(args) == 1 && args[0] == "sessions":
		choice.History = link.Sessions
	default:
		return errHistory
	}
	return a.Link(ctx, choice, app.Owner{
		Code: func(code string) { fmt.Fprintf(c.stdout, "code    %s\nType it into the new device: chat join\n", code) },
		Digits: func(ctx context.Context) (string, error) {
			fmt.Fprintf(c.stdout, linkQuestion, printable(a.User()), choice.History)
			typed, err := k.line(ctx)
			return strings.TrimSpace(typed), err
		},
		Again: func() { fmt.Fprintln(c.stdout, "Six digits, as the new device shows them.") },
		Show:  func(events []sotto.Event) error { return c.show(ctx, a, events) },
	})
}

// The wording is what stands between a person and somebody who asks for the digits on the phone.
const linkQuestion = `A device that was given the code wants to join the account %s, and would get of the time before: %s.
It shows six digits. Type them only if you hold that device in your hands:
whoever asks you for this code wants your messages. Nothing refuses.
`

// join makes this a further device of an account.
func join(ctx context.Context, c *chat, _ []string) error {
	secret, err := c.password(true)
	if err != nil {
		return err
	}
	defer secret.Destroy()
	k := newKeyboard(ctx, c.stdin)
	fmt.Fprintln(c.stdout, "Type the code that chat link shows on the other device.")
	code, err := k.line(ctx)
	if err != nil {
		return err
	}
	server := app.Server{URL: c.relay, Name: c.name, HTTP: c.http}
	a, choice, err := app.Join(ctx, server, boltstore.New(c.file), secret, code, app.Newcomer{
		Join: func(ctx context.Context, user string) (bool, error) {
			fmt.Fprintf(c.stdout, "Join the account %s? It reads and writes as %[1]s then. yes or no\n", printable(user))
			answer, err := k.line(ctx)
			return strings.TrimSpace(answer) == "yes", err
		},
		Digits: func(digits string) {
			fmt.Fprintf(c.stdout, "digits  %s\nType them into the other device, and tell them nobody.\n", digits)
		},
	})
	if err != nil {
		return err
	}
	defer a.Lock()
	fmt.Fprintf(c.stdout, "device  %s\nhistory %s\n", a.Device(), choice.History)
	return c.sync(ctx, a)
}
