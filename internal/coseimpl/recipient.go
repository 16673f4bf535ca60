package coseimpl

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// Agreer holds one side's private key of a key agreement.
type Agreer interface {
	// AppendPublic appends the public key as a COSE_Key of public parameters in deterministic form.
	AppendPublic(dst []byte) ([]byte, error)
	// Agree returns the shared secret with the given public COSE_Key. It refuses keys of another type or curve and
	// points of low order.
	Agree(peer Header) ([]byte, error)
}

// Recipient is one recipient of a COSE_Encrypt to be written.
type Recipient struct {
	Alg   int64
	KeyID []byte // kid; nil leaves it out
	Key   []byte // source FromKey: the shared secret key

	Mine     Agreer // sources FromEphemeral, FromStatic: the sender's private key
	Peer     Header // the recipient's public COSE_Key
	StaticID []byte // FromStatic: names the sender's key instead of carrying it

	KDF  KDF
	Send []int64 // labels of the KDF parameters that travel in the header
}

// append appends the COSE_recipient (RFC 9052 §5.1) for a message of content algorithm content. For a wrapping algorithm
// cek is wrapped; for the others cek is nil and the result carries the content key that follows from the recipient.
func (rec *Recipient) append(dst []byte, t *Table, content *ContentAlgorithm, cek []byte) ([]byte, []byte, error) {
	alg, err := t.FindRecipient(rec.Alg)
	if err != nil {
		return nil, nil, err
	}
	protected, fields, err := rec.headers(alg)
	if err != nil {
		return nil, nil, err
	}
	if alg.Source == FromStatic && !t.BareStatic && rec.KDF.bare() {
		return nil, nil, fmt.Errorf("static keys with neither salt nor nonce: %w", fault.Misuse)
	}
	var secret []byte
	if alg.Source == FromKey {
		secret = rec.Key
	} else {
		if secret, err = rec.Mine.Agree(rec.Peer); err != nil {
			return nil, nil, err
		}
		defer clear(secret)
	}
	key, err := alg.key(secret, content, &rec.KDF, protected)
	if err != nil {
		return nil, nil, err
	}
	var wrapped []byte
	if alg.Wrap {
		defer clear(key)
		if wrapped, err = WrapKey(key, cek); err != nil {
			return nil, nil, err
		}
		key = nil
	}
	dst = wire.AppendHead(dst, wire.MajorArray, 3)
	dst = wire.AppendBytes(dst, protected)
	dst = AppendHeader(dst, fields...)
	return wire.AppendBytes(dst, wrapped), key, nil
}

// headers returns the serialized protected header and the unprotected parameters. Algorithms without any authentication
// of their header, direct and A256KW, have no protected one (RFC 9053 §6.1.1, §6.2.1).
func (rec *Recipient) headers(alg *RecipientAlgorithm) ([]byte, []Field, error) {
	fields := rec.KDF.headers(rec.Send)
	if rec.KeyID != nil {
		fields = append(fields, BytesField(HeaderKID, rec.KeyID))
	}
	if !alg.KDF {
		return nil, append(fields, IntField(HeaderAlg, rec.Alg)), nil
	}
	protected := AppendProtected(nil, rec.Alg, "")
	switch {
	case alg.Source == FromKey:
		return protected, fields, nil
	case alg.Source == FromStatic && rec.StaticID != nil:
		return protected, append(fields, BytesField(HeaderStaticKeyID, rec.StaticID)), nil
	}
	public, err := rec.Mine.AppendPublic(nil)
	return protected, append(fields, Field{Label: alg.keyLabel(), Value: public}), err
}

// key returns the key that the recipient algorithm yields: the one that wraps, or the content key. The result is the
// caller's to wipe and never shares memory with secret.
func (a *RecipientAlgorithm) key(secret []byte, content *ContentAlgorithm, kdf *KDF, protected []byte) ([]byte, error) {
	id, size := content.ID, content.KeySize
	if a.Wrap {
		id, size = A256KW, wrapKeySize
	}
	if a.KDF {
		return kdf.derive(secret, id, size, protected)
	}
	if len(secret) != size {
		return nil, fmt.Errorf("%s key has %d bytes instead of %d: %w", a.Name, len(secret), size, fault.Misuse)
	}
	return append([]byte(nil), secret...), nil
}

// bare reports that nothing in the KDF's input is fresh.
func (k *KDF) bare() bool { return len(k.Salt) == 0 && len(k.U.Nonce) == 0 }

// Opener is what a recipient has and expects.
type Opener struct {
	Alg   int64
	KeyID []byte // only recipients with this kid are tried, or without any when it is nil
	Key   []byte // source FromKey
	Mine  Agreer // sources FromEphemeral, FromStatic: the recipient's private key
	From  Header // FromStatic: the sender's public COSE_Key, known beforehand
	KDF   KDF
	Exact bool // own message: no nonce travels but the expected ones, and the one of a static sender
}

// received is a decoded COSE_recipient.
type received struct {
	Buckets
	wrapped []byte
	nested  bool // has recipients of its own, which is supported by no algorithm here
}

func readRecipient(r *wire.Reader) received {
	n := r.Array("recipient", 4)
	if r.Err() == nil && n < 3 {
		r.Fail("recipient", "too few elements", fault.Malformed)
	}
	rec := received{Buckets: readBuckets(r), nested: n == 4}
	rec.wrapped = r.Bytes("wrapped key", 8+maxWrapped)
	if rec.nested {
		r.Raw("nested recipients")
	}
	return rec
}

// algorithm returns the recipient's algorithm number, from the one bucket where it may stand.
func (rec *received) algorithm() (int64, error) {
	if len(rec.Protected) > 0 {
		return rec.Alg()
	}
	alg, present, err := rec.Unprotected.Int(HeaderAlg)
	if err == nil && !present {
		err = fmt.Errorf("recipient without an algorithm: %w", fault.Malformed)
	}
	return alg, err
}

// hasExactly reports whether the recipient has the one form of own messages: its algorithm and key where they belong, a
// kid and nonces if any, and nothing else.
func (rec *received) hasExactly(t *Table) bool {
	id, err := rec.algorithm()
	if err != nil || rec.nested {
		return false
	}
	alg, err := t.FindRecipient(id)
	if err != nil {
		return false
	}
	needs := int64(HeaderAlg)
	var protected []byte
	if alg.KDF {
		needs, protected = alg.keyLabel(), AppendProtected(nil, id, "")
	}
	value, ok := rec.Unprotected.Find(needs)
	if !ok || !bytes.Equal(rec.received, protected) {
		return false
	}
	if alg.KDF {
		if key, err := ParseKey(value); err != nil || !key.has(KeyType, KeyCurve, KeyX) {
			return false
		}
	}
	for _, f := range rec.Unprotected {
		nonce := f.Label == HeaderPartyU-1 || f.Label == HeaderPartyV-1
		if f.Label != needs && f.Label != HeaderKID && !(nonce && alg.KDF) {
			return false
		}
	}
	return true
}

// keyLabel is the parameter that carries the sender's public key.
func (a *RecipientAlgorithm) keyLabel() int64 {
	if a.Source == FromStatic {
		return HeaderStaticKey
	}
	return HeaderEphemeralKey
}

// isFor reports whether o may open this recipient.
func (rec *received) isFor(o *Opener) bool {
	alg, err := rec.algorithm()
	if err != nil || alg != o.Alg || rec.nested {
		return false
	}
	kid, err := rec.Buckets.Bytes(HeaderKID)
	return err == nil && (kid == nil) == (o.KeyID == nil) && string(kid) == string(o.KeyID)
}

// contentKey returns the content key, which the caller wipes.
func (rec *received) contentKey(t *Table, content *ContentAlgorithm, o *Opener) ([]byte, error) {
	alg, err := t.FindRecipient(o.Alg)
	if err != nil {
		return nil, err
	}
	if alg.KDF != (len(rec.Protected) > 0) {
		return nil, fmt.Errorf("recipient algorithm in the wrong header: %w", fault.Malformed)
	}
	if !alg.Wrap && len(rec.wrapped) > 0 {
		return nil, fmt.Errorf("a key where the algorithm has none: %w", fault.Malformed)
	}
	kdf := o.KDF
	sent := slices.Concat(rec.Protected, rec.Unprotected)
	if o.Exact && (kdf.V.Nonce == nil && sent.carries(HeaderPartyV-1) ||
		kdf.U.Nonce == nil && sent.carries(HeaderPartyU-1) && alg.Source != FromStatic) {
		return nil, fmt.Errorf("a nonce that was not expected: %w", fault.Malformed)
	}
	if err := kdf.receive(sent); err != nil {
		return nil, err
	}
	if alg.Source == FromStatic && !t.BareStatic && kdf.bare() {
		return nil, fmt.Errorf("static keys with neither salt nor nonce: %w", fault.Malformed)
	}
	secret := o.Key
	if alg.Source != FromKey {
		if secret, err = rec.agree(alg, o); err != nil {
			return nil, err
		}
		defer clear(secret)
	}
	key, err := alg.key(secret, content, &kdf, rec.Raw)
	if err != nil || !alg.Wrap {
		return key, err
	}
	defer clear(key)
	return UnwrapKey(key, rec.wrapped)
}

// agree runs the key agreement. The ephemeral key comes from the message; a static key must be the expected sender's.
func (rec *received) agree(alg *RecipientAlgorithm, o *Opener) ([]byte, error) {
	if alg.Source == FromEphemeral {
		raw, present := rec.find(HeaderEphemeralKey)
		if !present {
			return nil, fmt.Errorf("no ephemeral key: %w", fault.Malformed)
		}
		epk, err := ParseKey(raw)
		if err != nil {
			return nil, fmt.Errorf("ephemeral key: %w", err)
		}
		return o.Mine.Agree(epk)
	}
	if raw, present := rec.find(HeaderStaticKey); present {
		key, err := ParseKey(raw)
		if err != nil {
			return nil, fmt.Errorf("static key: %w", err)
		}
		if !samePublicKey(key, o.From) {
			return nil, fmt.Errorf("static key is not the expected sender's: %w", fault.UntrustedSigner)
		}
	}
	return o.Mine.Agree(o.From)
}

// samePublicKey compares type, curve and x of two public keys. A y of the same x is the same secret up to its sign, which
// ECDH drops, so it is not compared.
func samePublicKey(a, b Header) bool {
	for _, label := range []int64{KeyType, KeyCurve, KeyX} {
		x, okX := a.Find(label)
		y, okY := b.Find(label)
		if !okX || !okY || subtle.ConstantTimeCompare(x, y) != 1 {
			return false
		}
	}
	return true
}
