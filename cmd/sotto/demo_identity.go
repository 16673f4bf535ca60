package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/trust"
)

var identities = act{"A server shows somebody else as Bob", []step{
	{"another log in his name: Alice is told", serverShowsAnother},
	attack("Alice writes to Bob", fault.IdentityChanged, writeToBob),
	{"the group goes on, Bob is left out", groupWithoutBob},
	{"Bob says no: Alice acknowledges, unverified", acknowledgeBob},
	{"they compare again: verified", verifyAgain},
	{"Bob gets the session, and reads what he missed", bobCatchesUp},
}}

var missedText = []byte("Bob, are you there?")

// serverShowsAnother gives Alice a log that holds by itself, in Bob's name.
func serverShowsAnother(ctx context.Context, s *scene) (string, error) {
	secret := lockbox.Password(password, demoParams)
	defer secret.Destroy()
	stranger, err := sotto.Create(ctx, store.Memory(), "bob", s.net.options(), secret)
	if err != nil {
		return "", err
	}
	defer stranger.Lock()
	parcels, err := stranger.Pending(ctx)
	if err != nil {
		return "", err
	}
	alice := s.club.alice
	if _, err := alice.Trust(ctx, "bob", [][]byte{parcels[0].Data}); fault.Of(err) != fault.IdentityChanged {
		return "", fmt.Errorf("another log, and the answer is: %v", err)
	}
	unread, err := alice.Unread(ctx)
	if err != nil {
		return "", err
	}
	for _, e := range unread {
		if e.Kind == sotto.KindIdentity && e.User == "bob" && e.Happened == trust.Reset && e.Why == fault.IdentityChanged {
			return alice.marks(ctx, "bob", trust.WasVerified)
		}
	}
	return "", errors.New("she is not told")
}

func writeToBob(ctx context.Context, s *scene) error {
	_, err := s.club.alice.seal(ctx, sotto.NewMessageID(), "bob", missedText)
	return err
}

// groupWithoutBob: his devices get the message, and no session to read it with.
func groupWithoutBob(ctx context.Context, s *scene) (string, error) {
	c := s.club
	g, err := c.alice.Group(ctx, c.id)
	if err != nil {
		return "", err
	}
	devices, err := g.Devices(ctx)
	if err != nil {
		return "", err
	}
	left := slices.DeleteFunc(devices, func(m sotto.Member) bool { return m.Left == 0 })
	if len(left) != 2 || left[0].User != "bob" || left[1].User != "bob" || left[0].Left != fault.IdentityChanged {
		return "", fmt.Errorf("%s left out", plural(len(left), "device"))
	}
	if _, err := c.say(ctx, c.alice, missedText); err != nil {
		return "", err
	}
	for _, p := range []*peer{c.bob, c.tablet} {
		events, err := p.sync(ctx)
		if err != nil {
			return "", err
		}
		if !slices.ContainsFunc(events, waits) {
			return "", fmt.Errorf("%s has the session, or no message", p.path)
		}
	}
	return allRead(ctx, c.alice, missedText, c.carol)
}

// waits reports whether an event is a message that waits for its session.
func waits(e sotto.Event) bool { return e.Kind == sotto.KindMessage && e.Why == fault.UnknownSession }

func acknowledgeBob(ctx context.Context, s *scene) (string, error) {
	bob, err := s.club.alice.Contact(ctx, "bob")
	if err != nil {
		return "", err
	}
	shown, err := bob.Standing(ctx)
	if err != nil {
		return "", err
	}
	if shown.Other == nil || shown.Other.Root == shown.Pin.Root {
		return "", errors.New("the other log is not there to be shown")
	}
	if _, err := bob.Acknowledge(ctx, shown, shown.Pin); err != nil { // and not *shown.Other
		return "", err
	}
	return s.club.alice.marks(ctx, "bob", trust.Unverified)
}

func verifyAgain(ctx context.Context, s *scene) (string, error) {
	if _, err := sameNumber(ctx, s); err != nil {
		return "", err
	}
	if _, err := scanBob(ctx, s); err != nil {
		return "", err
	}
	return markBob(ctx, s)
}

func bobCatchesUp(ctx context.Context, s *scene) (string, error) {
	c := s.club
	if _, err := c.alice.sync(ctx); err != nil {
		return "", err
	}
	return allRead(ctx, c.alice, missedText, c.bob, c.tablet)
}
