package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/examples/chat/relay"
	"github.com/sottokit/sotto/fault"
)

// shortName is how much of a group's ID its name has, in hexadecimal digits.
const shortName = 8

// GroupName is what people call a group on this device: "@" and the start of its ID.
func GroupName(id device.Hash) string { return "@" + id.String()[:shortName] }

// Group returns a group by its name, which may be longer where two begin alike.
func (a *App) Group(ctx context.Context, name string) (*sotto.Group, error) {
	start, marked := strings.CutPrefix(name, "@")
	if !marked || len(start) < shortName {
		return nil, fmt.Errorf("app: the name of a group is @ and %d digits: %w", shortName, fault.Misuse)
	}
	all, err := a.Groups(ctx)
	if err != nil {
		return nil, err
	}
	var found *sotto.Group
	for _, g := range all {
		if !strings.HasPrefix(g.ID().String(), start) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("app: two groups begin like this: %w", fault.Misuse)
		}
		found = g
	}
	if found == nil {
		return nil, fmt.Errorf("app: no such group: %w", fault.UnknownSession)
	}
	return found, nil
}

// Conversation returns the conversation with a contact, or that of a group.
func (a *App) Conversation(ctx context.Context, name string) (*sotto.Conversation, error) {
	if strings.HasPrefix(name, "@") {
		g, err := a.Group(ctx, name)
		if err != nil {
			return nil, err
		}
		return g.Conversation, nil
	}
	contact, err := a.Contact(ctx, name)
	if err != nil {
		return nil, err
	}
	return a.Direct(ctx, contact)
}

// chains fetches what is new in the chains of all groups.
func (a *App) chains(ctx context.Context) (in [][]byte, err error) {
	all, err := a.Groups(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range all {
		state, err := g.State(ctx)
		if err != nil {
			return nil, err
		}
		chain, err := a.chainOf(ctx, g.ID(), state.Epoch+1)
		if err != nil {
			return nil, err
		}
		in = append(in, chain...)
	}
	return in, nil
}

// chainOf returns the entries of a group from a place on, none of one that the relay does not know, or not for this user.
func (a *App) chainOf(ctx context.Context, id device.Hash, from uint64) ([][]byte, error) {
	chain, err := a.relay.Group(ctx, id, from)
	var refusal *relay.Refusal
	if errors.As(err, &refusal) {
		return nil, nil
	}
	return chain, err
}
