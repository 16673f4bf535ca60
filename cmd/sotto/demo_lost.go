package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/trust"
)

var losses = act{"The phone is lost, then everything but the paper", []step{
	{"the phone is lost: revoked, until that is done", loseLinkedPhone},
	attack("who finds it opens what Heidi writes now", fault.UnknownSession, finderOpens),
	{"a drill: would the paper alone do?", drill},
	{"the house burns down: the paper does", recoverGrace},
	attack("a paper of somebody else's does not", fault.WrongSecret, otherPaper),
	{"Heidi is told, and to compare numbers", heidiIsTold},
	{"they talk on", graceTalksOn},
	attack("the laptop was stolen, not burnt: links one", fault.RevokedDevice, stolenLaptopLinks),
}}

var (
	findersText   = []byte("Did you find your phone?")
	recoveredText = []byte("This is my new phone.")
)

// maxRevokes bounds how often it takes to have a device out: once to sign, once more when the log has it.
const maxRevokes = 2

func loseLinkedPhone(ctx context.Context, s *scene) (string, error) {
	h := s.home
	for n := 1; n <= maxRevokes; n++ {
		r, err := h.laptop.Revoke(ctx, h.phone.Device())
		if err != nil {
			return "", err
		}
		if err := allSync(ctx, h.laptop, h.heidi); err != nil {
			return "", err
		}
		if r.Done() {
			return fmt.Sprintf("done at call %d: every session is new", n), nil
		}
	}
	return "", errors.New("it has part in a conversation")
}

// finderOpens: Heidi goes on in the session that the laptop began, and the phone is shown all that the server carries.
func finderOpens(ctx context.Context, s *scene) error {
	parcels, err := s.home.heidi.say(ctx, "grace", findersText)
	if err != nil {
		return err
	}
	if err := s.home.laptop.reads(ctx, s.home.heidi, findersText); err != nil {
		return err
	}
	return s.home.phone.refusal(ctx, parcels[len(parcels)-1].Data)
}

// paperKey is the recovery key, typed off the paper.
func (h *home) paperKey() (*recovery.Key, error) { return recovery.Parse(h.paper) }

func drill(ctx context.Context, s *scene) (string, error) {
	key, err := s.home.paperKey()
	if err != nil {
		return "", err
	}
	defer key.Destroy()
	r, err := s.home.laptop.RecoveryCheck(ctx, sotto.Have{Key: key})
	if err != nil {
		return "", err
	}
	if !r.WithNothingLeft() {
		return "", fmt.Errorf("the paper does not do: %v", r.Key.Why)
	}
	return fmt.Sprintf("yes; so would %s", plural(len(r.Devices), "other device")), nil
}

// recoverGrace makes her next phone of nothing but the paper and what the server has.
func recoverGrace(ctx context.Context, s *scene) (string, error) {
	h := s.home
	key, err := h.paperKey()
	if err != nil {
		return "", err
	}
	defer key.Destroy()
	if h.phone, err = s.recover(ctx, "home-next-phone.db", key); err != nil {
		return "", err
	}
	for range 2 { // for the log, then with it
		if _, err := h.phone.sync(ctx); err != nil {
			return "", err
		}
	}
	r, err := h.phone.Report(ctx)
	if err != nil {
		return "", err
	}
	if !r.Active {
		return "", errors.New("the new phone is not active")
	}
	return fmt.Sprintf("entry %d: one device, a new one", len(s.net.logs["grace"])-1), nil
}

// recover makes a device of Grace's with a recovery key.
func (s *scene) recover(ctx context.Context, file string, key *recovery.Key) (p *peer, err error) {
	p = &peer{path: filepath.Join(s.dir, file), net: s.net}
	secret := lockbox.Password(newPassword, demoParams)
	defer secret.Destroy()
	p.Account, err = sotto.Recover(ctx, p.backend(), "grace", s.net.logs["grace"], key, s.net.options(), secret)
	return p, err
}

func otherPaper(ctx context.Context, s *scene) error {
	key := recovery.Generate()
	defer key.Destroy()
	_, err := s.recover(ctx, "home-other.db", key)
	return err
}

func heidiIsTold(ctx context.Context, s *scene) (string, error) {
	events, err := s.home.heidi.sync(ctx)
	if err != nil {
		return "", err
	}
	for _, e := range events {
		if e.Kind == sotto.KindIdentity && e.User == "grace" && e.Happened == trust.Recovered {
			return "she has recovered; devices before are out", nil
		}
	}
	return "", errors.New("she is not told")
}

func graceTalksOn(ctx context.Context, s *scene) (string, error) {
	h := s.home
	if _, err := h.phone.Trust(ctx, "heidi", s.net.logs["heidi"]); err != nil {
		return "", err
	}
	if err := allSync(ctx, h.phone, h.heidi); err != nil {
		return "", err
	}
	if _, err := h.phone.say(ctx, "heidi", recoveredText); err != nil {
		return "", err
	}
	if err := h.heidi.reads(ctx, h.phone, recoveredText); err != nil {
		return "", err
	}
	if _, err := h.heidi.say(ctx, "grace", recoveredText); err != nil {
		return "", err
	}
	return "read on both sides", h.phone.reads(ctx, h.heidi, recoveredText)
}

func stolenLaptopLinks(ctx context.Context, s *scene) error {
	if _, err := s.home.laptop.sync(ctx); err != nil {
		return err
	}
	_, err := s.home.laptop.OfferLink(ctx, link.Choice{History: link.Sessions})
	return err
}
