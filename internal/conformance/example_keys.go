package conformance

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/coseimpl"
)

// exampleKey is a key as JSON Web Key (RFC 7517), with hexadecimal variants of its parameters.
type exampleKey params

func trimHex(name string) string { return strings.TrimSuffix(name, "_hex") }

// octets returns a parameter, which must be there.
func (k exampleKey) octets(name string) ([]byte, error) {
	b, err := params(k).octets(name, func(s string) ([]byte, error) {
		return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	})
	if err == nil && b == nil {
		err = errors.New("key without " + name)
	}
	return b, err
}

func (k exampleKey) text(name string) string {
	var s string
	_ = json.Unmarshal(k[name], &s) // what is no text is no name that is looked for
	return s
}

// curve returns the name of the key's curve.
func (k exampleKey) curve() (string, error) {
	if crv := k.text("crv"); crv != "" {
		return crv, nil
	}
	return "", errors.New("key without crv")
}

func (k exampleKey) symmetric() ([]byte, error) {
	if kty := k.text("kty"); kty != "oct" {
		return nil, fmt.Errorf("key of type %q where a symmetric one is needed", kty)
	}
	return k.octets("k")
}

// agreer returns the private key for key agreements. compressed is how its public half is written.
func (k exampleKey) agreer(compressed bool) (coseimpl.Agreer, error) {
	d, err := k.octets("d")
	if err != nil {
		return nil, err
	}
	return k.withScalar(d, compressed)
}

// ephemeral returns the private key of an entry of the stream, on the recipient's curve.
func (k exampleKey) ephemeral(scalar []byte, compressed bool) (coseimpl.Agreer, error) {
	if k.text("crv") == "P-521" { // 66 bytes have more bits than the curve's order
		return nil, readOnly("a P-521 scalar is not what the stream says")
	}
	return k.withScalar(scalar, compressed)
}

func (k exampleKey) withScalar(d []byte, compressed bool) (coseimpl.Agreer, error) {
	crv, err := k.curve()
	if err != nil {
		return nil, err
	}
	if crv == "X25519" {
		key, err := ecdh.NewPrivateKey(d)
		return x25519Agreer{key}, err
	}
	curve, err := curveNamed(crv)
	if err != nil {
		return nil, err
	}
	key, err := curve.ecdh.NewPrivateKey(d)
	if err != nil {
		return nil, err
	}
	return &nistAgreer{curve, key, compressed}, nil
}

// public returns the public key as it is handed to an Agreer.
func (k exampleKey) public() (coseimpl.Header, error) {
	x, err := k.octets("x")
	if err != nil {
		return nil, err
	}
	crv, err := k.curve()
	if err != nil {
		return nil, err
	}
	if crv == "X25519" {
		return coseimpl.PublicOKP(coseimpl.CurveX25519, x), nil
	}
	curve, err := curveNamed(crv)
	if err != nil {
		return nil, err
	}
	y, err := k.octets("y")
	if err != nil {
		return nil, err
	}
	return curve.public(x, coseimpl.BytesField(coseimpl.KeyY, y)), nil
}

// x25519Agreer is a key pair of package ecdh as the structures want it.
type x25519Agreer struct{ key *ecdh.PrivateKey }

func (a x25519Agreer) AppendPublic(dst []byte) ([]byte, error) {
	public := coseimpl.OKPKey{X: a.key.Public().Bytes()}
	return public.Append(dst, coseimpl.CurveX25519), nil
}

func (a x25519Agreer) Agree(peer coseimpl.Header) ([]byte, error) {
	okp, err := peer.OKP(coseimpl.CurveX25519, ecdh.Size)
	if err != nil {
		return nil, err
	}
	public, err := ecdh.NewPublicKey(okp.X)
	if err != nil {
		return nil, err
	}
	shared, err := a.key.Agree(public)
	if err != nil {
		return nil, err
	}
	return shared.ExportSecret()
}
