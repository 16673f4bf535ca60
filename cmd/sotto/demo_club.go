package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/group"
)

// club are the people of the acts about a group.
type club struct {
	alice, bob, tablet, carol, dave *peer // the tablet is Bob's, too
	erin, frank                     *peer // of suite 2

	id     device.Hash   // of the group
	before []byte        // a message from before Dave came
	shared []sotto.Event // what Dave got when Alice shared

	envelope, unread []byte // the session without Carol, and a message in it

	number *sotto.SafetyNumber // of Alice and Bob, on her screen
}

// everybody is whoever has been there from the start.
func (c *club) everybody() []*peer { return []*peer{c.alice, c.bob, c.tablet, c.carol} }

// change lets a peer act in the group, hand that over, and receive what the server made of it. It returns the events.
func (c *club) change(ctx context.Context, p *peer, f func(g *sotto.Group) error) ([]sotto.Event, error) {
	g, err := p.Group(ctx, c.id)
	if err != nil {
		return nil, err
	}
	if err := f(g); err != nil {
		return nil, err
	}
	return p.sync(ctx)
}

// say seals a text for the group and hands it over.
func (c *club) say(ctx context.Context, p *peer, text []byte) ([]sotto.Parcel, error) {
	parcels, err := c.seal(ctx, p, text)
	if err != nil {
		return nil, err
	}
	return parcels, p.send(ctx)
}

func (c *club) seal(ctx context.Context, p *peer, text []byte) ([]sotto.Parcel, error) {
	g, err := p.Group(ctx, c.id)
	if err != nil {
		return nil, err
	}
	return g.Seal(ctx, sotto.NewMessageID(), "text/plain", text)
}

// allRead syncs peers, and checks that each of them got exactly this message.
func allRead(ctx context.Context, from *peer, text []byte, readers ...*peer) (note string, err error) {
	for _, p := range readers {
		if err := p.reads(ctx, from, text); err != nil {
			return "", fmt.Errorf("%s: %w", p.path, err)
		}
	}
	return fmt.Sprintf("%d bytes on %s, equal", len(text), plural(len(readers), "device")), nil
}

// allSync lets peers take what the server has.
func allSync(ctx context.Context, peers ...*peer) error {
	for _, p := range peers {
		if _, err := p.sync(ctx); err != nil {
			return err
		}
	}
	return nil
}

// agree checks that devices hold the same chain with so many members, and returns the number of its newest entry.
func (c *club) agree(ctx context.Context, members int, devices ...*peer) (note string, err error) {
	var first *sotto.GroupState
	for _, p := range devices {
		g, err := p.Group(ctx, c.id)
		if err != nil {
			return "", err
		}
		s, err := g.State(ctx)
		if err != nil {
			return "", err
		}
		if first == nil {
			first = s
		}
		if s.Tip != first.Tip || len(s.Members) != members || s.Status != group.Active {
			return "", fmt.Errorf("%s: %s at entry %d, the group is %s", p.path, plural(len(s.Members), "member"), s.Epoch, s.Status)
		}
	}
	return fmt.Sprintf("%s, entry %d on %s", plural(members, "member"), first.Epoch, plural(len(devices), "device")), nil
}

// learnGroups fetches the chains that sessions ask for. It returns what became of everything: what waited is told anew.
func (p *peer) learnGroups(ctx context.Context, events []sotto.Event) ([]sotto.Event, error) {
	var in [][]byte
	for _, e := range events {
		for _, n := range e.Needs {
			if n.GroupOf != nil {
				in = append(in, p.net.chains[*n.GroupOf]...)
			}
		}
	}
	if in == nil {
		return events, nil
	}
	more, err := p.Receive(ctx, in...)
	waited := func(e sotto.Event) bool {
		return slices.ContainsFunc(more, func(m sotto.Event) bool { return m.ID == e.ID })
	}
	return append(slices.DeleteFunc(events, waited), more...), err
}
