package main

import (
	"context"
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/dek"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/kek"
)

// A new channel key alone would not keep Bob out: he has the content key. So what comes gets a new one.
var rotation = act{"Rotation: Bob leaves; a new channel key, and a new content key for what comes", []step{
	{"new channel key, old content key wrapped anew", rotate},
	{"new content key, wrapped under the new KEK", nextContentKey},
	{"new message sealed under the new content key", sealNextMessage},
	{"Alice opens the old message", openOldMessage},
	{"Alice opens the new message", openNextMessage},
	{"Bob tries every key he has on the new wraps", bobTriesWraps},
	{"Bob tries every key he has on the new message", bobTriesMessage},
	{"what Bob had, he keeps: the old message", bobKeeps},
}}

func rotate(_ context.Context, s *scene) (string, error) {
	wrapped, err := s.load(dekFile)
	if err != nil {
		return "", err
	}
	next, renewed, err := s.channel.Rotate([]kek.WrappedDEK{{Key: wrapped, AAD: dekAAD}})
	if err != nil {
		return "", err
	}
	wrappedNext, err := next.Wrap(s.master, nextKEKAAD)
	if err != nil {
		return "", err
	}
	if _, err := s.save(nextKEKFile, wrappedNext); err != nil {
		return "", err
	}
	note, err := s.save(movedDEKFile, renewed[0])
	if err != nil {
		return "", err
	}
	s.channel.Destroy() // only now: what replaces it is on disk
	s.channel = next
	return note, nil
}

func nextContentKey(_ context.Context, s *scene) (string, error) {
	s.nextContent = dek.Generate()
	wrapped, err := s.nextContent.Wrap(s.channel, nextDEKAAD)
	if err != nil {
		return "", err
	}
	return s.save(nextDEKFile, wrapped)
}

func sealNextMessage(_ context.Context, s *scene) (string, error) {
	return s.seal(s.nextContent, nextMessageFile, nextMessage, nextMessageAAD)
}

func openOldMessage(_ context.Context, s *scene) (string, error) {
	k, err := s.unwrapContent(s.channel, movedDEKFile, dekAAD)
	if err != nil {
		return "", err
	}
	defer k.Destroy()
	return s.open(k, messageFile, message, messageAAD)
}

func openNextMessage(_ context.Context, s *scene) (string, error) {
	k, err := s.unwrapContent(s.channel, nextDEKFile, nextDEKAAD)
	if err != nil {
		return "", err
	}
	defer k.Destroy()
	return s.open(k, nextMessageFile, nextMessage, nextMessageAAD)
}

// bobsKeys are the bytes of every secret that Bob got, each as a key for anything.
func (s *scene) bobsKeys() ([]*cose.Key, error) {
	return asKeys(s.bobChannel, s.bobContent, s.bobX25519)
}

func asKeys(secrets ...interface{ ExportSecret() ([]byte, error) }) ([]*cose.Key, error) {
	keys := make([]*cose.Key, len(secrets))
	for i, secret := range secrets {
		b, err := secret.ExportSecret()
		if err != nil {
			return nil, err
		}
		keys[i], err = cose.NewKey(cose.A256GCM, b)
		clear(b)
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// newWraps are the files that rotation wrapped keys into, with what their keys are bound to.
var newWraps = map[string][]byte{
	nextKEKFile:  kek.AAD(nextKEKAAD),
	movedDEKFile: dek.AAD(dekAAD),
	nextDEKFile:  dek.AAD(nextDEKAAD),
}

func bobTriesWraps(_ context.Context, s *scene) (string, error) {
	keys, err := s.bobsKeys()
	if err != nil {
		return "", err
	}
	for name, aad := range newWraps {
		wrapped, err := s.load(name)
		if err != nil {
			return "", err
		}
		for i, k := range keys {
			if _, err := k.UnwrapKey(wrapped, aad); fault.Of(err) != fault.WrongSecret {
				return "", fmt.Errorf("%s with key %d of Bob's: %v", name, i, err)
			}
		}
	}
	tries := len(newWraps) * len(keys)
	return fmt.Sprintf("refused: %s, %d of %d", fault.WrongSecret.Name(), tries, tries), nil
}

func bobTriesMessage(_ context.Context, s *scene) (string, error) {
	keys, err := s.bobsKeys()
	if err != nil {
		return "", err
	}
	sealed, err := s.load(nextMessageFile)
	if err != nil {
		return "", err
	}
	for i, k := range keys {
		if _, err := k.Decrypt0(nil, sealed, sealedContext(nextMessageAAD)); fault.Of(err) != fault.Damaged {
			return "", fmt.Errorf("key %d of Bob's: %v", i, err)
		}
	}
	return fmt.Sprintf("refused: %s, %d of %d", fault.Damaged.Name(), len(keys), len(keys)), nil
}

// sealedContext is what dek.Key.Seal binds a message to.
func sealedContext(aad []byte) cose.Context { return cose.Bind(wire.LabelSealed, aad) }

func bobKeeps(_ context.Context, s *scene) (string, error) {
	return s.open(s.bobContent, messageFile, message, messageAAD)
}
