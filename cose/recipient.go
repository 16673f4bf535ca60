package cose

import (
	"bytes"
	"crypto/rand"
	"fmt"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
)

// Party is what both sides know of one of them (RFC 9053 §5.2). A nil field is null, an empty one is h”.
type Party struct{ Identity, Nonce, Other []byte }

// Agreement is what both sides of a key agreement say about it; it becomes the COSE_KDF_Context (RFC 9053 §5.2), so that
// a key agreed in one place opens nothing in another. Identities, Other and Purpose never travel: both sides know them.
type Agreement struct {
	Sender, Receiver Party
	Purpose          []byte // SuppPubInfo.other; nil leaves it out

	// Direct makes the agreed key the content key (ECDHES, ECDHSS). Otherwise it wraps the content key (ECDHESA256KW,
	// ECDHSSA256KW), and a message may have many recipients.
	Direct bool
}

// Recipient is somebody to whom Encrypt seals. Made by ToX25519, ToStatic and ToKey.
type Recipient interface {
	// write fills in r for a message of c and returns what wipes the secrets in it.
	write(r *coseimpl.Recipient, c *Context) (wipe func(), err error)
}

// Opener is what Decrypt opens with, and what it expects. Made by WithX25519, WithStatic and WithKey.
type Opener interface {
	read(o *coseimpl.Opener, c *Context) (wipe func(), err error)
}

// ToX25519 seals to the holder of a public key, with a fresh ephemeral key (RFC 9053 §6.3.1). It says nothing about who
// the sender is. keyID tells the recipient which key is meant; nil leaves it out.
func ToX25519(to *ecdh.PublicKey, keyID []byte, a Agreement) Recipient {
	return toX25519{to: to, keyID: keyID, agreement: a}
}

// ToStatic seals to the holder of a public key with the sender's own static key, so that only one of the two can have
// made the message. It is the only recipient of its message. With a Type, a.Sender.Identity and a.Receiver.Identity must be
// there and differ, so that no message can be sent back as an answer; in standard messages that is the caller's to see to.
// A fresh nonce goes into every message (RFC 9053 §6.3.1), so a.Sender.Nonce must be nil.
func ToStatic(me *ecdh.PrivateKey, to *ecdh.PublicKey, keyID []byte, a Agreement) Recipient {
	return toX25519{static: true, me: me, to: to, keyID: keyID, agreement: a}
}

// ToKey seals to the holders of a symmetric key: with a key of A256KW the content key is wrapped, a content key is used
// itself (Direct) and must be of the content algorithm.
func ToKey(k *Key, keyID []byte) Recipient { return withKey{k, keyID} }

// WithX25519 opens what ToX25519 sealed to me under the same keyID and Agreement.
func WithX25519(me *ecdh.PrivateKey, keyID []byte, a Agreement) Opener {
	return withX25519{me: me, keyID: keyID, agreement: a}
}

// WithStatic opens what ToStatic sealed to me under the same keyID and Agreement, by the holder of from and nobody else.
func WithStatic(me *ecdh.PrivateKey, from *ecdh.PublicKey, keyID []byte, a Agreement) Opener {
	return withX25519{static: true, me: me, from: from, keyID: keyID, agreement: a}
}

// WithKey opens what ToKey sealed under the same key and keyID.
func WithKey(k *Key, keyID []byte) Opener { return withKey{k, keyID} }

type toX25519 struct {
	static    bool
	me        *ecdh.PrivateKey
	to        *ecdh.PublicKey
	keyID     []byte
	agreement Agreement
}

func (t toX25519) write(r *coseimpl.Recipient, c *Context) (func(), error) {
	if t.to == nil || t.static && t.me == nil {
		return nil, fmt.Errorf("recipient without a key: %w", fault.Misuse)
	}
	if err := t.agreement.check(t.static, t.keyID, c); err != nil {
		return nil, err
	}
	*r = coseimpl.Recipient{
		Alg:   t.agreement.algorithm(t.static),
		KeyID: t.keyID,
		Peer:  coseimpl.PublicOKP(coseimpl.CurveX25519, t.to.Bytes()),
		KDF:   t.agreement.kdf(),
		Send:  []int64{coseimpl.HeaderPartyU - 1, coseimpl.HeaderPartyV - 1},
	}
	if !t.static {
		e := ecdh.Generate()
		r.Mine = agreer{e}
		return e.Destroy, nil
	}
	if r.KDF.U.Nonce != nil {
		return nil, fmt.Errorf("the sender's nonce is drawn, not given: %w", fault.Misuse)
	}
	r.Mine = agreer{t.me}
	r.KDF.U.Nonce = make([]byte, keySize)
	rand.Read(r.KDF.U.Nonce)
	return func() {}, nil
}

type withX25519 struct {
	static    bool
	me        *ecdh.PrivateKey
	from      *ecdh.PublicKey
	keyID     []byte
	agreement Agreement
}

func (w withX25519) read(o *coseimpl.Opener, c *Context) (func(), error) {
	if w.me == nil || w.static && w.from == nil {
		return nil, fmt.Errorf("opener without a key: %w", fault.Misuse)
	}
	if err := w.agreement.check(w.static, w.keyID, c); err != nil {
		return nil, err
	}
	*o = coseimpl.Opener{
		Alg:   w.agreement.algorithm(w.static),
		KeyID: w.keyID,
		Mine:  agreer{w.me},
		KDF:   w.agreement.kdf(),
	}
	if w.static {
		o.From = coseimpl.PublicOKP(coseimpl.CurveX25519, w.from.Bytes())
	}
	return func() {}, nil
}

// check refuses an agreement that could not be read, or that means the same in both directions. A static agreement does so
// by itself: the secret is the same, and the header that names the sender's key is not authenticated.
func (a *Agreement) check(static bool, keyID []byte, c *Context) error {
	if len(keyID) > MaxKeyID || len(a.Sender.Nonce) > MaxKeyID || len(a.Receiver.Nonce) > MaxKeyID {
		return fmt.Errorf("key ID or nonce over %d bytes: %w", MaxKeyID, fault.Misuse)
	}
	sender, receiver := a.Sender.Identity, a.Receiver.Identity
	if static && c.Type != "" && (len(sender) == 0 || len(receiver) == 0 || bytes.Equal(sender, receiver)) {
		return fmt.Errorf("a static agreement needs two different identities: %w", fault.Misuse)
	}
	return nil
}

func (a *Agreement) algorithm(static bool) int64 {
	switch {
	case static && a.Direct:
		return int64(ECDHSS)
	case static:
		return int64(ECDHSSA256KW)
	case a.Direct:
		return int64(ECDHES)
	default:
		return int64(ECDHESA256KW)
	}
}

func (a *Agreement) kdf() coseimpl.KDF {
	return coseimpl.KDF{U: coseimpl.Party(a.Sender), V: coseimpl.Party(a.Receiver), Public: a.Purpose}
}

// withKey is both sides of a symmetric recipient.
type withKey struct {
	key   *Key
	keyID []byte
}

func (w withKey) write(r *coseimpl.Recipient, c *Context) (func(), error) {
	if len(w.keyID) > MaxKeyID {
		return nil, fmt.Errorf("key ID over %d bytes: %w", MaxKeyID, fault.Misuse)
	}
	alg, secret, err := w.export(c)
	if err != nil {
		return nil, err
	}
	if err := w.key.countSeal(); err != nil {
		clear(secret)
		return nil, err
	}
	*r = coseimpl.Recipient{Alg: int64(alg), KeyID: w.keyID, Key: secret}
	return func() { clear(secret) }, nil
}

func (w withKey) read(o *coseimpl.Opener, c *Context) (func(), error) {
	alg, secret, err := w.export(c)
	if err != nil {
		return nil, err
	}
	*o = coseimpl.Opener{Alg: int64(alg), KeyID: w.keyID, Key: secret}
	return func() { clear(secret) }, nil
}

// export returns the recipient algorithm that follows from the key, and the key.
func (w withKey) export(c *Context) (Algorithm, []byte, error) {
	if w.key == nil {
		return 0, nil, fmt.Errorf("no key: %w", fault.Misuse)
	}
	secret, err := w.key.ExportSecret()
	switch {
	case err != nil:
		return 0, nil, err
	case w.key.alg == A256KW:
		return A256KW, secret, nil
	case int64(w.key.alg) != c.content():
		clear(secret)
		return 0, nil, fmt.Errorf("a key of %v for content of another algorithm: %w", w.key.alg, fault.Misuse)
	}
	return Direct, secret, nil
}

// agreer is an X25519 key pair as the structures want it.
type agreer struct{ key *ecdh.PrivateKey }

func (a agreer) AppendPublic(dst []byte) ([]byte, error) {
	public := coseimpl.OKPKey{X: a.key.Public().Bytes()}
	return public.Append(dst, coseimpl.CurveX25519), nil
}

func (a agreer) Agree(peer coseimpl.Header) ([]byte, error) {
	okp, err := peer.OKP(coseimpl.CurveX25519, ecdh.Size)
	if err != nil {
		return nil, err
	}
	if okp.D != nil {
		return nil, fmt.Errorf("private where a public key is expected: %w", fault.Malformed)
	}
	public, err := ecdh.NewPublicKey(okp.X)
	if err != nil {
		return nil, err
	}
	shared, err := a.key.Agree(public)
	if err != nil {
		return nil, err
	}
	defer shared.Destroy()
	return shared.ExportSecret()
}
