package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

var suites = act{"Suite 2: safe from a quantum computer of later, where all devices have it", []step{
	{"Erin and Frank sign up with suite 2", hybridsMeet},
	{"Erin writes to Frank: suite 2", erinWritesToFrank},
	{"Erin writes to Alice: suite 1, and both see it", erinWritesToAlice},
	attack("Erin demands suite 2, and writes to Alice", fault.UnsupportedVersion, erinDemands),
	{"Erin demands suite 2, and writes to Frank", erinWritesToFrank},
}}

var laterText = []byte("Keep this for forty years.")

func hybridsMeet(ctx context.Context, s *scene) (note string, err error) {
	c := s.club
	s.net.hybrid = true
	if c.erin, err = s.signUp(ctx, "group-erin.db", "erin"); err != nil {
		return "", err
	}
	if c.frank, err = s.signUp(ctx, "group-frank.db", "frank"); err != nil {
		return "", err
	}
	s.net.hybrid = false
	return fmt.Sprintf("device-keys %d bytes, Alice's %d", len(s.net.keys[c.erin.Device()]), len(s.net.keys[c.alice.Device()])),
		s.net.meet(ctx, c.erin, c.frank, c.alice)
}

func erinWritesToFrank(ctx context.Context, s *scene) (string, error) {
	return s.club.erin.writesIn(ctx, device.Hybrid, s.club.frank)
}

func erinWritesToAlice(ctx context.Context, s *scene) (string, error) {
	return s.club.erin.writesIn(ctx, device.Classical, s.club.alice)
}

// writesIn writes a text, and checks that both sides see the suite: the sender of each device, the reader of the message.
func (p *peer) writesIn(ctx context.Context, want device.Suite, to *peer) (string, error) {
	contact, err := p.Contact(ctx, to.User())
	if err != nil {
		return "", err
	}
	conversation, err := p.Direct(ctx, contact)
	if err != nil {
		return "", err
	}
	devices, err := conversation.Devices(ctx)
	if err != nil {
		return "", err
	}
	least := slices.MinFunc(devices, func(a, b sotto.Member) int { return int(a.Suite) - int(b.Suite) })
	parcels, err := p.say(ctx, to.User(), laterText)
	if err != nil {
		return "", err
	}
	m, err := to.read(ctx, p, laterText)
	if err != nil {
		return "", err
	}
	if least.Suite != want || m.Suite != want {
		return "", fmt.Errorf("the sender sees suite %d, the reader %d, want %d", least.Suite, m.Suite, want)
	}
	note := fmt.Sprintf("%s in suite %d", plural(len(parcels), "parcel"), m.Suite)
	if len(parcels) == 2 {
		note = fmt.Sprintf("envelope %d bytes, suite %d", len(parcels[0].Data), m.Suite)
	}
	return note, nil
}

func erinDemands(ctx context.Context, s *scene) error {
	erin := s.club.erin
	o := s.net.options()
	o.RequireHybrid = true
	if err := erin.unlockWith(ctx, erin.backend(), o); err != nil {
		return err
	}
	_, err := erin.seal(ctx, sotto.NewMessageID(), "alice", laterText)
	return err
}
