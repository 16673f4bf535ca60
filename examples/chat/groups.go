package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/examples/chat/app"
	"github.com/sottokit/sotto/group"
)

func createGroup(ctx context.Context, c *chat, args []string) error {
	return c.within(ctx, func(a *app.App) error {
		if err := c.sync(ctx, a); err != nil {
			return err
		}
		members, err := contacts(ctx, a, args)
		if err != nil {
			return err
		}
		g, err := a.CreateGroup(ctx, members...)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "group   %s\n", app.GroupName(g.ID()))
		return c.sync(ctx, a)
	})
}

func contacts(ctx context.Context, a *app.App, users []string) (all []*sotto.Contact, err error) {
	for _, user := range users {
		contact, err := a.Contact(ctx, user)
		if err != nil {
			return nil, err
		}
		all = append(all, contact)
	}
	return all, nil
}

func listGroups(ctx context.Context, c *chat, _ []string) error {
	return c.within(ctx, func(a *app.App) error {
		if err := c.sync(ctx, a); err != nil {
			return err
		}
		all, err := a.Groups(ctx)
		if err != nil {
			return err
		}
		for _, g := range all {
			state, err := g.State(ctx)
			if err != nil {
				return err
			}
			var users []string
			for _, m := range state.Members {
				users = append(users, printable(m.User))
			}
			fmt.Fprintf(c.stdout, "%s  %s: %s\n", app.GroupName(g.ID()), state.Status, strings.Join(users, ", "))
		}
		return nil
	})
}

var errOrders = errors.New("/add USER..., /remove USER..., /admin USER, /transfer USER, /leave, /members, /verify [USER [DIGITS]]")

// obey carries out an order that was typed in a group. A change is signed, and what the relay makes of it is shown.
func (c *chat) obey(ctx context.Context, a *app.App, name string, words []string) error {
	g, err := a.Group(ctx, name)
	if err != nil {
		return err
	}
	order, args := words[0], words[1:]
	switch {
	case order == "/add" && len(args) > 0:
		var members []*sotto.Contact
		if members, err = contacts(ctx, a, args); err == nil {
			err = g.Add(ctx, members...)
		}
	case order == "/remove" && len(args) > 0:
		err = g.Remove(ctx, args...)
	case order == "/admin" && len(args) == 1:
		err = turnAdmin(ctx, g, args[0])
	case order == "/transfer" && len(args) == 1:
		err = g.Transfer(ctx, args[0])
	case order == "/leave" && len(args) == 0:
		err = g.Leave(ctx)
	case order == "/members" && len(args) == 0:
		return c.members(ctx, a, g)
	case order == "/verify" && len(args) == 0:
		return c.verifyGroup(ctx, g)
	case order == "/verify":
		return c.verify(ctx, a, args[0], args[1:])
	default:
		return errOrders
	}
	if err != nil {
		return err
	}
	return c.sync(ctx, a)
}

// turnAdmin makes a member an admin, and an admin a member.
func turnAdmin(ctx context.Context, g *sotto.Group, user string) error {
	state, err := g.State(ctx)
	if err != nil {
		return err
	}
	role := group.RoleAdmin
	for _, m := range state.Members {
		if m.User == user && m.Role == group.RoleAdmin {
			role = group.RoleMember
		}
	}
	return g.SetRole(ctx, user, role)
}

// members lists the members of a group, and what this user has said of them.
func (c *chat) members(ctx context.Context, a *app.App, g *sotto.Group) error {
	state, err := g.State(ctx)
	if err != nil {
		return err
	}
	for _, m := range state.Members {
		note := "not trusted yet"
		if m.User == a.User() {
			note = "you"
		} else if contact, err := a.Contact(ctx, m.User); err == nil {
			standing, err := contact.Standing(ctx)
			if err != nil {
				return err
			}
			note = standing.Mark.String()
			if contact.Root() != m.Root {
				note = "another identity than your contact"
			}
		}
		fmt.Fprintf(c.stdout, "%-6s  %s (%s)\n", m.Role, printable(m.User), note)
	}
	return nil
}
