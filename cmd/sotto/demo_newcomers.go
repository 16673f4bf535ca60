package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
)

var newcomers = act{"Who comes later, and who decides", []step{
	{"Alice makes Bob an admin", aliceMakesAdmin},
	{"Bob adds Dave, from his tablet", bobAddsDave},
	{"Dave learns of the group by the first session", daveJoins},
	{"Bob welcomes him: Dave reads it", bobWelcomes},
	attack("Dave opens a message from before", fault.UnknownSession, daveLooksBack),
	{"Alice shares the history with Dave: he is told", aliceShares},
	{"the message that waited comes out", daveReadsBefore},
	attack("Bob, an admin, removes the owner", fault.UntrustedSigner, bobRemovesAlice),
	{"Alice and Bob act at once: one is overtaken", bothAct},
	{"Bob does it again: Carol is back", bobActsAgain},
	{"Carol reads what comes now", carolIsBack},
	{"Dave leaves: everybody is told", daveLeaves},
}}

var (
	welcomeText = []byte("Welcome, can you swim?")
	backText    = []byte("Good to have you back, Carol.")
)

func aliceMakesAdmin(ctx context.Context, s *scene) (string, error) {
	c := s.club
	_, err := c.change(ctx, c.alice, func(g *sotto.Group) error { return g.SetRole(ctx, "bob", group.RoleAdmin) })
	if err != nil {
		return "", err
	}
	if err := told(ctx, c.tablet, "alice", group.OpRole, "bob"); err != nil {
		return "", err
	}
	return c.agreeAfter(ctx, 2, c.alice, c.bob, c.tablet)
}

// signsAdd lets a peer sign that a user is a member. It waits for the next sync.
func (c *club) signsAdd(ctx context.Context, p *peer, user string) error {
	contact, err := p.Contact(ctx, user)
	if err != nil {
		return err
	}
	g, err := p.Group(ctx, c.id)
	if err != nil {
		return err
	}
	return g.Add(ctx, contact)
}

func bobAddsDave(ctx context.Context, s *scene) (string, error) {
	c := s.club
	if err := c.signsAdd(ctx, c.tablet, "dave"); err != nil {
		return "", err
	}
	if _, err := c.tablet.sync(ctx); err != nil {
		return "", err
	}
	if err := told(ctx, c.alice, "bob", group.OpAdd, "dave"); err != nil {
		return "", err
	}
	return c.agreeAfter(ctx, 3, c.tablet, c.alice, c.bob)
}

// daveJoins: a chain alone brings nobody in. The session that the adder begins does.
func daveJoins(ctx context.Context, s *scene) (string, error) {
	c := s.club
	events, err := c.dave.sync(ctx)
	if err != nil {
		return "", err
	}
	if err := happened(events, sotto.KindJoined); err != nil {
		return "", err
	}
	return c.agree(ctx, 3, c.alice, c.bob, c.dave)
}

func bobWelcomes(ctx context.Context, s *scene) (string, error) {
	c := s.club
	if _, err := c.say(ctx, c.bob, welcomeText); err != nil {
		return "", err
	}
	return allRead(ctx, c.bob, welcomeText, c.dave, c.alice, c.tablet)
}

func daveLooksBack(ctx context.Context, s *scene) error {
	return s.club.dave.refusal(ctx, s.club.before)
}

func aliceShares(ctx context.Context, s *scene) (string, error) {
	c := s.club
	g, err := c.alice.Group(ctx, c.id)
	if err != nil {
		return "", err
	}
	dave, err := c.alice.Contact(ctx, "dave")
	if err != nil {
		return "", err
	}
	n, err := g.ShareHistory(ctx, dave)
	if err != nil {
		return "", err
	}
	if err := c.alice.send(ctx); err != nil {
		return "", err
	}
	if c.shared, err = c.dave.sync(ctx); err != nil {
		return "", err
	}
	shared := 0
	for _, e := range c.shared {
		if e.Kind == sotto.KindHistory && e.Why == 0 && e.User == "alice" && e.Conversation == c.id {
			shared++
		}
	}
	if n == 0 || shared != n {
		return "", fmt.Errorf("%d sessions were shared, %d came", n, shared)
	}
	return fmt.Sprintf("%s, as Alice says", plural(n, "session")), nil
}

// daveReadsBefore: his app had brought the message in vain, and it was held.
func daveReadsBefore(_ context.Context, s *scene) (string, error) {
	c := s.club
	for _, e := range c.shared {
		if e.Kind == sotto.KindMessage && e.Why == 0 && e.Device == c.alice.Device() && bytes.Equal(e.Body, helloText) {
			return fmt.Sprintf("%d bytes, equal", len(e.Body)), nil
		}
	}
	return "", errors.New("it still waits")
}

func bobRemovesAlice(ctx context.Context, s *scene) error {
	_, err := s.club.change(ctx, s.club.bob, func(g *sotto.Group) error { return g.Remove(ctx, "alice") })
	return err
}

// bothAct: both sign on top of the same entry, and the server takes what comes first.
func bothAct(ctx context.Context, s *scene) (string, error) {
	c := s.club
	if err := c.signsAdd(ctx, c.bob, "carol"); err != nil {
		return "", err
	}
	_, err := c.change(ctx, c.alice, func(g *sotto.Group) error { return g.SetRole(ctx, "dave", group.RoleAdmin) })
	if err != nil {
		return "", err
	}
	events, err := c.bob.sync(ctx)
	if err != nil {
		return "", err
	}
	if err := happened(events, sotto.KindOvertaken); err != nil {
		return "", err
	}
	return c.agreeAfter(ctx, 3, c.alice, c.bob, c.tablet, c.dave)
}

func bobActsAgain(ctx context.Context, s *scene) (string, error) {
	c := s.club
	if err := c.signsAdd(ctx, c.bob, "carol"); err != nil {
		return "", err
	}
	return c.agreeAfter(ctx, 4, c.bob, c.tablet, c.alice, c.carol, c.dave)
}

func carolIsBack(ctx context.Context, s *scene) (string, error) {
	c := s.club
	if _, err := c.say(ctx, c.alice, backText); err != nil {
		return "", err
	}
	return allRead(ctx, c.alice, backText, c.carol, c.bob, c.tablet, c.dave)
}

func daveLeaves(ctx context.Context, s *scene) (string, error) {
	c := s.club
	if _, err := c.change(ctx, c.dave, func(g *sotto.Group) error { return g.Leave(ctx) }); err != nil {
		return "", err
	}
	for _, p := range c.everybody() {
		if err := told(ctx, p, "dave", group.OpRemove, "dave"); err != nil {
			return "", err
		}
	}
	return c.agree(ctx, 3, c.everybody()...)
}
