package conformance

import (
	"errors"
	"fmt"

	"github.com/sottokit/sotto/ecdh"
)

// usualIterations bounds the iterations of X25519 that are run without Options.Soak; 1,000 take a tenth of a second.
const usualIterations = 10_000

// x25519Test is for RFC 7748 §5.2 and §6.1.
func x25519Test(s *suite, test []byte) (string, error) {
	var kind struct {
		Type string `json:"type"`
	}
	if err := decode(test, &kind); err != nil {
		return "", err
	}
	switch kind.Type {
	case "scalarmult":
		var t struct {
			Scalar octets `json:"scalar"`
			U      octets `json:"u"`
			Out    octets `json:"out"`
		}
		if err := decode(test, &t); err != nil {
			return "", err
		}
		out, err := agreeX25519(t.Scalar, t.U)
		return "", errors.Join(err, equal("output", out, t.Out))
	case "iterated":
		var t struct {
			Start      octets `json:"start"`
			Iterations int    `json:"iterations"`
			Out        octets `json:"out"`
		}
		if err := decode(test, &t); err != nil {
			return "", err
		}
		if t.Iterations > usualIterations && !s.options.Soak {
			return "", skip(fmt.Sprintf("%d iterations are a soak test", t.Iterations))
		}
		if t.Iterations < 1 {
			return "", fmt.Errorf("%d iterations", t.Iterations)
		}
		k, u := []byte(t.Start), []byte(t.Start)
		for i := 0; i < t.Iterations && s.ctx.Err() == nil; i++ {
			out, err := agreeX25519(k, u)
			if err != nil {
				return "", err
			}
			k, u = out, k
		}
		return "", equal("output", k, t.Out)
	case "dh":
		var t struct {
			A      octets `json:"aPriv"`
			APub   octets `json:"aPub"`
			B      octets `json:"bPriv"`
			BPub   octets `json:"bPub"`
			Shared octets `json:"shared"`
		}
		if err := decode(test, &t); err != nil {
			return "", err
		}
		return "", errors.Join(sameSecret(t.A, t.APub, t.BPub, t.Shared), sameSecret(t.B, t.BPub, t.APub, t.Shared))
	}
	return "", fmt.Errorf("unknown type %q", kind.Type)
}

// sameSecret checks one side of an agreement.
func sameSecret(private, public, peer, shared octets) error {
	k, err := ecdh.NewPrivateKey(private)
	if err != nil {
		return err
	}
	have, err := agreeX25519(private, peer)
	if err != nil {
		return err
	}
	return errors.Join(equal("public key", k.Public().Bytes(), public), equal("shared secret", have, shared))
}
