package main

import (
	"context"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/recovery"
)

var linking = act{"Grace links devices, and a thief would like to", []step{
	{"Grace signs up with a recovery key on paper", graceSignsUp},
	{"Heidi writes to her phone", heidiWrites},
	{"a laptop scans the QR code of the phone", laptopScans},
	{"its six digits typed: the phone signs for it", laptopLinked},
	{"the laptop reads what Heidi wrote before", laptopReadsBefore},
	{"a tablet is linked by a short code, no history", tabletLinked},
	{"Heidi writes: all three read it", threeRead},
	{"a thief has a photo of the next one, is first", thiefAnswers},
	attack("the watch that it was for answers, too", fault.Replayed, watchAnswers),
	attack("it hears what he was told: shows no digits", fault.Damaged, watchHears),
	attack("Grace sees none, and types a guess", fault.WrongSecret, graceGuesses),
	attack("he tells her his: too late", fault.Expired, thiefTellsHis),
	attack("he guesses a short code", fault.UntrustedSigner, thiefGuessesCode),
	attack("that burned it: the right one is too late", fault.Expired, rightCodeComes),
}}

// home are the people of the acts about devices that come and go.
type home struct {
	phone, laptop, tablet, heidi *peer

	paper []byte // Grace's recovery key as she wrote it down

	before []byte // a message from before the laptop

	link   *pairing  // under way
	thief  *link.New // his device
	answer []byte    // what the phone said to it
	code   string    // a short code
}

var (
	beforeText = []byte("The key is under the flower pot.")
	allText    = []byte("The pot has moved, look again.")
)

func graceSignsUp(ctx context.Context, s *scene) (note string, err error) {
	s.net, s.home = newNetwork(), &home{}
	h := s.home
	key := recovery.Generate()
	defer key.Destroy()
	if h.paper, err = key.ExportSecretText(); err != nil {
		return "", err
	}
	o := s.net.options()
	o.Recovery = key
	if h.phone, err = s.signUpWith(ctx, "home-phone.db", "grace", o); err != nil {
		return "", err
	}
	if h.heidi, err = s.signUp(ctx, "home-heidi.db", "heidi"); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d characters on paper", len(h.paper)), s.net.meet(ctx, h.phone, h.heidi)
}

func heidiWrites(ctx context.Context, s *scene) (string, error) {
	h := s.home
	parcels, err := h.heidi.say(ctx, "grace", beforeText)
	if err != nil {
		return "", err
	}
	h.before = parcels[len(parcels)-1].Data
	return allRead(ctx, h.heidi, beforeText, h.phone)
}

func laptopScans(ctx context.Context, s *scene) (note string, err error) {
	h := s.home
	if h.link, err = s.offer(ctx, h.phone, link.Choice{History: link.Sessions}); err != nil {
		return "", err
	}
	size := len(h.link.offer.QR())
	return fmt.Sprintf("%d bytes; it shows six digits", size), h.link.join(ctx)
}

func laptopLinked(ctx context.Context, s *scene) (note string, err error) {
	h := s.home
	if h.laptop, err = s.confirm(ctx, h.link, "home-laptop.db"); err != nil {
		return "", err
	}
	return fmt.Sprintf("a log of %d entries", len(s.net.logs["grace"])), nil
}

// laptopReadsBefore is about a message that the server still has.
func laptopReadsBefore(ctx context.Context, s *scene) (string, error) {
	h := s.home
	s.net.queues[h.laptop.Device()] = append(s.net.queues[h.laptop.Device()], h.before)
	return allRead(ctx, h.heidi, beforeText, h.laptop)
}

func tabletLinked(ctx context.Context, s *scene) (note string, err error) {
	h := s.home
	if h.link, err = s.offerCode(ctx, h.phone, link.Choice{History: link.Nothing}); err != nil {
		return "", err
	}
	size := len(h.link.offer.Code())
	if err := h.link.join(ctx); err != nil {
		return "", err
	}
	if h.tablet, err = s.confirm(ctx, h.link, "home-tablet.db"); err != nil {
		return "", err
	}
	if _, err := h.tablet.Trust(ctx, "heidi", s.net.logs["heidi"]); err != nil {
		return "", err
	}
	if why := h.tablet.refusal(ctx, h.before); fault.Of(why) != fault.UnknownSession {
		return "", fmt.Errorf("the tablet was given no history, and the answer is: %v", why)
	}
	return fmt.Sprintf("%d characters typed", size), nil
}

func threeRead(ctx context.Context, s *scene) (string, error) {
	h := s.home
	if err := allSync(ctx, h.phone, h.laptop, h.tablet, h.heidi); err != nil {
		return "", err
	}
	if _, err := h.heidi.say(ctx, "grace", allText); err != nil {
		return "", err
	}
	return allRead(ctx, h.heidi, allText, h.phone, h.laptop, h.tablet)
}

// thiefAnswers: Grace wants to link a watch, and somebody has looked over her shoulder. He is faster.
func thiefAnswers(ctx context.Context, s *scene) (note string, err error) {
	h := s.home
	if h.link, err = s.offer(ctx, h.phone, link.Choice{History: link.Sessions}); err != nil {
		return "", err
	}
	if h.thief, err = link.Scan(h.link.offer.QR(), s.net.now()); err != nil {
		return "", err
	}
	first, err := h.thief.Join(device.Classical, s.net.now())
	if err != nil {
		return "", err
	}
	if h.answer, err = h.link.offer.Receive(ctx, first); err != nil {
		return "", err
	}
	_, err = h.thief.Receive(h.answer, s.net.now())
	return "six digits, which he alone sees", err
}

func watchAnswers(ctx context.Context, s *scene) error { return s.home.link.join(ctx) }

func watchHears(_ context.Context, s *scene) error {
	watch := s.home.link.new
	_, err := watch.Receive(s.home.answer, s.net.now())
	if digits := watch.Digits(); digits != "" {
		return fmt.Errorf("it shows %d digits", len(digits))
	}
	return err
}

func graceGuesses(ctx context.Context, s *scene) error {
	guess := []byte(s.home.thief.Digits())
	guess[0] = '0' + (guess[0]-'0'+1)%10
	_, err := s.home.link.offer.Confirm(ctx, string(guess))
	return err
}

func thiefTellsHis(ctx context.Context, s *scene) error {
	_, err := s.home.link.offer.Confirm(ctx, s.home.thief.Digits())
	return err
}

func thiefGuessesCode(ctx context.Context, s *scene) (err error) {
	h := s.home
	if h.link, err = s.offerCode(ctx, h.phone, link.Choice{History: link.Nothing}); err != nil {
		return err
	}
	h.code = h.link.offer.Code()
	h.answer = h.link.offer.First() // which waits under the nameplate for whoever asks
	guess := []byte(h.code)
	last := &guess[len(guess)-1]
	*last = '0' + (*last-'0'+1)%10
	return s.enters(ctx, string(guess))
}

func rightCodeComes(ctx context.Context, s *scene) error { return s.enters(ctx, s.home.code) }

// enters has a new device take a short code, and answer.
func (s *scene) enters(ctx context.Context, code string) error {
	n, err := link.Enter(code, s.net.now())
	if err != nil {
		return err
	}
	if _, err := n.Receive(s.home.answer, s.net.now()); err != nil {
		return err
	}
	answer, err := n.Join(device.Classical, s.net.now())
	if err != nil {
		return err
	}
	_, err = s.home.link.offer.Receive(ctx, answer)
	return err
}
