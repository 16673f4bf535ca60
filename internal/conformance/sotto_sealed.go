package conformance

import (
	"context"
	"errors"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/dek"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// sottoSealed is content under a content key.
type sottoSealed struct {
	Inputs struct {
		Secret  octets `json:"secret"`
		Content octets `json:"content"`
		AAD     octets `json:"aad"`
		IV      octets `json:"iv"`
	} `json:"inputs"`
	Outputs struct {
		ID     octets `json:"id"`
		Sealed octets `json:"sealed"`
	} `json:"outputs"`

	key *dek.Key
}

func newSottoSealed(_ context.Context, object []byte) (sottoCase, error) {
	c := &sottoSealed{}
	if err := decode(object, c); err != nil {
		return nil, err
	}
	var err error
	c.key, err = givenDEK(c.Inputs.Secret)
	return c, err
}

func (c *sottoSealed) read() error {
	content, err := c.key.Open(nil, c.Outputs.Sealed, c.Inputs.AAD)
	if err != nil {
		return err
	}
	return equal("content", content, c.Inputs.Content)
}

func (c *sottoSealed) write() error {
	sealed, err := c.seal(c.Inputs.IV)
	if err != nil {
		return err
	}
	have, err := c.key.Seal(nil, c.Inputs.Content, c.Inputs.AAD)
	return errors.Join(err,
		equal("ID of the key", c.key.ID(), c.Outputs.ID),
		equal("sealed content", sealed, c.Outputs.Sealed),
		remade("sealed content", have, c.Outputs.Sealed, c.Inputs.IV, c.seal))
}

func (c *sottoSealed) seal(iv []byte) ([]byte, error) {
	aead, err := newGCM(c.Inputs.Secret)
	if err != nil {
		return nil, err
	}
	protected := coseimpl.AppendProtected(nil, int64(cose.A256GCM), wire.LabelSealed)
	unprotected := coseimpl.AppendHeader(nil, coseimpl.BytesField(coseimpl.HeaderIV, iv))
	return coseimpl.AppendEncrypt0(nil, aead, true, protected, unprotected, iv, c.Inputs.Content,
		wire.AppendBound(nil, wire.LabelSealed, c.Inputs.AAD))
}

// sottoCombined is the combined secret of two named parties. Party 1 reads, party 2 must get the same.
type sottoCombined struct {
	Inputs struct {
		Name1    octets `json:"name_1"`
		Private1 octets `json:"private_1"`
		Name2    octets `json:"name_2"`
		Private2 octets `json:"private_2"`
	} `json:"inputs"`
	Outputs struct {
		Public1 octets `json:"public_1"`
		Public2 octets `json:"public_2"`
		Secret  octets `json:"secret"`
	} `json:"outputs"`

	one, two *ecdh.PrivateKey
}

func newSottoCombined(_ context.Context, object []byte) (sottoCase, error) {
	c := &sottoCombined{}
	if err := decode(object, c); err != nil {
		return nil, err
	}
	var err1, err2 error
	c.one, err1 = ecdh.NewPrivateKey(c.Inputs.Private1)
	c.two, err2 = ecdh.NewPrivateKey(c.Inputs.Private2)
	return c, errors.Join(err1, err2)
}

func (c *sottoCombined) read() error {
	return c.combine(c.one, c.Outputs.Public2, c.Inputs.Name1, c.Inputs.Name2)
}

func (c *sottoCombined) write() error {
	return errors.Join(
		equal("public key 1", c.one.Public().Bytes(), c.Outputs.Public1),
		equal("public key 2", c.two.Public().Bytes(), c.Outputs.Public2),
		c.combine(c.two, c.Outputs.Public1, c.Inputs.Name2, c.Inputs.Name1))
}

func (c *sottoCombined) combine(me *ecdh.PrivateKey, peer, myName, peerName []byte) error {
	public, err := ecdh.NewPublicKey(peer)
	if err != nil {
		return err
	}
	shared, err := ecdh.Combined(me, public, myName, peerName)
	if err != nil {
		return err
	}
	secret, err := shared.ExportSecret()
	return errors.Join(err, equal("combined secret", secret, c.Outputs.Secret))
}
