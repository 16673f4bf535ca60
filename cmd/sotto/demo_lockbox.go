package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
)

var lockboxes = act{"A lockbox: one root key, opened by a password or by the recovery key", []step{
	{"made: a password and a recovery key open it", makeLockbox},
	{"opened by the password", openByPassword},
	attack("wrong password on the lockbox", fault.WrongSecret, guessPassword),
	{"recovery key with a typo: the group is named", mistypeRecoveryKey},
	{"typo mended: opened by the recovery key", openByRecoveryKey},
	{"every byte flipped: found before a password", flipLockbox},
	{"password changed, the root key stays", changePassword},
	attack("old password on the changed lockbox", fault.WrongSecret, oldPassword),
	{"what that does not undo: the old copy opens", openOldCopy},
}}

var errOtherRoot = errors.New("it opened, and to another root key")

func makeLockbox(ctx context.Context, s *scene) (string, error) {
	rk := recovery.Generate()
	defer rk.Destroy()
	box, root, err := lockbox.New(ctx, aliceID, lockbox.Password(password, demoParams), lockbox.Recovery(rk))
	if err != nil {
		return "", err
	}
	s.root = root
	if s.paper, err = rk.ExportSecretText(); err != nil {
		return "", err
	}
	return s.save(aliceBoxFile, box.Bytes())
}

// openLockbox opens Alice's lockbox and compares the root key.
func (s *scene) openLockbox(ctx context.Context, by *lockbox.Secret) (string, error) {
	b, err := s.load(aliceBoxFile)
	if err != nil {
		return "", err
	}
	return s.openBox(ctx, b, by)
}

func (s *scene) openBox(ctx context.Context, b []byte, by *lockbox.Secret) (string, error) {
	defer by.Destroy()
	root, err := rootIn(ctx, b, by)
	if err != nil {
		return "", err
	}
	defer root.Destroy()
	if !root.Equal(s.root) {
		return "", errOtherRoot
	}
	return fmt.Sprintf("root key id %x", root.ID()), nil
}

// rootIn opens a lockbox of Alice's.
func rootIn(ctx context.Context, b []byte, by *lockbox.Secret) (*cose.Key, error) {
	box, err := lockbox.Parse(b, aliceID)
	if err != nil {
		return nil, err
	}
	return box.Open(ctx, by)
}

func openByPassword(ctx context.Context, s *scene) (string, error) {
	return s.openLockbox(ctx, lockbox.Password(password, demoParams))
}

func guessPassword(ctx context.Context, s *scene) error {
	_, err := s.openLockbox(ctx, lockbox.Password([]byte("a password that somebody guessed"), demoParams))
	return err
}

// mistypeRecoveryKey gets one character wrong.
func mistypeRecoveryKey(_ context.Context, s *scene) (string, error) {
	const wrong, groupSize = 7, len("12345-")
	typed := bytes.Clone(s.paper)
	defer clear(typed)
	at := (wrong - 1) * groupSize
	typed[at] = map[bool]byte{true: '3', false: '2'}[typed[at] == '2']
	var mistyped *recovery.GroupError
	if _, err := recovery.Parse(typed); !errors.As(err, &mistyped) || mistyped.Group != wrong {
		return "", fmt.Errorf("group %d is wrong, and the answer is: %v", wrong, err)
	}
	return fmt.Sprintf("refused: %s, group %d of %d", fault.Of(mistyped).Name(), mistyped.Group, recovery.Groups), nil
}

func openByRecoveryKey(ctx context.Context, s *scene) (string, error) {
	rk, err := recovery.Parse(s.paper)
	if err != nil {
		return "", err
	}
	defer rk.Destroy()
	return s.openLockbox(ctx, lockbox.Recovery(rk))
}

// flipLockbox does not come to a password, which would otherwise be blamed.
func flipLockbox(_ context.Context, s *scene) (string, error) {
	b, err := s.load(aliceBoxFile)
	if err != nil {
		return "", err
	}
	for i := range b {
		flipped := bytes.Clone(b)
		flipped[i] ^= 1
		if _, err := lockbox.Parse(flipped, aliceID); fault.Of(err) != fault.Damaged {
			return "", fmt.Errorf("byte %d flipped: %v", i, err)
		}
	}
	return fmt.Sprintf("refused: %s, %d of %d", fault.Damaged.Name(), len(b), len(b)), nil
}

func changePassword(ctx context.Context, s *scene) (note string, err error) {
	if s.oldBox, err = s.load(aliceBoxFile); err != nil {
		return "", err
	}
	box, err := lockbox.Parse(s.oldBox, aliceID)
	if err != nil {
		return "", err
	}
	old, next := lockbox.Password(password, demoParams), lockbox.Password(newPassword, demoParams)
	defer old.Destroy()
	defer next.Destroy()
	if box, err = box.Replace(ctx, old, next); err != nil {
		return "", err
	}
	if _, err := s.save(aliceBoxFile, box.Bytes()); err != nil {
		return "", err
	}
	return s.openLockbox(ctx, next)
}

func oldPassword(ctx context.Context, s *scene) error {
	_, err := s.openLockbox(ctx, lockbox.Password(password, demoParams))
	return err
}

func openOldCopy(ctx context.Context, s *scene) (string, error) {
	return s.openBox(ctx, s.oldBox, lockbox.Password(password, demoParams))
}
