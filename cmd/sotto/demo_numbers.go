package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/safetynumber"
	"github.com/sottokit/sotto/trust"
)

var numbers = act{"Is it really Bob? What people compare", []step{
	{"Alice and Bob see the same number", sameNumber},
	{"Alice scans the code on Bob's screen", scanBob},
	{"she says so: Bob is verified", markBob},
	attack("a key swapped while they compare emoji", fault.Damaged, swapKey),
	{"on the phone: both see the same seven emoji", sameEmoji},
	{"all members see the same number of the group", sameGroupNumber},
}}

// number returns the number of a peer and a contact, as its screen shows it.
func (p *peer) number(ctx context.Context, user string) (*sotto.SafetyNumber, error) {
	contact, err := p.Contact(ctx, user)
	if err != nil {
		return nil, err
	}
	return contact.SafetyNumber(ctx)
}

func sameNumber(ctx context.Context, s *scene) (note string, err error) {
	c := s.club
	if c.number, err = c.alice.number(ctx, "bob"); err != nil {
		return "", err
	}
	bobs, err := c.tablet.number(ctx, "alice")
	if err != nil {
		return "", err
	}
	if c.number.Digits() != bobs.Digits() {
		return "", errors.New("they differ")
	}
	return fmt.Sprintf("%.23s…", bobs), nil
}

func scanBob(ctx context.Context, s *scene) (string, error) {
	bobs, err := s.club.bob.number(ctx, "alice")
	if err != nil {
		return "", err
	}
	outcome, err := s.club.number.Compare(bobs.Scannable())
	if err == nil && outcome != safetynumber.Match {
		err = errors.New(outcome.String())
	}
	return fmt.Sprintf("%d bytes: %s", len(bobs.Scannable()), outcome), err
}

func markBob(ctx context.Context, s *scene) (string, error) {
	if err := s.club.number.MarkVerified(ctx); err != nil {
		return "", err
	}
	return s.club.alice.marks(ctx, "bob", trust.Verified)
}

// marks checks what a contact's mark is.
func (p *peer) marks(ctx context.Context, user string, want trust.Mark) (string, error) {
	contact, err := p.Contact(ctx, user)
	if err != nil {
		return "", err
	}
	standing, err := contact.Standing(ctx)
	if err == nil && standing.Mark != want {
		err = fmt.Errorf("the mark is %s, want %s", standing.Mark, want)
	}
	return standing.Mark.String(), err
}

// beginSAS brings two peers to where both show something. meddle changes the messages on the way.
func (c *club) beginSAS(ctx context.Context, meddle func(message []byte)) (bobs, alices *safetynumber.SAS, err error) {
	number, err := c.bob.number(ctx, "alice")
	if err != nil {
		return nil, nil, err
	}
	bobs, message, err := safetynumber.StartSAS(number.Parties())
	if err != nil {
		return nil, nil, err
	}
	me, peer := c.number.Parties()
	if alices, message, err = safetynumber.AcceptSAS(me, peer, message); err != nil {
		return nil, nil, err
	}
	for _, to := range []*safetynumber.SAS{bobs, alices, bobs} {
		meddle(message)
		if message, err = to.Receive(message); err != nil {
			return nil, nil, err
		}
	}
	return bobs, alices, nil
}

func swapKey(ctx context.Context, s *scene) error {
	count := 0
	_, _, err := s.club.beginSAS(ctx, func(message []byte) {
		if count++; count == 3 { // Alice's key, to which she had committed
			message[len(message)-1] ^= 1
		}
	})
	return err
}

// sameEmoji ends with what both say, and then Bob marks Alice.
func sameEmoji(ctx context.Context, s *scene) (string, error) {
	bobs, alices, err := s.club.beginSAS(ctx, func([]byte) {})
	if err != nil {
		return "", err
	}
	seen, err := bobs.Strings()
	if err != nil {
		return "", err
	}
	hers, err := alices.Strings()
	if err != nil {
		return "", err
	}
	if seen != hers {
		return "", errors.New("they see different ones")
	}
	if err := errors.Join(confirm(bobs, alices), confirm(alices, bobs)); err != nil {
		return "", err
	}
	if bobs.State() != safetynumber.SASDone || alices.State() != safetynumber.SASDone {
		return "", fmt.Errorf("both said yes, and it is %s, %s", bobs.State(), alices.State())
	}
	number, err := s.club.bob.number(ctx, "alice")
	if err != nil {
		return "", err
	}
	if err := number.MarkVerified(ctx); err != nil {
		return "", err
	}
	var pictures []string
	for _, e := range seen.Emoji {
		pictures = append(pictures, e.Picture)
	}
	_, err = s.club.bob.marks(ctx, "alice", trust.Verified)
	return strings.Join(pictures, " ") + ", verified", err
}

func confirm(says, hears *safetynumber.SAS) error {
	message, err := says.Confirm()
	if err != nil {
		return err
	}
	_, err = hears.Receive(message)
	return err
}

func sameGroupNumber(ctx context.Context, s *scene) (string, error) {
	var shown []string
	for _, p := range s.club.everybody() {
		g, err := p.Group(ctx, s.club.id)
		if err != nil {
			return "", err
		}
		n, err := g.SafetyNumber(ctx)
		if err != nil {
			return "", err
		}
		shown = append(shown, n.String())
	}
	if slices.Sort(shown); shown[0] != shown[len(shown)-1] {
		return "", errors.New("they differ")
	}
	return shown[0], nil
}
