package coseimpl

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// Party is PartyUInfo or PartyVInfo of a COSE_KDF_Context (RFC 9053 §5.2). nil encodes as null, empty as h”.
type Party struct{ Identity, Nonce, Other []byte }

// KDF is what goes into the key derivation besides the secret (RFC 9053 §5). Salt is the salt of HKDF.
type KDF struct {
	U, V            Party  // the sender is party U, the recipient party V
	Public, Private []byte // SuppPubInfo.other and SuppPrivInfo; nil leaves them out
	Salt            []byte
}

// AppendContext appends the COSE_KDF_Context for a key of keyBits bits of algorithm alg. protected is the recipient's
// serialized protected header.
func (k *KDF) AppendContext(dst []byte, alg int64, keyBits int, protected []byte) []byte {
	elements := uint64(4)
	if k.Private != nil {
		elements = 5
	}
	dst = wire.AppendHead(dst, wire.MajorArray, elements)
	dst = wire.AppendInt(dst, alg)
	dst = k.U.append(dst)
	dst = k.V.append(dst)

	elements = 2
	if k.Public != nil {
		elements = 3
	}
	dst = wire.AppendHead(dst, wire.MajorArray, elements)
	dst = wire.AppendInt(dst, int64(keyBits))
	dst = wire.AppendBytes(dst, protected)
	if k.Public != nil {
		dst = wire.AppendBytes(dst, k.Public)
	}
	if k.Private != nil {
		dst = wire.AppendBytes(dst, k.Private)
	}
	return dst
}

func (p *Party) append(dst []byte) []byte {
	dst = wire.AppendHead(dst, wire.MajorArray, 3)
	for _, b := range [][]byte{p.Identity, p.Nonce, p.Other} {
		if b == nil {
			dst = append(dst, wire.Null)
		} else {
			dst = wire.AppendBytes(dst, b)
		}
	}
	return dst
}

// derive runs HKDF-SHA-256 over the secret (RFC 9053 §5.1).
func (k *KDF) derive(secret []byte, alg int64, keySize int, protected []byte) ([]byte, error) {
	info := k.AppendContext(nil, alg, 8*keySize, protected)
	return hkdf.Key(sha256.New, secret, k.Salt, string(info), keySize)
}

// receive completes what the receiver expects with what the message brought. Salt and nonces are only there to be fresh
// and come from the message, the expected ones if any are expected; identities and other data are believed from the caller alone, and a message that says
// otherwise is refused.
func (k *KDF) receive(h Header) error {
	fields := []struct {
		label int64
		value *[]byte
		fresh bool
	}{
		{HeaderSalt, &k.Salt, true},
		{HeaderPartyU, &k.U.Identity, false}, {HeaderPartyU - 1, &k.U.Nonce, true}, {HeaderPartyU - 2, &k.U.Other, false},
		{HeaderPartyV, &k.V.Identity, false}, {HeaderPartyV - 1, &k.V.Nonce, true}, {HeaderPartyV - 2, &k.V.Other, false},
	}
	for _, f := range fields {
		sent, err := h.Bytes(f.label)
		if err != nil {
			return err
		}
		switch {
		case sent == nil && f.fresh && *f.value != nil:
			return fmt.Errorf("parameter %d is missing: %w", f.label, fault.Malformed)
		case sent == nil:
		case *f.value == nil && f.fresh:
			*f.value = sent
		case *f.value == nil || subtle.ConstantTimeCompare(*f.value, sent) != 1:
			return fmt.Errorf("parameter %d is not the expected one: %w", f.label, fault.Malformed)
		}
	}
	return nil
}

// headers returns the parameters that carry the given labels of k.
func (k *KDF) headers(labels []int64) []Field {
	all := map[int64][]byte{
		HeaderSalt:   k.Salt,
		HeaderPartyU: k.U.Identity, HeaderPartyU - 1: k.U.Nonce, HeaderPartyU - 2: k.U.Other,
		HeaderPartyV: k.V.Identity, HeaderPartyV - 1: k.V.Nonce, HeaderPartyV - 2: k.V.Other,
	}
	var fields []Field
	for _, l := range labels {
		if all[l] != nil {
			fields = append(fields, BytesField(l, all[l]))
		}
	}
	return fields
}
