package conformance

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	gocose "github.com/veraison/go-cose"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/coseimpl"
)

// Where a message is of algorithms that package cose has, apps will open it there: both must come to the same end.

// notInCose is what front returns for a message that package cose is not made for.
const notInCose = skip("not of the algorithms of package cose")

// sameInCose compares the result of open with that of package cose.
func (e *example) sameInCose(x structure, plaintext []byte, err error) error {
	front, frontErr := x.front()
	switch {
	case frontErr == notInCose:
		return nil
	case (err == nil) != (frontErr == nil):
		return fmt.Errorf("package cose says %v, coseimpl says %v", frontErr, err)
	case !bytes.Equal(front, plaintext):
		return fmt.Errorf("package cose opens another text")
	}
	return nil
}

func (e *example) context(m *exampleMessage) cose.Context {
	return cose.Context{AAD: m.External, Untagged: !e.tagged}
}

func (x *exampleEncrypt0) front() ([]byte, error) {
	k := coseimpl.SymmetricKey{Alg: x.content.ID, BaseIV: x.baseIV, K: x.key}
	key, err := cose.ParseKey(k.Append(nil))
	if err != nil {
		return nil, notInCose
	}
	return key.Decrypt0(nil, x.message, x.context(x.m))
}

func (x *exampleSign1) front() ([]byte, error) {
	if x.alg.id != gocose.AlgorithmEdDSA {
		return nil, notInCose
	}
	public, err := x.m.Key.octets("x")
	if err != nil {
		return nil, err
	}
	v, err := cose.NewVerifier(ed25519.PublicKey(public), nil)
	if err != nil {
		return nil, err
	}
	return v.Verify1(x.message, x.context(x.m))
}

func (x *exampleEncrypt) front() (plaintext []byte, err error) {
	content := cose.Algorithm(x.content.ID)
	if content != cose.A256GCM && content != cose.ChaCha20Poly1305 || x.baseIV != nil {
		return nil, notInCose
	}
	c := x.context(x.m)
	c.Content = content
	for i := range x.to {
		o, err := x.to[i].front(content, x.parsed, i)
		if err != nil {
			return nil, err
		}
		if plaintext, err = cose.Decrypt(nil, x.message, o, c); err != nil {
			return nil, err
		}
	}
	return plaintext, nil
}

// front makes the recipient's cose.Opener.
func (p *exampleParty) front(content cose.Algorithm, m *coseimpl.Encrypt, i int) (cose.Opener, error) {
	o := &p.opener
	if p.alg.Source == coseimpl.FromKey {
		if p.alg.Wrap {
			content = cose.A256KW
		}
		key, err := cose.NewKey(content, o.Key)
		if err != nil || p.alg.KDF {
			return nil, notInCose
		}
		return cose.WithKey(key, o.KeyID), nil
	}
	mine, isX25519 := o.Mine.(x25519Agreer)
	if !isX25519 || o.KDF.Private != nil || o.KDF.Salt != nil {
		return nil, notInCose
	}
	a := cose.Agreement{
		Sender: cose.Party(o.KDF.U), Receiver: cose.Party(o.KDF.V), Purpose: o.KDF.Public,
		Direct: !p.alg.Wrap,
	}
	if p.alg.Source == coseimpl.FromEphemeral {
		return cose.WithX25519(mine.key, o.KeyID, a), nil
	}
	if i >= len(m.Algs()) || bareStatic(m, i) {
		return nil, notInCose // RFC 9053 §6.3.1 demands a salt or nonce, and package cose obeys
	}
	from, err := o.From.OKP(coseimpl.CurveX25519, ecdh.Size)
	if err != nil {
		return nil, err
	}
	sender, err := ecdh.NewPublicKey(from.X)
	if err != nil {
		return nil, err
	}
	return cose.WithStatic(mine.key, sender, o.KeyID, a), nil
}

func bareStatic(m *coseimpl.Encrypt, i int) bool {
	headers, _ := m.Recipient(i)
	_, salt := headers.Unprotected.Find(coseimpl.HeaderSalt)
	_, nonce := headers.Unprotected.Find(coseimpl.HeaderPartyU - 1)
	return !salt && !nonce
}
