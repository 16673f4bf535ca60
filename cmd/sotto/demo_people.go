package main

import (
	"context"
	"errors"
	"fmt"
)

var people = act{"Two people with three devices, each account in a file of its own", []step{
	{"Alice and Bob sign up, each with a phone", signUp},
	{"each pins the other's log", trustEachOther},
	{"Bob writes: his first message has an envelope", bobWrites},
	{"Alice's phone reads it", phoneReads},
	{"Alice's laptop joins: her phone admits it", laptopJoins},
	{"Bob writes: a new session, devices changed", bobWritesToBoth},
	{"Alice's phone and her laptop read it", bothRead},
	{"the laptop answers: Bob and the phone read it", laptopAnswers},
	{"a session is used up: the next one begins", usesUpSession},
}}

// Texts of the people.
var (
	firstText  = []byte("Did you get the tickets?")
	secondText = []byte("Row seven, in the middle.")
	answerText = []byte("I will bring the opera glass.")
	manyText   = []byte("And something to drink.")
)

func signUp(ctx context.Context, s *scene) (note string, err error) {
	s.net = newNetwork()
	if s.alicePhone, err = s.signUp(ctx, "alice-phone.db", "alice"); err != nil {
		return "", err
	}
	s.bobPhone, err = s.signUp(ctx, "bob-phone.db", "bob")
	return "alice-phone.db, bob-phone.db", err
}

func trustEachOther(ctx context.Context, s *scene) (string, error) {
	if _, err := s.alicePhone.Trust(ctx, "bob", s.net.logs["bob"]); err != nil {
		return "", err
	}
	alice, err := s.bobPhone.Trust(ctx, "alice", s.net.logs["alice"])
	if err != nil {
		return "", err
	}
	if _, err := s.bobPhone.sync(ctx); err != nil { // for Alice's device-key
		return "", err
	}
	return fmt.Sprintf("to compare: %.16v…", alice.Root()), nil
}

func bobWrites(ctx context.Context, s *scene) (string, error) {
	parcels, err := s.bobPhone.say(ctx, "alice", firstText)
	if err != nil {
		return "", err
	}
	return sealedNote(parcels, 1)
}

func phoneReads(ctx context.Context, s *scene) (string, error) {
	return fmt.Sprintf("%d bytes, equal", len(firstText)), s.alicePhone.reads(ctx, s.bobPhone, firstText)
}

func laptopJoins(ctx context.Context, s *scene) (note string, err error) {
	if s.aliceLaptop, err = s.join(ctx, "alice-laptop.db", s.alicePhone); err != nil {
		return "", err
	}
	if _, err := s.aliceLaptop.Trust(ctx, "bob", s.net.logs["bob"]); err != nil {
		return "", err
	}
	return fmt.Sprintf("a log of %d entries", len(s.net.logs["alice"])), nil
}

func bobWritesToBoth(ctx context.Context, s *scene) (string, error) {
	if _, err := s.bobPhone.sync(ctx); err != nil { // he sees the laptop
		return "", err
	}
	parcels, err := s.bobPhone.say(ctx, "alice", secondText)
	if err != nil {
		return "", err
	}
	return sealedNote(parcels, 1)
}

func bothRead(ctx context.Context, s *scene) (string, error) {
	for _, p := range []*peer{s.alicePhone, s.aliceLaptop} {
		if err := p.reads(ctx, s.bobPhone, secondText); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d bytes, equal", len(secondText)), nil
}

// laptopAnswers goes on in Bob's session: it has the same members.
func laptopAnswers(ctx context.Context, s *scene) (string, error) {
	parcels, err := s.aliceLaptop.say(ctx, "bob", answerText)
	if err != nil {
		return "", err
	}
	for _, p := range []*peer{s.bobPhone, s.alicePhone} {
		if err := p.reads(ctx, s.aliceLaptop, answerText); err != nil {
			return "", err
		}
	}
	return sealedNote(parcels, 0)
}

// usesUpSession lets Bob write until an envelope goes out again.
func usesUpSession(ctx context.Context, s *scene) (string, error) {
	for n := 1; n <= perSession; n++ {
		parcels, err := s.bobPhone.say(ctx, "alice", manyText)
		if err != nil {
			return "", err
		}
		for _, p := range []*peer{s.alicePhone, s.aliceLaptop} {
			if err := p.reads(ctx, s.bobPhone, manyText); err != nil {
				return "", err
			}
		}
		if len(parcels) == 2 {
			return fmt.Sprintf("at message %d, they serve %d", n+2, perSession), nil
		}
	}
	return "", errors.New("the session goes on for ever")
}
