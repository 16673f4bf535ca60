package conformance

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"

	gocose "github.com/veraison/go-cose"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/kek"
)

// sottoSigner is a manager or a member who signs.
type sottoSigner struct {
	*cose.Signer
	seed, kid []byte
}

func newSottoSigner(seed, kid []byte) (sottoSigner, error) {
	if len(seed) != ed25519.SeedSize {
		return sottoSigner{}, fmt.Errorf("seed of %d bytes", len(seed))
	}
	s, err := cose.NewSigner(ed25519.NewKeyFromSeed(seed), kid)
	return sottoSigner{s, seed, kid}, err
}

// sign makes the COSE_Sign1 of an own message.
func (s sottoSigner) sign(typ string, payload, external []byte) ([]byte, error) {
	signer, err := gocose.NewSigner(gocose.AlgorithmEdDSA, ed25519.NewKeyFromSeed(s.seed))
	if err != nil {
		return nil, err
	}
	fields := []coseimpl.Field{
		coseimpl.IntField(coseimpl.HeaderAlg, int64(cose.EdDSA)), coseimpl.TextField(coseimpl.HeaderTyp, typ),
	}
	if s.kid != nil {
		fields = append(fields, coseimpl.BytesField(coseimpl.HeaderKID, s.kid))
	}
	protected, unprotected := coseimpl.AppendHeader(nil, fields...), coseimpl.AppendHeader(nil)
	return coseimpl.AppendSign1(nil, signer, true, protected, unprotected, payload, external)
}

// sottoChannel is the place of a hand-over.
type sottoChannel struct {
	Channel octets `json:"channel"`
	Epoch   uint64 `json:"epoch"`
}

func (c *sottoChannel) channel() kek.Channel { return kek.Channel{ID: c.Channel, Epoch: c.Epoch} }

// place is the external_aad of a label here.
func (c *sottoChannel) place(label string, parts ...[]byte) []byte {
	epoch := wire.AppendHead(nil, wire.MajorUint, c.Epoch)
	return wire.AppendBound(nil, label, append([][]byte{c.Channel, epoch}, parts...)...)
}

// sottoRequest is the request of a member, which a manager reads.
type sottoRequest struct {
	Inputs struct {
		sottoChannel
		MemberSeed octets `json:"member_seed"`
		MemberKID  octets `json:"member_kid,omitempty"`
		X25519     octets `json:"x25519_private"`
		Nonce      octets `json:"nonce"`
	} `json:"inputs"`
	Outputs struct {
		Member  octets `json:"member_public"`
		X25519  octets `json:"x25519_public"`
		Request octets `json:"request"`
	} `json:"outputs"`

	member   sottoSigner
	expected *cose.Verifier // whom the manager means to admit
	x25519   *ecdh.PrivateKey
}

func newSottoRequest(_ context.Context, object []byte) (sottoCase, error) {
	c := &sottoRequest{}
	if err := decode(object, c); err != nil {
		return nil, err
	}
	var err1, err2, err3 error
	c.member, err1 = newSottoSigner(c.Inputs.MemberSeed, c.Inputs.MemberKID)
	c.expected, err2 = cose.NewVerifier(ed25519.PublicKey(c.Outputs.Member), c.Inputs.MemberKID)
	c.x25519, err3 = ecdh.NewPrivateKey(c.Inputs.X25519)
	return c, errors.Join(err1, err2, err3)
}

// read grants a new channel key on the request; the member must be able to accept it.
func (c *sottoRequest) read() error {
	key, manager, ch := kek.Generate(), cose.GenerateSigner(), c.Inputs.channel()
	grant, err := key.Grant(c.Outputs.Request, c.expected, manager, ch)
	if err != nil {
		return err
	}
	accepted, err := kek.Accept(grant, c.Outputs.Request, c.x25519, c.member.Verifier(), manager.Verifier(), ch)
	if err != nil {
		return err
	}
	if !accepted.Equal(key) {
		return errors.New("another key was accepted than granted")
	}
	return nil
}

func (c *sottoRequest) write() error {
	request, err := c.sign(c.Inputs.Nonce)
	if err != nil {
		return err
	}
	have, err := kek.NewRequest(c.x25519, c.member.Signer, c.Inputs.channel())
	return errors.Join(err,
		equal("member's key", c.member.Verifier().PublicKey(), c.Outputs.Member),
		equal("X25519 key", c.x25519.Public().Bytes(), c.Outputs.X25519),
		equal("request", request, c.Outputs.Request),
		// The signature follows from the nonce, for Ed25519 is deterministic.
		remade("request", have, c.Outputs.Request, c.Inputs.Nonce, c.sign))
}

func (c *sottoRequest) sign(nonce []byte) ([]byte, error) {
	payload := coseimpl.AppendHeader(nil, coseimpl.BytesField(1, c.Outputs.X25519), coseimpl.BytesField(2, nonce))
	return c.member.sign(wire.LabelKEKRequest, payload, c.Inputs.place(wire.LabelKEKRequest))
}

// sottoGrant is the answer of a manager, which the member reads.
type sottoGrant struct {
	Inputs struct {
		sottoChannel
		ManagerSeed octets `json:"manager_seed"`
		ManagerKID  octets `json:"manager_kid,omitempty"`
		Member      octets `json:"member_public"`
		MemberKID   octets `json:"member_kid,omitempty"`
		X25519      octets `json:"x25519_private"`
		Ephemeral   octets `json:"ephemeral"`
		CEK         octets `json:"cek"`
		IV          octets `json:"iv"`
		KEK         octets `json:"kek_secret"`
		Request     octets `json:"request"`
	} `json:"inputs"`
	Outputs struct {
		Manager octets `json:"manager_public"`
		ID      octets `json:"kek_id"`
		Sealed  octets `json:"sealed"`
		Grant   octets `json:"grant"`
	} `json:"outputs"`

	manager           sottoSigner
	expected, member  *cose.Verifier // expected is the manager whom the member believes
	x25519, ephemeral *ecdh.PrivateKey
	key               *kek.Key
}

func newSottoGrant(_ context.Context, object []byte) (sottoCase, error) {
	c := &sottoGrant{}
	if err := decode(object, c); err != nil {
		return nil, err
	}
	in := &c.Inputs
	var errs [6]error
	c.manager, errs[0] = newSottoSigner(in.ManagerSeed, in.ManagerKID)
	c.expected, errs[1] = cose.NewVerifier(ed25519.PublicKey(c.Outputs.Manager), in.ManagerKID)
	c.member, errs[2] = cose.NewVerifier(ed25519.PublicKey(in.Member), in.MemberKID)
	c.x25519, errs[3] = ecdh.NewPrivateKey(in.X25519)
	c.ephemeral, errs[4] = ecdh.NewPrivateKey(in.Ephemeral)
	c.key, errs[5] = givenKEK(in.KEK)
	return c, errors.Join(errs[:]...)
}

func (c *sottoGrant) read() error { return c.accept(c.Outputs.Grant) }

func (c *sottoGrant) accept(grant []byte) error {
	k, err := kek.Accept(grant, c.Inputs.Request, c.x25519, c.member, c.expected, c.Inputs.channel())
	if err != nil {
		return err
	}
	secret, err := k.ExportSecret()
	return errors.Join(err, equal("channel key", secret, c.Inputs.KEK), equal("its ID", k.ID(), c.Outputs.ID))
}

func (c *sottoGrant) write() error {
	sealed, err := c.seal()
	if err != nil {
		return err
	}
	grant, err := c.manager.sign(wire.LabelKEKGrant, sealed, c.place(wire.LabelKEKGrant))
	if err != nil {
		return err
	}
	have, err := c.key.Grant(c.Inputs.Request, c.member, c.manager.Signer, c.Inputs.channel())
	if err != nil {
		return err
	}
	return errors.Join(
		equal("manager's key", c.manager.Verifier().PublicKey(), c.Outputs.Manager),
		equal("sealed channel key", sealed, c.Outputs.Sealed),
		equal("grant", grant, c.Outputs.Grant),
		c.sameForm(have),
		c.accept(have))
}

// sameForm compares a grant with the published one up to the IV. Its ephemeral key is unknown, so that it cannot be made
// anew.
func (c *sottoGrant) sameForm(grant []byte) error {
	at := bytes.Index(c.Outputs.Grant, c.Inputs.IV)
	if at < 0 || len(grant) != len(c.Outputs.Grant) {
		return fmt.Errorf("grant of %d bytes instead of %d", len(grant), len(c.Outputs.Grant))
	}
	return equal("start of what sotto grants", grant[:at], c.Outputs.Grant[:at])
}

// place is the external_aad of a label in this answer.
func (c *sottoGrant) place(label string) []byte {
	hash := sha256.Sum256(c.Inputs.Request)
	return c.Inputs.place(label, hash[:], c.manager.Verifier().PublicKey(), c.Inputs.Member)
}

// seal makes the COSE_Encrypt of the channel key.
func (c *sottoGrant) seal() ([]byte, error) {
	place := c.place(wire.LabelKEKHandover)
	e := coseimpl.Envelope{
		Tagged:      true,
		Alg:         int64(cose.A256GCM),
		Protected:   coseimpl.AppendProtected(nil, int64(cose.A256GCM), wire.LabelKEKHandover),
		Unprotected: coseimpl.AppendHeader(nil, coseimpl.BytesField(coseimpl.HeaderIV, c.Inputs.IV)),
		IV:          c.Inputs.IV,
		CEK:         c.Inputs.CEK,
		External:    place,
		To: []coseimpl.Recipient{{
			Alg:  int64(cose.ECDHESA256KW),
			Mine: x25519Agreer{c.ephemeral},
			Peer: coseimpl.PublicOKP(coseimpl.CurveX25519, c.x25519.Public().Bytes()),
			KDF: coseimpl.KDF{
				U:      coseimpl.Party{Identity: c.manager.Verifier().PublicKey()},
				V:      coseimpl.Party{Identity: c.Inputs.Member},
				Public: place,
			},
		}},
	}
	key := coseimpl.SymmetricKey{Alg: int64(cose.A256GCM), K: c.Inputs.KEK}
	return coseimpl.AppendEncrypt(nil, &wide, &e, key.Append(nil))
}
