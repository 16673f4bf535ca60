package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/examples/chat/app"
)

func verify(ctx context.Context, c *chat, args []string) error {
	return c.within(ctx, func(a *app.App) error {
		if err := c.sync(ctx, a); err != nil {
			return err
		}
		return c.verify(ctx, a, args[0], args[1:])
	})
}

// verify shows the number of this user and a contact. With the digits that the contact reads aloud it compares, and notes
// that they are the same.
func (c *chat) verify(ctx context.Context, a *app.App, user string, typed []string) error {
	contact, err := a.Contact(ctx, user)
	if err != nil {
		return err
	}
	number, err := contact.SafetyNumber(ctx)
	if err != nil {
		return err
	}
	if len(typed) == 0 {
		fmt.Fprintf(c.stdout, "number  %s\nCompare this with what %s sees. If it is the same: verify %s, and the digits that you hear.\n",
			number, printable(user), printable(user))
		return nil
	}
	if strings.Join(typed, "") != number.Digits() {
		return errors.New("the numbers differ: a typing error, or somebody stands between the two of you")
	}
	if err := number.MarkVerified(ctx); err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "-- %s is verified\n", printable(user))
	return nil
}

// verifyGroup shows the number of a group.
func (c *chat) verifyGroup(ctx context.Context, g *sotto.Group) error {
	number, err := g.SafetyNumber(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "number  %s\nCompare this with what the others see.\n", number)
	return nil
}
