package main

import (
	"context"
	"fmt"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/session"
)

var groups = act{"A group: who is in it says a chain that its members sign", []step{
	{"Alice, Bob with two devices, and Carol meet", clubMeets},
	{"Alice makes a group of the three", aliceFounds},
	{"Alice writes: one session for all devices", aliceWritesToGroup},
	{"Bob's phone, his tablet and Carol read it", groupReads},
	{"Carol answers: everybody reads it", carolAnswers},
	{"all devices hold the same chain", clubAgrees},
	attack("Carol, who has no role, removes Bob", fault.UntrustedSigner, carolRemovesBob),
	{"Alice removes Carol: a new session begins", aliceRemovesCarol},
	{"Bob is told who did what", bobIsTold},
	{"Alice writes: Bob's devices read it", aliceWritesWithoutCarol},
	attack("Carol gets hold of the new session", fault.NotForThisDevice, carolOpensSession),
	attack("Carol gets hold of the message", fault.UnknownSession, carolOpensMessage),
	attack("Carol writes on, before her app has heard", fault.UntrustedSigner, carolWritesOn),
	attack("Carol writes, when it has", fault.UntrustedSigner, carolWrites),
}}

var (
	helloText  = []byte("Who is for the lake on Sunday?")
	lakeText   = []byte("I bring the boat.")
	secretText = []byte("Carol must not know: it is her birthday.")
	outText    = []byte("Why so silent?")
)

func clubMeets(ctx context.Context, s *scene) (note string, err error) {
	s.net = newNetwork()
	c := &club{}
	s.club = c
	for user, p := range map[string]**peer{"alice": &c.alice, "bob": &c.bob, "carol": &c.carol, "dave": &c.dave} {
		if *p, err = s.signUp(ctx, "group-"+user+".db", user); err != nil {
			return "", err
		}
	}
	if c.tablet, err = s.join(ctx, "group-tablet.db", c.bob); err != nil {
		return "", err
	}
	return "each pins the others' logs", s.net.meet(ctx, append(c.everybody(), c.dave)...)
}

// meet lets everybody pin everybody.
func (n *network) meet(ctx context.Context, all ...*peer) error {
	for _, p := range all {
		for user, log := range n.logs {
			if user == p.User() {
				continue
			}
			if _, err := p.Trust(ctx, user, log); err != nil {
				return err
			}
		}
	}
	return allSync(ctx, all...) // with the device-keys of all
}

func aliceFounds(ctx context.Context, s *scene) (string, error) {
	c := s.club
	var members []*sotto.Contact
	for _, user := range []string{"bob", "carol"} {
		m, err := c.alice.Contact(ctx, user)
		if err != nil {
			return "", err
		}
		members = append(members, m)
	}
	g, err := c.alice.CreateGroup(ctx, members...)
	if err != nil {
		return "", err
	}
	c.id = g.ID()
	return c.agreeAfter(ctx, 3, c.alice)
}

// agreeAfter hands over and receives before it compares.
func (c *club) agreeAfter(ctx context.Context, members int, devices ...*peer) (string, error) {
	if err := allSync(ctx, devices...); err != nil {
		return "", err
	}
	return c.agree(ctx, members, devices...)
}

// aliceWritesToGroup goes on in the session that the group began with, whose envelope is delivered.
func aliceWritesToGroup(ctx context.Context, s *scene) (string, error) {
	parcels, err := s.club.say(ctx, s.club.alice, helloText)
	if err != nil {
		return "", err
	}
	s.club.before = parcels[0].Data
	return sealedNote(parcels, 0)
}

func groupReads(ctx context.Context, s *scene) (string, error) {
	c := s.club
	return allRead(ctx, c.alice, helloText, c.bob, c.tablet, c.carol)
}

func carolAnswers(ctx context.Context, s *scene) (string, error) {
	c := s.club
	if _, err := c.say(ctx, c.carol, lakeText); err != nil {
		return "", err
	}
	return allRead(ctx, c.carol, lakeText, c.alice, c.bob, c.tablet)
}

func clubAgrees(ctx context.Context, s *scene) (string, error) {
	return s.club.agree(ctx, 3, s.club.everybody()...)
}

func carolRemovesBob(ctx context.Context, s *scene) error {
	_, err := s.club.change(ctx, s.club.carol, func(g *sotto.Group) error { return g.Remove(ctx, "bob") })
	return err
}

// aliceRemovesCarol keeps the envelope of the session that follows by itself, to be tried by Carol.
func aliceRemovesCarol(ctx context.Context, s *scene) (string, error) {
	c := s.club
	_, err := c.change(ctx, c.alice, func(g *sotto.Group) error { return g.Remove(ctx, "carol") })
	if err != nil {
		return "", err
	}
	queue := s.net.queues[c.bob.Device()]
	if len(queue) != 1 || len(s.net.queues[c.carol.Device()]) != 0 {
		return "", fmt.Errorf("%s for Bob", plural(len(queue), "parcel"))
	}
	c.envelope = queue[0]
	to, err := session.Recipients(c.envelope)
	if err == nil && len(to) != 3 {
		err = fmt.Errorf("for %s, want 3: hers and Bob's", plural(len(to), "device"))
	}
	return fmt.Sprintf("envelope of %d bytes, for %s", len(c.envelope), plural(len(to), "device")), err
}

func bobIsTold(ctx context.Context, s *scene) (string, error) {
	c := s.club
	if err := told(ctx, c.bob, "alice", group.OpRemove, "carol"); err != nil {
		return "", err
	}
	return c.agreeAfter(ctx, 2, c.bob, c.tablet, c.alice)
}

// told syncs a peer, and checks that it is told what a member did in the group.
func told(ctx context.Context, p *peer, actor string, op group.Op, user string) error {
	events, err := p.sync(ctx)
	if err != nil {
		return err
	}
	for _, e := range events {
		if e.Kind == sotto.KindMembers && e.User == actor && e.Change.Op == op && e.Change.User == user {
			return nil
		}
	}
	return fmt.Errorf("%s is not told what %s did", p.User(), actor)
}

func aliceWritesWithoutCarol(ctx context.Context, s *scene) (string, error) {
	c := s.club
	parcels, err := c.say(ctx, c.alice, secretText)
	if err != nil {
		return "", err
	}
	if _, err := sealedNote(parcels, 0); err != nil {
		return "", err
	}
	c.unread = parcels[0].Data
	return allRead(ctx, c.alice, secretText, c.bob, c.tablet)
}

// The server gives Carol everything, whom it is for or not.

func carolOpensSession(ctx context.Context, s *scene) error {
	return s.club.carol.refusal(ctx, s.club.envelope)
}

func carolOpensMessage(ctx context.Context, s *scene) error {
	return s.club.carol.refusal(ctx, s.club.unread)
}

// carolWritesOn seals in the session that she has, and Bob refuses it.
func carolWritesOn(ctx context.Context, s *scene) error {
	parcels, err := s.club.seal(ctx, s.club.carol, outText)
	if err != nil {
		return fmt.Errorf("%v", err) // her app should let her
	}
	return s.club.bob.refusal(ctx, parcels[len(parcels)-1].Data)
}

func carolWrites(ctx context.Context, s *scene) error {
	if err := told(ctx, s.club.carol, "alice", group.OpRemove, "carol"); err != nil {
		return err
	}
	_, err := s.club.seal(ctx, s.club.carol, outText)
	return err
}
