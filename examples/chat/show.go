package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/examples/chat/app"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
)

// screen lets one at a time write: what comes is shown while somebody types.
type screen struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(b)
}

// sync lets the account sync, and shows what comes. What was printed counts as kept.
func (c *chat) sync(ctx context.Context, a *app.App) error {
	return a.Sync(ctx, func(events []sotto.Event) error { return c.show(ctx, a, events) })
}

func (c *chat) show(ctx context.Context, a *app.App, events []sotto.Event) error {
	for _, e := range events {
		where := ""
		if _, err := a.Account.Group(ctx, e.Conversation); err == nil {
			where = app.GroupName(e.Conversation) + " "
		}
		if text := tell(where, e); text != "" {
			if _, err := fmt.Fprintln(c.stdout, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// tell puts an event into words, "" for one that nobody needs to see. where names the group that it is about.
func tell(where string, e sotto.Event) string {
	user := printable(e.User)
	switch {
	case e.Kind == sotto.KindMessage && e.Why == 0:
		text := fmt.Sprintf("%s %s%s: %s", e.Sent.Format("15:04"), where, user, printable(string(e.Body)))
		for _, r := range e.AlsoRead {
			text += fmt.Sprintf("\n  -- device %s of %s, revoked since, can read this, too", r.Device, printable(r.User))
		}
		return text
	case e.Why == fault.Replayed, e.Kind == sotto.KindKey: // the relay serves them again and again
		return ""
	case e.Kind == sotto.KindContact && e.Why == 0:
		return fmt.Sprintf("-- %s is a contact of yours, as another device of yours says", user)
	case e.Kind == sotto.KindDeviceAdded:
		return fmt.Sprintf("-- %s has another device: %s", user, e.Device)
	case e.Kind == sotto.KindDeviceRevoked:
		return fmt.Sprintf("-- %s has a device less: %s", user, e.Device)
	case e.Kind == sotto.KindJoined:
		return fmt.Sprintf("-- %sis a group that you are in now", where)
	case e.Kind == sotto.KindMembers:
		return fmt.Sprintf("-- %s%s %s", where, user, did(e.Change))
	case e.Kind == sotto.KindGroupForked:
		return fmt.Sprintf("-- %sthe relay has shown two histories of this group: its owner must decide", where)
	case e.Kind == sotto.KindGroupEnded:
		return fmt.Sprintf("-- %sthe group has ended", where)
	case e.Kind == sotto.KindIdentity && e.Why != 0:
		return fmt.Sprintf("-- %s may be somebody else (%s): nothing is sent to %s until you have compared, see verify", user, e.Happened, user)
	case e.Kind == sotto.KindIdentity:
		return fmt.Sprintf("-- %s: %s", user, e.Happened)
	case e.Kind == sotto.KindOvertaken:
		return fmt.Sprintf("-- %sanother device was faster: what was signed here is void, do it again if it is still wanted", where)
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

// did says what a member of a group did.
func did(c *sotto.Change) string {
	user := printable(c.User)
	switch c.Op {
	case group.OpAdd:
		return "adds " + user
	case group.OpRemove:
		return "takes out " + user
	case group.OpRole:
		return fmt.Sprintf("makes %s %s", user, c.Role)
	case group.OpTransfer:
		return fmt.Sprintf("hands the group over to %s", user)
	}
	return "decides between two histories"
}

// waitsFor says whose log a session needs.
func waitsFor(e sotto.Event) string {
	var users []string
	for _, n := range e.Needs {
		if n.LogOf != "" {
			users = append(users, printable(n.LogOf))
		}
	}
	if users == nil {
		return "" // a chain, which is fetched
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
