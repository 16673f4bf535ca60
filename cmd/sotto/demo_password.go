package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/kek"
	"github.com/sottokit/sotto/mk"
)

var passwordChange = act{"Alice changes her password: the channel key is sealed anew, no content is", []step{
	{"new password and new IV: new master key", newMasterKey},
	{"channel key wrapped anew, beside the old file", rewrapChannelKey},
	{"it opens: only now the old file is replaced", replaceChannelKey},
	{"message opened by way of the new password", openMessageByNewPassword},
	attack("old password on the new file", fault.WrongSecret, func(ctx context.Context, s *scene) error {
		return s.unwrapWith(ctx, password, s.iv)
	}),
	attack("old password with the old IV on the new file", fault.WrongSecret, func(ctx context.Context, s *scene) error {
		return s.unwrapWith(ctx, password, s.oldIV)
	}),
}}

// newMasterKey takes a new IV, too: with the old one nobody can try guesses at the new password.
func newMasterKey(ctx context.Context, s *scene) (note string, err error) {
	s.iv, s.oldIV = newIV(), s.iv // the service keeps both until the new file is in its place
	s.newMaster, err = masterKeyOf(ctx, newPassword, s.iv)
	if err != nil {
		return "", err
	}
	return keyNote(mk.Size, s.newMaster.ID()), nil
}

// masterKeyOf goes all the way from a password to a master key.
func masterKeyOf(ctx context.Context, password, iv []byte) (*mk.Key, error) {
	stretched, err := mk.Stretch(ctx, password, aliceID, demoParams)
	if err != nil {
		return nil, err
	}
	defer stretched.Destroy()
	return stretched.KeyI(iv)
}

func rewrapChannelKey(ctx context.Context, s *scene) (string, error) {
	ring, err := mk.NewRing(s.newMaster, s.master)
	if err != nil {
		return "", err
	}
	old, err := s.load(kekFile)
	if err != nil {
		return "", err
	}
	renewed := ring.Rewrap(ctx, []mk.Wrapped{{Key: old, AAD: kek.AAD(kekAAD)}})
	if err := renewed[0].Err; err != nil {
		return "", err
	}
	return s.save(newKEKFile, renewed[0].Key)
}

// replaceChannelKey switches to the new file in one step. Up to there the old password is the one that works, from there
// on the new one; at no point is there none.
func replaceChannelKey(_ context.Context, s *scene) (string, error) {
	wrapped, err := s.load(newKEKFile)
	if err != nil {
		return "", err
	}
	opened, err := kek.Unwrap(s.newMaster, wrapped, kekAAD)
	if err != nil {
		return "", err
	}
	defer opened.Destroy()
	if !opened.Equal(s.channel) {
		return "", errors.New("the new file holds another channel key")
	}
	if err := os.Rename(filepath.Join(s.dir, newKEKFile), filepath.Join(s.dir, kekFile)); err != nil {
		return "", err
	}
	s.master.Destroy()
	s.master = s.newMaster
	return fmt.Sprintf("%s -> %s", newKEKFile, kekFile), nil
}

func openMessageByNewPassword(ctx context.Context, s *scene) (string, error) {
	master, err := masterKeyOf(ctx, newPassword, s.iv)
	if err != nil {
		return "", err
	}
	defer master.Destroy()
	wrapped, err := s.load(kekFile)
	if err != nil {
		return "", err
	}
	channel, err := kek.Unwrap(master, wrapped, kekAAD)
	if err != nil {
		return "", err
	}
	defer channel.Destroy()
	content, err := s.unwrapContent(channel, dekFile, dekAAD)
	if err != nil {
		return "", err
	}
	defer content.Destroy()
	return s.open(content, messageFile, message, messageAAD)
}

// unwrapWith tries a password on the channel key.
func (s *scene) unwrapWith(ctx context.Context, password, iv []byte) error {
	master, err := masterKeyOf(ctx, password, iv)
	if err != nil {
		return err
	}
	defer master.Destroy()
	return s.unwrapChannel(master, kekAAD)
}
