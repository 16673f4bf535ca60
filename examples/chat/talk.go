package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/examples/chat/app"
	"github.com/sottokit/sotto/fault"
)

// How long talk waits for mail, and after an error.
const (
	patience = 20 * time.Second
	pause    = 2 * time.Second
)

// talk sends lines as they are typed. Beside that one goroutine shows what comes; it has ended when talk returns.
func talk(ctx context.Context, c *chat, args []string) error {
	return c.within(ctx, func(a *app.App) error {
		if err := a.Sync(ctx, c.show); err != nil {
			return err
		}
		if _, err := a.Contact(ctx, args[0]); err != nil {
			return fmt.Errorf("trust %s first: %w", printable(args[0]), err)
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

// sendLines sends what is typed until the input ends, or the context does.
func (c *chat) sendLines(ctx context.Context, a *app.App, user string) error {
	lines := make(chan string)
	go func() { // ends with the input: with the program, when that is a terminal
		defer close(lines)
		for in := bufio.NewScanner(c.stdin); in.Scan(); {
			select {
			case lines <- in.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case line, more := <-lines:
			if !more {
				return nil
			}
			if line == "" {
				continue
			}
			if err := a.Send(ctx, user, line); err != nil {
				fmt.Fprintln(c.stderr, "chat: not sent yet:", printable(err.Error()))
			}
		case <-ctx.Done():
			return nil
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
			err = a.Sync(ctx, c.show)
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
		if err := a.Sync(ctx, c.show); err != nil { // who reads now?
			return err
		}
		return a.Send(ctx, args[0], strings.Join(args[1:], " "))
	})
}

func receive(ctx context.Context, c *chat, _ []string) error {
	return c.within(ctx, func(a *app.App) error { return a.Sync(ctx, c.show) })
}

func devices(ctx context.Context, c *chat, args []string) error {
	return c.within(ctx, func(a *app.App) error {
		if err := a.Sync(ctx, c.show); err != nil {
			return err
		}
		user := a.User()
		if len(args) > 0 {
			user = args[0]
		}
		contact, err := a.Contact(ctx, user)
		if err != nil {
			return err
		}
		conversation, err := a.Direct(ctx, contact)
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

// show prints events that are for people. What it printed counts as kept.
func (c *chat) show(events []sotto.Event) error {
	for _, e := range events {
		if text := tell(e); text != "" {
			if _, err := fmt.Fprintln(c.stdout, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// tell puts an event into words, "" for one that nobody needs to see.
func tell(e sotto.Event) string {
	user := printable(e.User)
	switch {
	case e.Kind == sotto.KindMessage && e.Why == 0:
		text := fmt.Sprintf("%s %s: %s", e.Sent.Format("15:04"), user, printable(string(e.Body)))
		for _, r := range e.AlsoRead {
			text += fmt.Sprintf("\n  -- device %s of %s, revoked since, can read this, too", r.Device, printable(r.User))
		}
		return text
	case e.Why == fault.Replayed, e.Kind == sotto.KindKey: // the relay serves them again and again
		return ""
	case e.Kind == sotto.KindDeviceAdded:
		return fmt.Sprintf("-- %s has another device: %s", user, e.Device)
	case e.Kind == sotto.KindDeviceRevoked:
		return fmt.Sprintf("-- %s has a device less: %s", user, e.Device)
	case e.Kind == sotto.KindOvertaken:
		return "-- another device was faster: what was signed here is void, do it again if it is still wanted"
	case e.Kind == sotto.KindRestored:
		return "-- this account was put back to an earlier state, or copied; its keys are renewed"
	case e.Why == fault.UnknownSession:
		return "-- a message waits for its session, which was asked for"
	case e.Why == fault.TooFarAhead:
		return waitsFor(e)
	case e.Why != 0:
		return fmt.Sprintf("-- %s refused: %s", e.Kind, e.Why.Error())
	}
	return ""
}

// waitsFor says whose log a session needs.
func waitsFor(e sotto.Event) string {
	var users []string
	for _, n := range e.Needs {
		if n.LogOf != "" {
			users = append(users, printable(n.LogOf))
		}
	}
	return "-- somebody writes, with a newer log, or not trusted yet: " + strings.Join(users, ", ")
}

// printable is s if a terminal shows it as it is, else s quoted, with everything that a terminal may act upon escaped.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return strconv.Quote(s)
	}
	return s
}
