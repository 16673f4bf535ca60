package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/internal/slot"
	"github.com/sottokit/sotto/mk"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
)

// sottoLockboxKinds are the kinds of cases about lockboxes and recovery keys. The map is written nowhere.
var sottoLockboxKinds = sottoKinds{
	"recovery_key": sottoForm[sottoRecoveryKey],
	"typed_key":    sottoForm[sottoTypedKey],
	"lockbox":      newSottoLockbox,
}

// sottoLockbox is a box, and the secrets that open it.
type sottoLockbox struct {
	Inputs struct {
		Owner   octets            `json:"owner"`
		Root    octets            `json:"root"`
		BoxID   octets            `json:"box_id"`
		Slots   []json.RawMessage `json:"slots"`   // sottoSlot
		Secrets []json.RawMessage `json:"secrets"` // sottoSecret: each opens the box
	} `json:"inputs"`
	Outputs struct {
		Box octets `json:"box"`
	} `json:"outputs"`

	ctx context.Context
}

// sottoSecret is a secret as its user has it.
type sottoSecret struct {
	Kind     slot.Kind `json:"kind"`
	Password octets    `json:"password,omitempty"` // as it is typed, UTF-8
	Recovery octets    `json:"recovery_key,omitempty"`
	Wrapper  octets    `json:"wrapper,omitempty"`
}

func newSottoLockbox(ctx context.Context, object []byte) (sottoCase, error) {
	c := &sottoLockbox{ctx: ctx}
	return c, decode(object, c)
}

func (c *sottoLockbox) read() error {
	box, err := lockbox.Parse(c.Outputs.Box, c.Inputs.Owner)
	if err != nil {
		return err
	}
	if len(c.Inputs.Secrets) == 0 {
		return errors.New("no secret")
	}
	for i, object := range c.Inputs.Secrets {
		var s sottoSecret
		if err := decode(object, &s); err != nil {
			return fmt.Errorf("secret %d: %w", i, err)
		}
		secret, err := s.secret()
		if err != nil {
			return err
		}
		root, err := box.Open(c.ctx, secret)
		if err != nil {
			return err
		}
		have, err := root.ExportSecret()
		if err := errors.Join(err, equal("root", have, c.Inputs.Root)); err != nil {
			return fmt.Errorf("secret %d: %w", i, err)
		}
	}
	return nil
}

func (s *sottoSecret) secret() (*lockbox.Secret, error) {
	switch s.Kind {
	case slot.PBKDF2:
		return lockbox.PBKDF2Password(s.Password, 0), nil
	case slot.Argon2id:
		return lockbox.Password(s.Password, mk.Params{}), nil
	case slot.Recovery:
		k, err := recovery.NewKey(s.Recovery)
		return lockbox.Recovery(k), err
	case slot.Wrapped:
		k, err := cose.NewKey(cose.A256GCM, s.Wrapper)
		return lockbox.Wrapped(k), err
	}
	return nil, fmt.Errorf("no secret of kind %d", s.Kind)
}
