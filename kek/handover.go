package kek

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// The hand-over of a channel key (docs/spec/kek-handover.md). ECDH-ES alone tells neither side who the other is, so the
// member signs what is asked and the manager what is given, each for this channel and epoch:
//
//	request = Sign1(member, "sotto/v1.kek-request") over the key that is asked with
//	grant   = Sign1(manager, "sotto/v1.kek-grant") over COSE_Encrypt(ECDH-ES+A256KW), bound to SHA-256(request)

// asking is the payload of a request.
type asking struct {
	X25519 [ecdh.Size]byte `cbor:"1,keyasint"`
	Nonce  [16]byte        `cbor:"2,keyasint"` // makes every request another one, so that a grant answers one only
}

// Limits of what comes from the other side, in bytes.
const (
	maxRequest = 2048
	maxGrant   = 4096
)

// NewRequest asks for the key of a channel: it names the member's X25519 key, and the member's signature says that this
// key is asked for in this channel and epoch. The member keeps the request and me until Accept.
func NewRequest(me *ecdh.PrivateKey, sign *cose.Signer, ch Channel) ([]byte, error) {
	if me == nil || sign == nil {
		return nil, fmt.Errorf("kek: request without keys: %w", fault.Misuse)
	}
	if err := ch.check(); err != nil {
		return nil, err
	}
	a := asking{X25519: [ecdh.Size]byte(me.Public().Bytes())}
	rand.Read(a.Nonce[:])
	payload, err := wire.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	request, err := sign.Sign1(nil, payload, ch.bind(wire.LabelKEKRequest))
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	return request, nil
}

// Grant answers a request: it seals the channel key to the X25519 key that the member asked with. member is whom the
// manager means to admit; a request by anybody else, or for another channel or epoch, is fault.UntrustedSigner. Whether
// the member may have the key is for the caller to decide before.
func (k *Key) Grant(request []byte, member *cose.Verifier, sign *cose.Signer, ch Channel) ([]byte, error) {
	if member == nil || sign == nil {
		return nil, fmt.Errorf("kek: grant without keys: %w", fault.Misuse)
	}
	if err := ch.check(); err != nil {
		return nil, err
	}
	if len(request) > maxRequest {
		return nil, fmt.Errorf("kek: request of %d bytes: %w", len(request), fault.OverLimit)
	}
	payload, err := member.Verify1(request, ch.bind(wire.LabelKEKRequest))
	if err != nil {
		return nil, fmt.Errorf("kek: request: %w", err)
	}
	var a asking
	if err := wire.Unmarshal("kek: request", payload, maxRequest, &a); err != nil {
		return nil, err
	}
	to, err := ecdh.NewPublicKey(a.X25519[:])
	if err != nil {
		return nil, fmt.Errorf("kek: request: %w", err)
	}
	coseKey, err := k.key().ExportSecretCOSEKey()
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	defer clear(coseKey)
	h := handover{ch, request, sign.Verifier(), member}
	sealed, err := cose.Encrypt(nil, coseKey, []cose.Recipient{cose.ToX25519(to, nil, h.agreement())}, h.sealed())
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	grant, err := sign.Sign1(nil, sealed, h.grant())
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	return grant, nil
}

// Accept opens the answer to a request that NewRequest made with me and self's signer for the same channel. manager is
// whom the member believes. A grant by anybody else, for another request, member, channel or epoch is
// fault.UntrustedSigner; one that does not open with me is fault.Damaged.
func Accept(grant, request []byte, me *ecdh.PrivateKey, self, manager *cose.Verifier, ch Channel) (*Key, error) {
	if me == nil || self == nil || manager == nil {
		return nil, fmt.Errorf("kek: accept without keys: %w", fault.Misuse)
	}
	if err := ch.check(); err != nil {
		return nil, err
	}
	if len(grant) > maxGrant || len(request) > maxRequest {
		return nil, fmt.Errorf("kek: grant of %d and request of %d bytes: %w", len(grant), len(request), fault.OverLimit)
	}
	h := handover{ch, request, manager, self}
	sealed, err := manager.Verify1(grant, h.grant())
	if err != nil {
		return nil, fmt.Errorf("kek: grant: %w", err)
	}
	if info, err := cose.Inspect(sealed); err != nil || len(info.Opens) != 1 {
		return nil, fmt.Errorf("kek: grant: not sealed to one recipient: %w", fault.Malformed)
	}
	coseKey, err := cose.Decrypt(nil, sealed, cose.WithX25519(me, nil, h.agreement()), h.sealed())
	if err != nil {
		return nil, fmt.Errorf("kek: grant: %w", err)
	}
	defer clear(coseKey)
	k, err := cose.ParseOwnKey(coseKey)
	if err != nil {
		return nil, fmt.Errorf("kek: grant: %w", err)
	}
	return checked(k)
}

// handover is what both sides know of one answer, and what each of its layers is bound to.
type handover struct {
	ch      Channel
	request []byte
	manager *cose.Verifier
	member  *cose.Verifier
}

// bind is a Context for this channel, epoch and request, between these two.
func (h *handover) bind(label string) cose.Context {
	hash := sha256.Sum256(h.request)
	return h.ch.bind(label, hash[:], h.manager.PublicKey(), h.member.PublicKey())
}

// grant is the Context of the manager's signature.
func (h *handover) grant() cose.Context { return h.bind(wire.LabelKEKGrant) }

// sealed is the Context of the sealed channel key.
func (h *handover) sealed() cose.Context { return h.bind(wire.LabelKEKHandover) }

// agreement is the KDF context: the manager as party U, the member as party V, and what sealed binds.
func (h *handover) agreement() cose.Agreement {
	return cose.Agreement{
		Sender:   cose.Party{Identity: h.manager.PublicKey()},
		Receiver: cose.Party{Identity: h.member.PublicKey()},
		Purpose:  h.sealed().AAD,
	}
}
