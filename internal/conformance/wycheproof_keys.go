package conformance

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/coseimpl"
)

// wycheproofKeyWrap unwraps, and wraps the result again. Keys of 8 bytes are the acceptable ones: RFC 3394 §2 begins
// with 16, and so does sotto.
func wycheproofKeyWrap(_, test json.RawMessage) (outcome, error) {
	var t struct {
		Key octets `json:"key"`
		Msg octets `json:"msg"`
		CT  octets `json:"ct"`
	}
	if err := decode(test, &t); err != nil {
		return outcome{}, err
	}
	key, err := coseimpl.UnwrapKey(t.Key, t.CT)
	if err != nil {
		return outcome{refused: err}, nil
	}
	wrapped, err := coseimpl.WrapKey(t.Key, key)
	return outcome{
		have: slices.Concat(key, wrapped), want: slices.Concat(t.Msg, t.CT), refused: err,
		acceptable: len(t.Msg) >= 16,
	}, nil
}

// wycheproofX25519 agrees. Acceptable tests with a secret of zeros must be refused (RFC 7748 §6.1), the others, points
// on the twist and coordinates that are not reduced, must give the value (RFC 7748 §5).
func wycheproofX25519(_, test json.RawMessage) (outcome, error) {
	var t struct {
		Public  octets `json:"public"`
		Private octets `json:"private"`
		Shared  octets `json:"shared"`
	}
	if err := decode(test, &t); err != nil {
		return outcome{}, err
	}
	shared, err := agreeX25519(t.Private, t.Public)
	return outcome{
		have: shared, want: t.Shared, refused: err,
		acceptable: !bytes.Equal(t.Shared, make([]byte, ecdh.Size)),
	}, nil
}

// agreeX25519 runs package ecdh over plain bytes.
func agreeX25519(private, public []byte) ([]byte, error) {
	k, err := ecdh.NewPrivateKey(private)
	if err != nil {
		return nil, err
	}
	p, err := ecdh.NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	shared, err := k.Agree(p)
	if err != nil {
		return nil, err
	}
	return shared.ExportSecret()
}

var errSignature = errors.New("signature does not verify")

// wycheproofEd25519 verifies as a cose.Verifier does: it takes the key, and the signature is crypto/ed25519's to check.
func wycheproofEd25519(group, test json.RawMessage) (outcome, error) {
	var g struct {
		Key struct {
			PK octets `json:"pk"`
		} `json:"publicKey"`
	}
	var t struct {
		Msg octets `json:"msg"`
		Sig octets `json:"sig"`
	}
	if err := decode(group, &g); err != nil {
		return outcome{}, err
	}
	if err := decode(test, &t); err != nil {
		return outcome{}, err
	}
	v, err := cose.NewVerifier(ed25519.PublicKey(g.Key.PK), nil)
	if err == nil && !ed25519.Verify(v.PublicKey(), t.Msg, t.Sig) {
		err = errSignature
	}
	return outcome{refused: err}, nil
}

func wycheproofHKDF(_, test json.RawMessage) (outcome, error) {
	var t struct {
		IKM  octets `json:"ikm"`
		Salt octets `json:"salt"`
		Info octets `json:"info"`
		Size int    `json:"size"`
		OKM  octets `json:"okm"`
	}
	if err := decode(test, &t); err != nil {
		return outcome{}, err
	}
	if t.Size < 0 {
		return outcome{}, errors.New("negative size")
	}
	okm, err := hkdf.Key(sha256.New, t.IKM, t.Salt, string(t.Info), t.Size)
	return outcome{have: okm, want: t.OKM, refused: err}, nil
}

func wycheproofPBKDF2(_, test json.RawMessage) (outcome, error) {
	var t struct {
		Password   octets `json:"password"`
		Salt       octets `json:"salt"`
		Iterations int    `json:"iterationCount"`
		Size       int    `json:"dkLen"`
		DK         octets `json:"dk"`
	}
	if err := decode(test, &t); err != nil {
		return outcome{}, err
	}
	dk, err := pbkdf2SHA256(t.Password, t.Salt, t.Iterations, t.Size)
	var why skip
	if errors.As(err, &why) {
		return outcome{}, err
	}
	return outcome{have: dk, want: t.DK, refused: err}, nil
}
