package conformance

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/dek"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/kek"
	"github.com/sottokit/sotto/mk"
)

// given is a Wrapper whose wrapped keys are all the one key: the way to a channel or content key of known bytes.
type given struct{ key *cose.Key }

func (g given) WrapKey(*cose.Key, []byte) ([]byte, error) { return nil, errors.New("wraps nothing") }
func (g given) UnwrapKey(_, _ []byte) (*cose.Key, error)  { return g.key, nil }

func givenKEK(secret []byte) (*kek.Key, error) {
	k, err := cose.NewKey(cose.A256GCM, secret)
	if err != nil {
		return nil, err
	}
	return kek.Unwrap(given{k}, nil, nil)
}

func givenDEK(secret []byte) (*dek.Key, error) {
	k, err := cose.NewKey(cose.A256GCM, secret)
	if err != nil {
		return nil, err
	}
	return dek.Unwrap(given{k}, nil, nil)
}

// sottoWrap is a wrapped key: of any algorithm under one of any, a channel key or a content key.
type sottoWrap struct {
	Kind   string `json:"kind"`
	Inputs struct {
		Master *struct {
			Password octets `json:"password"`
			ID       octets `json:"id"`
			IV       octets `json:"iv"`
			Passes   uint32 `json:"passes"`
			Memory   uint32 `json:"memory_kib"`
			Lanes    uint8  `json:"lanes"`
		} `json:"master_key,omitempty"`
		WrappingAlg    int64  `json:"wrapping_alg"`
		WrappingSecret octets `json:"wrapping_secret"`
		InnerAlg       int64  `json:"inner_alg"`
		InnerSecret    octets `json:"inner_secret"`
		InnerKID       octets `json:"inner_kid,omitempty"`
		InnerBaseIV    octets `json:"inner_base_iv,omitempty"`
		AAD            octets `json:"aad"`
		IV             octets `json:"iv"`
	} `json:"inputs"`
	Outputs struct {
		WrappingID octets `json:"wrapping_id"`
		InnerID    octets `json:"inner_id"`
		InnerKey   octets `json:"inner_cose_key"`
		Commitment octets `json:"commitment"`
		Wrapped    octets `json:"wrapped"`
	} `json:"outputs"`

	wrapper wrapper
}

// wrapper is a cose.Key, mk.Key or kek.Key.
type wrapper interface {
	cose.Wrapper
	ID() []byte
	ExportSecret() ([]byte, error)
}

func newSottoWrap(ctx context.Context, object []byte) (sottoCase, error) {
	c := &sottoWrap{}
	if err := decode(object, c); err != nil {
		return nil, err
	}
	in, err := &c.Inputs, error(nil)
	switch {
	case in.Master != nil:
		c.wrapper, err = c.master(ctx)
	case c.Kind == "dek":
		c.wrapper, err = givenKEK(in.WrappingSecret)
	default:
		c.wrapper, err = cose.NewKey(cose.Algorithm(in.WrappingAlg), in.WrappingSecret)
	}
	return c, err
}

// master makes the master key of kind I that wraps.
func (c *sottoWrap) master(ctx context.Context) (*mk.Key, error) {
	m := c.Inputs.Master
	params := mk.Params{Time: m.Passes, MemoryKiB: m.Memory, Threads: m.Lanes}
	stretched, err := mk.Stretch(ctx, m.Password, m.ID, params)
	if err != nil {
		return nil, err
	}
	return stretched.KeyI(m.IV)
}

func (c *sottoWrap) read() error {
	wrapped, aad := c.Outputs.Wrapped, c.Inputs.AAD
	switch c.Kind {
	case "kek":
		k, err := kek.Unwrap(c.wrapper, wrapped, aad)
		if err != nil {
			return err
		}
		return c.compare(k)
	case "dek":
		k, err := dek.Unwrap(c.wrapper, wrapped, aad)
		if err != nil {
			return err
		}
		return c.compare(k)
	}
	k, err := cose.Unwrap(c.wrapper, wrapped, aad)
	if err != nil {
		return err
	}
	coseKey, err := k.ExportSecretCOSEKey()
	return errors.Join(err,
		c.compare(k),
		equal("COSE_Key", coseKey, c.Outputs.InnerKey),
		equal("kid", k.KeyID(), c.Inputs.InnerKID))
}

func (c *sottoWrap) compare(inner interface {
	ID() []byte
	ExportSecret() ([]byte, error)
}) error {
	secret, err := inner.ExportSecret()
	return errors.Join(err,
		equal("unwrapped key", secret, c.Inputs.InnerSecret),
		equal("its ID", inner.ID(), c.Outputs.InnerID))
}

func (c *sottoWrap) write() error {
	in, out := &c.Inputs, &c.Outputs
	secret, err := c.wrapper.ExportSecret()
	if err != nil {
		return err
	}
	coseKey := coseimpl.SymmetricKey{Alg: in.InnerAlg, KID: in.InnerKID, BaseIV: in.InnerBaseIV, K: in.InnerSecret}
	wrapped, commitment, err := c.seal(in.IV)
	if err != nil {
		return err
	}
	have, err := c.wrap()
	if err != nil {
		return err
	}
	return errors.Join(
		equal("wrapping key", secret, in.WrappingSecret),
		equal("ID of the wrapping key", c.wrapper.ID(), out.WrappingID),
		equal("COSE_Key", coseKey.Append(nil), out.InnerKey),
		equal("commitment", commitment, out.Commitment),
		equal("wrapped key", wrapped, out.Wrapped),
		remade("wrapped key", have, out.Wrapped, in.IV, func(iv []byte) ([]byte, error) {
			wrapped, _, err := c.seal(iv)
			return wrapped, err
		}))
}

// wrap wraps the inner key with a random IV.
func (c *sottoWrap) wrap() ([]byte, error) {
	switch c.Kind {
	case "kek":
		k, err := givenKEK(c.Inputs.InnerSecret)
		if err != nil {
			return nil, err
		}
		return k.Wrap(c.wrapper, c.Inputs.AAD)
	case "dek":
		k, err := givenDEK(c.Inputs.InnerSecret)
		if err != nil {
			return nil, err
		}
		return k.Wrap(c.wrapper, c.Inputs.AAD)
	}
	k, err := cose.ParseKey(c.Outputs.InnerKey)
	if err != nil {
		return nil, err
	}
	return c.wrapper.WrapKey(k, c.Inputs.AAD)
}

// seal wraps the inner key with an IV, as docs/spec/keys.md says.
func (c *sottoWrap) seal(iv []byte) (wrapped, commitment []byte, err error) {
	info := wire.AppendBound(nil, wire.LabelKeyWrap, wire.AppendInt(nil, c.Inputs.WrappingAlg))
	keys, err := hkdf.Key(sha256.New, c.Inputs.WrappingSecret, nil, string(info), 64)
	if err != nil {
		return nil, nil, err
	}
	aead, err := newGCM(keys[:32])
	if err != nil {
		return nil, nil, err
	}
	aad := []byte(c.Inputs.AAD)
	switch c.Kind {
	case "kek":
		aad = wire.AppendBound(nil, wire.LabelKEK, aad)
	case "dek":
		aad = wire.AppendBound(nil, wire.LabelDEK, aad)
	}
	protected := coseimpl.AppendHeader(nil,
		coseimpl.IntField(coseimpl.HeaderAlg, int64(cose.A256GCM)),
		coseimpl.TextField(coseimpl.HeaderTyp, wire.LabelKeyWrap),
		coseimpl.BytesField(coseimpl.HeaderCommitment, keys[32:]))
	unprotected := coseimpl.AppendHeader(nil, coseimpl.BytesField(coseimpl.HeaderIV, iv))
	wrapped, err = coseimpl.AppendEncrypt0(nil, aead, true, protected, unprotected, iv, c.Outputs.InnerKey,
		wire.AppendBound(nil, wire.LabelKeyWrap, aad))
	return wrapped, keys[32:], err
}
