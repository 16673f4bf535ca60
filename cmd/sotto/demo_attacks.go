package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/kek"
	"github.com/sottokit/sotto/mk"
)

var attacks = act{"Attacks: each must be refused, and for the right reason", []step{
	attack("wrong password", fault.WrongSecret, wrongPassword),
	attack("wrapped channel key moved to another channel", fault.Damaged, movedKey),
	attack("channel key of epoch 1 in the place of epoch 2", fault.Damaged, olderKey),
	attack("grant signed by a stranger", fault.UntrustedSigner, forgedGrant),
	attack("request signed by a stranger", fault.UntrustedSigner, forgedRequest),
	attack("grant for another request", fault.UntrustedSigner, grantForAnotherRequest),
	attack("grant for another epoch", fault.UntrustedSigner, grantForAnotherEpoch),
	attack("last byte of the message flipped", fault.Damaged, flippedByte),
	{"every byte of the message flipped, one by one", everyByteFlipped},
	attack("message moved to another place", fault.Damaged, movedMessage),
	attack("file truncated", fault.Malformed, truncatedFile),
	attack("X25519 public key of low order", fault.Malformed, lowOrderPublicKey),
	attack("ephemeral key of low order in a message", fault.Malformed, lowOrderEphemeralKey),
	attack("Argon2id parameters that ask for 4 GiB", fault.OverLimit, argon2TooLarge),
	attack("Argon2id parameters with 0 threads", fault.Misuse, argon2NoThreads),
}}

func wrongPassword(ctx context.Context, s *scene) error {
	return s.unwrapWith(ctx, []byte("a password that somebody guessed"), s.iv)
}

func movedKey(_ context.Context, s *scene) error { return s.unwrapChannel(s.master, otherAAD) }

// olderKey passes the channel key that Bob has for the one that replaced it.
func olderKey(_ context.Context, s *scene) error { return s.unwrapChannel(s.master, nextKEKAAD) }

func (s *scene) unwrapChannel(master *mk.Key, aad []byte) error {
	wrapped, err := s.load(kekFile)
	if err != nil {
		return err
	}
	k, err := kek.Unwrap(master, wrapped, aad)
	if err == nil {
		k.Destroy()
	}
	return err
}

// forgedGrant answers Bob's request with a key of the attacker's.
func forgedGrant(_ context.Context, s *scene) error {
	b, err := s.load(requestFile)
	if err != nil {
		return err
	}
	g, err := kek.Generate().Grant(b, s.bob.Verifier(), cose.GenerateSigner(), channel)
	if err != nil {
		return err
	}
	return s.bobAccepts(g, b, channel)
}

// forgedRequest asks in Bob's place.
func forgedRequest(_ context.Context, s *scene) error {
	b, err := kek.NewRequest(ecdh.Generate(), cose.GenerateSigner(), nextEpoch)
	if err != nil {
		return err
	}
	_, err = s.channel.Grant(b, s.bob.Verifier(), s.alice, nextEpoch)
	return err
}

func grantForAnotherRequest(_ context.Context, s *scene) error {
	g, err := s.load(grantFile)
	if err != nil {
		return err
	}
	another, err := kek.NewRequest(s.bobX25519, s.bob, channel)
	if err != nil {
		return err
	}
	return s.bobAccepts(g, another, channel)
}

func grantForAnotherEpoch(_ context.Context, s *scene) error {
	g, err := s.load(grantFile)
	if err != nil {
		return err
	}
	b, err := s.load(requestFile)
	if err != nil {
		return err
	}
	return s.bobAccepts(g, b, nextEpoch)
}

func (s *scene) bobAccepts(grant, request []byte, ch kek.Channel) error {
	k, err := kek.Accept(grant, request, s.bobX25519, s.bob.Verifier(), s.alice.Verifier(), ch)
	if err == nil {
		k.Destroy()
	}
	return err
}

func flippedByte(_ context.Context, s *scene) error {
	sealed, err := s.load(messageFile)
	if err != nil {
		return err
	}
	sealed[len(sealed)-1] ^= 1
	_, err = s.content.Open(nil, sealed, messageAAD)
	return err
}

// everyByteFlipped counts on any fault: a flip in the headers makes another format of the message, one elsewhere damage.
func everyByteFlipped(_ context.Context, s *scene) (string, error) {
	sealed, err := s.load(messageFile)
	if err != nil {
		return "", err
	}
	damaged := 0
	for i := range sealed {
		flipped := bytes.Clone(sealed)
		flipped[i] ^= 1
		_, err := s.content.Open(nil, flipped, messageAAD)
		switch fault.Of(err) {
		case 0:
			return "", fmt.Errorf("byte %d flipped: %v", i, err)
		case fault.Damaged:
			damaged++
		}
	}
	return fmt.Sprintf("refused: %d of %d (%s: %d)", len(sealed), len(sealed), fault.Damaged.Name(), damaged), nil
}

func movedMessage(_ context.Context, s *scene) error {
	sealed, err := s.load(messageFile)
	if err != nil {
		return err
	}
	_, err = s.content.Open(nil, sealed, fileAAD)
	return err
}

func truncatedFile(_ context.Context, s *scene) error {
	sealed, err := s.load(fileFile)
	if err != nil {
		return err
	}
	_, err = s.content.Open(nil, sealed[:len(sealed)-1], fileAAD)
	return err
}

// A public key of zeros makes every agreement come out as zeros.
func lowOrderPublicKey(context.Context, *scene) error {
	_, err := ecdh.NewPublicKey(make([]byte, ecdh.Size))
	return err
}

// lowOrderEphemeralKey puts the same key into a message, where the sender's ephemeral key stands.
func lowOrderEphemeralKey(_ context.Context, s *scene) error {
	place := cose.Bind("demo/v1.low-order")
	to := cose.ToX25519(s.bobX25519.Public(), nil, cose.Agreement{})
	sealed, err := cose.Encrypt(nil, message, []cose.Recipient{to}, place)
	if err != nil {
		return err
	}
	// -1 (crv): 4 (X25519), -2 (x): 32 bytes
	_, x, found := bytes.Cut(sealed, []byte("\x20\x04\x21\x58\x20"))
	if !found || len(x) < ecdh.Size {
		return errors.New("no ephemeral key in the message")
	}
	clear(x[:ecdh.Size])
	_, err = cose.Decrypt(nil, sealed, cose.WithX25519(s.bobX25519, nil, cose.Agreement{}), place)
	return err
}

func argon2TooLarge(ctx context.Context, _ *scene) error {
	_, err := mk.Stretch(ctx, password, aliceID, mk.Params{Time: 1, MemoryKiB: 4 << 20, Threads: 1})
	return err
}

func argon2NoThreads(ctx context.Context, _ *scene) error {
	_, err := mk.Stretch(ctx, password, aliceID, mk.Params{Time: demoParams.Time, MemoryKiB: demoParams.MemoryKiB})
	return err
}
