package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/dek"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/kek"
	"github.com/sottokit/sotto/mk"
)

var makeKeys = act{"From a password down to a message: Alice", []step{
	{"password + ID, stretched with Argon2id", stretch},
	{"master key of kind I: with a service's IV", masterKey},
	{"master key of kind II: with a service's PK", masterKeyII},
	{"master key of kind III: with a vetKey", masterKeyIII},
	{"channel key (KEK) made, wrapped under kind I", makeChannelKey},
	{"content key (DEK) made, wrapped under the KEK", makeContentKey},
	{"message sealed under the DEK", sealMessage},
	{"file sealed under the DEK", sealFile},
}}

var reopen = act{"All keys forgotten; from password and files back to the message", []step{
	{"every key destroyed", forget},
	{"password + ID, stretched again", stretch},
	{"master key of kind I, again", masterKey},
	{"channel key unwrapped", openChannelKey},
	{"content key unwrapped", openContentKey},
	{"message opened, compared byte for byte", openMessage},
	{"file opened, compared byte for byte", openFile},
}}

var handOver = act{"The channel key handed to a second member: Bob (ECDH-ES with X25519)", []step{
	{"Bob asks with a fresh X25519 key, signed", request},
	{"Alice grants to that key, signed", grant},
	{"Bob accepts: the same channel key", accept},
	{"Bob opens the message", bobOpens},
}}

var errDiffers = errors.New("it opened, and is not what was sealed")

func stretch(ctx context.Context, s *scene) (note string, err error) {
	s.stretched, err = mk.Stretch(ctx, password, aliceID, demoParams)
	return fmt.Sprintf("%d bytes, after %d passes over %d KiB", mk.Size, demoParams.Time, demoParams.MemoryKiB), err
}

func masterKey(_ context.Context, s *scene) (string, error) {
	k, err := s.stretched.KeyI(s.iv)
	if err != nil {
		return "", err
	}
	s.master = k
	return keyNote(mk.Size, k.ID()), nil
}

func masterKeyII(_ context.Context, s *scene) (string, error) {
	pk := make([]byte, mk.Size) // in place of the service's
	rand.Read(pk)
	k, err := s.stretched.KeyII(pk)
	if err != nil {
		return "", err
	}
	defer k.Destroy()
	return keyNote(mk.Size, k.ID()), nil
}

func masterKeyIII(_ context.Context, s *scene) (string, error) {
	vetKey := make([]byte, mk.VetKeySize) // in place of the Internet Computer's
	rand.Read(vetKey)
	k, err := s.stretched.KeyIII(vetKey)
	if err != nil {
		return "", err
	}
	defer k.Destroy()
	return keyNote(mk.Size, k.ID()), nil
}

func keyNote(size int, id []byte) string { return fmt.Sprintf("%d bytes, key id %x", size, id) }

func makeChannelKey(_ context.Context, s *scene) (string, error) {
	s.channel = kek.Generate()
	wrapped, err := s.channel.Wrap(s.master, kekAAD)
	if err != nil {
		return "", err
	}
	return s.save(kekFile, wrapped)
}

func makeContentKey(_ context.Context, s *scene) (string, error) {
	s.content = dek.Generate()
	wrapped, err := s.content.Wrap(s.channel, dekAAD)
	if err != nil {
		return "", err
	}
	return s.save(dekFile, wrapped)
}

func sealMessage(_ context.Context, s *scene) (string, error) {
	return s.seal(s.content, messageFile, message, messageAAD)
}

func sealFile(_ context.Context, s *scene) (string, error) {
	plain, err := s.plain()
	if err != nil {
		return "", err
	}
	return s.seal(s.content, fileFile, plain, fileAAD)
}

// seal writes a sealed file.
func (s *scene) seal(k *dek.Key, name string, plain, aad []byte) (string, error) {
	sealed, err := k.Seal(nil, plain, aad)
	if err != nil {
		return "", err
	}
	note, err := s.save(name, sealed)
	return fmt.Sprintf("%d -> %s", len(plain), note), err
}

func forget(_ context.Context, s *scene) (string, error) {
	s.forget()
	if _, err := s.content.Seal(nil, message, messageAAD); fault.Of(err) != fault.DestroyedKey {
		return "", fmt.Errorf("a destroyed key sealed: %v", err)
	}
	return "0 bytes of keys left", nil
}

func openChannelKey(_ context.Context, s *scene) (string, error) {
	wrapped, err := s.load(kekFile)
	if err != nil {
		return "", err
	}
	s.channel, err = kek.Unwrap(s.master, wrapped, kekAAD)
	if err != nil {
		return "", err
	}
	return keyNote(len(wrapped), s.channel.ID()), nil
}

func openContentKey(_ context.Context, s *scene) (string, error) {
	wrapped, err := s.load(dekFile)
	if err != nil {
		return "", err
	}
	s.content, err = dek.Unwrap(s.channel, wrapped, dekAAD)
	if err != nil {
		return "", err
	}
	return keyNote(len(wrapped), s.content.ID()), nil
}

func openMessage(_ context.Context, s *scene) (string, error) {
	return s.open(s.content, messageFile, message, messageAAD)
}

func openFile(_ context.Context, s *scene) (string, error) {
	plain, err := s.plain()
	if err != nil {
		return "", err
	}
	return s.open(s.content, fileFile, plain, fileAAD)
}

// open opens a sealed file and compares.
func (s *scene) open(k *dek.Key, name string, want, aad []byte) (string, error) {
	sealed, err := s.load(name)
	if err != nil {
		return "", err
	}
	got, err := k.Open(nil, sealed, aad)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(got, want) {
		return "", errDiffers
	}
	return fmt.Sprintf("%d -> %d bytes, equal", len(sealed), len(got)), nil
}

func request(_ context.Context, s *scene) (string, error) {
	s.bobX25519 = ecdh.Generate()
	b, err := kek.NewRequest(s.bobX25519, s.bob, channel)
	if err != nil {
		return "", err
	}
	return s.save(requestFile, b)
}

func grant(_ context.Context, s *scene) (string, error) {
	b, err := s.load(requestFile)
	if err != nil {
		return "", err
	}
	g, err := s.channel.Grant(b, s.bob.Verifier(), s.alice, channel)
	if err != nil {
		return "", err
	}
	return s.save(grantFile, g)
}

func accept(_ context.Context, s *scene) (string, error) {
	g, err := s.load(grantFile)
	if err != nil {
		return "", err
	}
	b, err := s.load(requestFile)
	if err != nil {
		return "", err
	}
	s.bobChannel, err = kek.Accept(g, b, s.bobX25519, s.bob.Verifier(), s.alice.Verifier(), channel)
	if err != nil {
		return "", err
	}
	if !s.bobChannel.Equal(s.channel) {
		return "", errors.New("the member holds another key than the manager")
	}
	return keyNote(len(g), s.bobChannel.ID()), nil
}

func bobOpens(_ context.Context, s *scene) (note string, err error) {
	s.bobContent, err = s.unwrapContent(s.bobChannel, dekFile, dekAAD)
	if err != nil {
		return "", err
	}
	return s.open(s.bobContent, messageFile, message, messageAAD)
}

// unwrapContent opens the content key in a file.
func (s *scene) unwrapContent(channel *kek.Key, name string, aad []byte) (*dek.Key, error) {
	wrapped, err := s.load(name)
	if err != nil {
		return nil, err
	}
	return dek.Unwrap(channel, wrapped, aad)
}
