package envelope

import (
	"fmt"
	"slices"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// protected1 is the content of a recipient's protected header in suite 1: {1: -31}, ECDH-ES+A256KW.
const protected1 = "\xa1\x01\x38\x1e"

// suite1 is ECDH-ES+A256KW over X25519 (RFC 9053 §6.4.1):
//
//	[<<{1: -31}>>, {-1: {1: 1, -1: 4, -2: epk}, 4: key_id}, A256KW(KEK, CEK)]
var suite1 = suite{
	number:        1,
	beforeKeyID:   "\x83\x44" + protected1 + "\xa2\x04\x50",
	beforePublic:  "\x20\xa3\x01\x01\x20\x04\x21\x58\x20",
	beforeWrapped: "\x58\x28",
	publicSize:    ecdh.Size,
	wrappedSize:   keySize + 8,
	wrapper:       wrapper1,
	unwrap:        unwrap1,
}

func wrapper1(session [32]byte, ephemeral *ecdh.PrivateKey) wrap {
	k, epk := newKDF(session), ephemeral.Public().Bytes()
	return func(to *Recipient, cek []byte) (public, wrapped []byte, err error) {
		kek, err := k.key(ephemeral, to.Key, to.Cert, to.KeyID)
		if err != nil {
			return nil, nil, err
		}
		defer clear(kek)
		wrapped, err = coseimpl.WrapKey(kek, cek)
		return epk, wrapped, err
	}
}

func unwrap1(session [32]byte, p *Private, public, wrapped []byte) ([]byte, error) {
	epk, err := ecdh.NewPublicKey(slices.Clone(public))
	if err != nil {
		return nil, fmt.Errorf("ephemeral key: %w", err)
	}
	kek, err := newKDF(session).key(p.Key, epk, p.Cert, p.KeyID)
	if err != nil {
		return nil, err
	}
	defer clear(kek)
	return coseimpl.UnwrapKey(kek, wrapped)
}

// kdf derives the keys that wrap. Each is bound to the session, the messaging key and the record (RFC 9053 §5.2):
//
//	[-5, [null, null, null], [cert_id, null, null], [256, <<{1: -31}>>, <<["sotto/v1.recipient", session_id, key_id]>>]]
//
// so that equal or related public keys give unrelated keys although all recipients share one ephemeral key (Bellare,
// Boldyreva and Staddon, PKC 2003). The info has one size; recipients differ in two places of it.
type kdf struct{ info []byte }

// inInfo is where the record's ID stands: after the heads of the context and of party V, and the null party U.
const inInfo = 1 + 1 + 4 + 1 + 2

func newKDF(session [32]byte) kdf {
	other := wire.AppendBound(nil, wire.LabelRecipient, session[:], make([]byte, keyIDSize))
	context := coseimpl.KDF{V: coseimpl.Party{Identity: make([]byte, 32)}, Public: other}
	return kdf{context.AppendContext(nil, coseimpl.A256KW, 8*keySize, []byte(protected1))}
}

// key derives the key for one recipient, which the caller wipes.
func (k kdf) key(private *ecdh.PrivateKey, public *ecdh.PublicKey, cert [32]byte, keyID [keyIDSize]byte) ([]byte, error) {
	z, err := private.Agree(public)
	if err != nil {
		return nil, err
	}
	defer z.Destroy()
	copy(k.info[inInfo:], cert[:])
	copy(k.info[len(k.info)-keyIDSize:], keyID[:])
	return z.HKDF(nil, k.info, keySize)
}
