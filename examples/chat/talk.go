package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sottokit/sotto/examples/chat/app"
)

// How long talk waits for mail, and after an error.
const (
	patience = 20 * time.Second
	pause    = 2 * time.Second
)

// talk sends lines as they are typed. Beside that one goroutine shows what comes; it has ended when talk returns.
func talk(ctx context.Context, c *chat, args []string) error {
	return c.within(ctx, func(a *app.App) error {
		if err := c.sync(ctx, a); err != nil {
			return err
		}
		if _, err := a.Conversation(ctx, args[0]); err != nil {
			return err
		}
		ctx, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.listenOn(ctx, a)
		}()
		err := c.sendLines(ctx, a, args[0])
		stop()
		<-done
		return err
	})
}

// sendLines sends what is typed until the input ends, or the context does. /link is an order everywhere, and in a group all
// that begins with a slash is.
func (c *chat) sendLines(ctx context.Context, a *app.App, name string) error {
	k := newKeyboard(ctx, c.stdin)
	for {
		line, err := k.line(ctx)
		if err != nil {
			return nil
		}
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "/link":
			err = c.link(ctx, a, k, words[1:])
		case strings.HasPrefix(name, "@") && strings.HasPrefix(line, "/"):
			err = c.obey(ctx, a, name, words)
		default:
			if err := a.Send(ctx, name, line); err != nil {
				fmt.Fprintln(c.stderr, "chat: not sent yet:", printable(err.Error()))
			}
		}
		if err != nil {
			fmt.Fprintln(c.stderr, "chat: not done:", printable(err.Error()))
		}
	}
}

// listenOn shows what comes until the context ends. What fails is tried again after a pause.
func (c *chat) listenOn(ctx context.Context, a *app.App) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for ctx.Err() == nil {
		err := a.Wait(ctx, patience)
		if err == nil {
			err = c.sync(ctx, a)
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		fmt.Fprintln(c.stderr, "chat:", printable(err.Error()))
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

func send(ctx context.Context, c *chat, args []string) error {
	return c.within(ctx, func(a *app.App) error {
		if err := c.sync(ctx, a); err != nil { // who reads now?
			return err
		}
		return a.Send(ctx, args[0], strings.Join(args[1:], " "))
	})
}

func receive(ctx context.Context, c *chat, _ []string) error {
	return c.within(ctx, func(a *app.App) error { return c.sync(ctx, a) })
}

func devices(ctx context.Context, c *chat, args []string) error {
	return c.within(ctx, func(a *app.App) error {
		if err := c.sync(ctx, a); err != nil {
			return err
		}
		name := a.User()
		if len(args) > 0 {
			name = args[0]
		}
		conversation, err := a.Conversation(ctx, name)
		if err != nil {
			return err
		}
		members, err := conversation.Devices(ctx)
		if err != nil {
			return err
		}
		for _, m := range members {
			note := ""
			switch {
			case m.Device == a.Device():
				note = " (this one)"
			case m.Left != 0:
				note = " (left out: " + m.Left.Error() + ")"
			case !m.HasKey:
				note = " (has no key yet)"
			case m.Stale:
				note = " (was away for long, or its newer keys are hidden)"
			}
			fmt.Fprintf(c.stdout, "%s  %s%s\n", m.Device, printable(m.User), note)
		}
		return nil
	})
}

func report(ctx context.Context, c *chat, _ []string) error {
	return c.within(ctx, func(a *app.App) error {
		r, err := a.Report(ctx)
		if err != nil {
			return err
		}
		out := json.NewEncoder(c.stdout)
		out.SetIndent("", "  ")
		return out.Encode(r)
	})
}
