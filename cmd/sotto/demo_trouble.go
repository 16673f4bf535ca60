package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
)

var troubles = act{"The same devices, when something goes wrong", []step{
	{"the phone is lost: the laptop revokes it", revokePhone},
	{"Bob writes: a new session, without the phone", bobWritesToLaptop},
	attack("the lost phone opens the new session", fault.NotForThisDevice, phoneOpensSession),
	attack("the lost phone opens the message", fault.UnknownSession, phoneOpensMessage),
	attack("the lost phone writes to Bob", fault.RevokedDevice, phoneWrites),
	{"an envelope is lost: the laptop asks for it", loseEnvelope},
	{"Bob answers: the message that waited is read", bobAnswers},
	{"power cut while Bob seals: the same bytes", sealTwice},
	{"a week passes: keys and sessions are renewed", weekPasses},
	{"Bob's phone put back to last week: noticed", restoreBob},
	{"what that lost is asked for: they talk on", talkOn},
}}

var (
	laptopText = []byte("Only to your laptop, then.")
	thiefText  = []byte("It is me, Alice.")
	lateText   = []byte("My train is late.")
	cutText    = []byte("I am at the door.")
	weekText   = []byte("What a week.")
	lastText   = []byte("Good night.")
)

func revokePhone(ctx context.Context, s *scene) (string, error) {
	if _, err := s.aliceLaptop.Revoke(ctx, s.alicePhone.Device()); err != nil {
		return "", err
	}
	if _, err := s.aliceLaptop.sync(ctx); err != nil {
		return "", err
	}
	events, err := s.bobPhone.sync(ctx)
	if err != nil {
		return "", err
	}
	return "Bob sees it", happened(events, sotto.KindDeviceRevoked)
}

func bobWritesToLaptop(ctx context.Context, s *scene) (note string, err error) {
	if s.unread, err = s.bobPhone.say(ctx, "alice", laptopText); err != nil {
		return "", err
	}
	if err := s.aliceLaptop.reads(ctx, s.bobPhone, laptopText); err != nil {
		return "", err
	}
	return sealedNote(s.unread, 1)
}

// The finder of the phone gets hold of everything that the server carries.

func phoneOpensSession(ctx context.Context, s *scene) error {
	return s.alicePhone.refusal(ctx, s.unread[0].Data)
}

func phoneOpensMessage(ctx context.Context, s *scene) error {
	return s.alicePhone.refusal(ctx, s.unread[1].Data)
}

// phoneWrites goes on in the last session that the phone has. It never hears of its revocation.
func phoneWrites(ctx context.Context, s *scene) error {
	parcels, err := s.alicePhone.seal(ctx, sotto.NewMessageID(), "bob", thiefText)
	if err != nil {
		return err
	}
	return s.bobPhone.refusal(ctx, parcels[len(parcels)-1].Data)
}

// loseEnvelope begins a session whose envelope does not arrive.
func loseEnvelope(ctx context.Context, s *scene) (string, error) {
	parcels, err := s.useUp(ctx)
	if err != nil {
		return "", err
	}
	s.net.queues[s.aliceLaptop.Device()] = [][]byte{parcels[1].Data}
	size, err := s.aliceLaptop.asks(ctx, s.bobPhone)
	return fmt.Sprintf("message waits, request of %d bytes", size), err
}

// asks syncs, and sends the request for the session of a message that has to wait.
func (p *peer) asks(ctx context.Context, whom *peer) (size int, err error) {
	events, err := p.sync(ctx)
	if err != nil {
		return 0, err
	}
	for _, e := range events {
		if e.Kind == sotto.KindMessage && e.Why == fault.UnknownSession && len(e.Needs) == 1 {
			request := e.Needs[0].Request
			p.net.queues[whom.Device()] = append(p.net.queues[whom.Device()], request)
			return len(request), nil
		}
	}
	return 0, errors.New("no message that waits for a session")
}

// useUp lets Bob write until a session begins, and returns its first parcels.
func (s *scene) useUp(ctx context.Context) ([]sotto.Parcel, error) {
	for range perSession {
		parcels, err := s.bobPhone.say(ctx, "alice", lateText)
		if err != nil || len(parcels) == 2 {
			return parcels, err
		}
		if err := s.aliceLaptop.reads(ctx, s.bobPhone, lateText); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the session goes on for ever")
}

func bobAnswers(ctx context.Context, s *scene) (string, error) {
	if _, err := s.bobPhone.sync(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes, equal", len(lateText)), s.aliceLaptop.reads(ctx, s.bobPhone, lateText)
}

// sealTwice cuts the power when the message is durable and Bob's app was not told.
func sealTwice(ctx context.Context, s *scene) (string, error) {
	if err := s.bobPhone.unlock(ctx, powerCut{s.bobPhone.backend(), true}); err != nil {
		return "", err
	}
	id := sotto.NewMessageID()
	if _, err := s.bobPhone.seal(ctx, id, "alice", cutText); fault.Of(err) != fault.StoreFailed {
		return "", fmt.Errorf("the power was cut, and the answer is: %v", err)
	}
	if err := s.bobPhone.unlock(ctx, s.bobPhone.backend()); err != nil {
		return "", err
	}
	pending, err := s.bobPhone.Pending(ctx)
	if err != nil {
		return "", err
	}
	again, err := s.bobPhone.seal(ctx, id, "alice", cutText)
	if err != nil {
		return "", err
	}
	if len(pending) != 1 || len(again) != 1 || !bytes.Equal(pending[0].Data, again[0].Data) {
		return "", errors.New("it was sealed twice")
	}
	if err := s.bobPhone.send(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes, the same", len(again[0].Data)), s.aliceLaptop.reads(ctx, s.bobPhone, cutText)
}

// weekPasses keeps a copy of Bob's phone, as a backup does.
func weekPasses(ctx context.Context, s *scene) (note string, err error) {
	if s.bobCopy, err = os.ReadFile(s.bobPhone.path); err != nil {
		return "", err
	}
	before, err := s.bobPhone.Report(ctx)
	if err != nil {
		return "", err
	}
	s.net.late += 8 * 24 * time.Hour
	for _, p := range []*peer{s.bobPhone, s.aliceLaptop, s.bobPhone} {
		if _, err := p.sync(ctx); err != nil {
			return "", err
		}
	}
	after, err := s.bobPhone.Report(ctx)
	if err != nil {
		return "", err
	}
	if after.Key == before.Key {
		return "", errors.New("the messaging key was not renewed")
	}
	parcels, err := s.bobPhone.say(ctx, "alice", weekText)
	if err != nil {
		return "", err
	}
	if _, err := sealedNote(parcels, 1); err != nil {
		return "", err
	}
	return fmt.Sprintf("messaging key %d -> %d", before.Key, after.Key), s.aliceLaptop.reads(ctx, s.bobPhone, weekText)
}

func restoreBob(ctx context.Context, s *scene) (string, error) {
	s.bobPhone.Lock()
	if err := os.WriteFile(s.bobPhone.path, s.bobCopy, 0o600); err != nil {
		return "", err
	}
	if err := s.bobPhone.unlock(ctx, s.bobPhone.backend()); err != nil {
		return "", err
	}
	events, err := s.bobPhone.sync(ctx)
	if err != nil {
		return "", err
	}
	return "a new messaging key, above the lost one", happened(events, sotto.KindRestored)
}

// talkOn: Alice goes on in the session that is gone with Bob's week.
func talkOn(ctx context.Context, s *scene) (string, error) {
	if _, err := s.aliceLaptop.sync(ctx); err != nil {
		return "", err
	}
	if _, err := s.aliceLaptop.say(ctx, "bob", lastText); err != nil {
		return "", err
	}
	if _, err := s.bobPhone.asks(ctx, s.aliceLaptop); err != nil {
		return "", err
	}
	if _, err := s.aliceLaptop.sync(ctx); err != nil {
		return "", err
	}
	if err := s.bobPhone.reads(ctx, s.aliceLaptop, lastText); err != nil {
		return "", err
	}
	if _, err := s.bobPhone.say(ctx, "alice", lastText); err != nil {
		return "", err
	}
	return "read on both sides", s.aliceLaptop.reads(ctx, s.bobPhone, lastText)
}
