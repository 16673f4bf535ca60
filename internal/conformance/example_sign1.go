package conformance

import (
	"bytes"
	"errors"

	gocose "github.com/veraison/go-cose"

	"github.com/sottokit/sotto/internal/coseimpl"
)

// exampleSign1 is a COSE_Sign1.
type exampleSign1 struct {
	*example
	m        *exampleMessage
	alg      signature
	verifier recorder
	parsed   *coseimpl.Sign1
}

// recorder keeps the Sig_structure that go-cose asks a verifier about, which some vectors publish.
type recorder struct {
	gocose.Verifier
	toBeSigned []byte
}

func (r *recorder) Verify(content, sig []byte) error {
	r.toBeSigned = bytes.Clone(content) // it is wiped afterwards
	return r.Verifier.Verify(content, sig)
}

func newExampleSign1(e *example, m *exampleMessage) (structure, error) {
	x := &exampleSign1{example: e, m: m, parsed: &coseimpl.Sign1{}}
	name, err := algorithm(m.Protected, m.Unprotected)
	if err != nil {
		return nil, err
	}
	var ok bool
	if x.alg, ok = signatures[name]; !ok {
		return nil, notOurs(name)
	}
	x.verifier.Verifier, err = m.Key.verifier(x.alg)
	return x, err
}

func (x *exampleSign1) open() ([]byte, error) {
	parsed, err := coseimpl.ParseSign1(x.message, x.tagged)
	if err != nil {
		return nil, err
	}
	x.parsed = parsed
	return parsed.Verify(&x.verifier, x.m.External)
}

func (x *exampleSign1) headers() coseimpl.Buckets { return x.parsed.Buckets }

func (x *exampleSign1) compare() error {
	return published("Sig_structure", x.verifier.toBeSigned, x.Intermediates.ToBeSign)
}

func (x *exampleSign1) rebuild() ([]byte, error) {
	if err := x.rebuildable(x.m); err != nil {
		return nil, err
	}
	protected, err := x.m.protected()
	if err != nil {
		return nil, err
	}
	unprotected, err := x.m.Unprotected.fields()
	if err != nil {
		return nil, err
	}
	payload, err := x.plaintext()
	if err != nil {
		return nil, err
	}
	signer, err := x.m.Key.signer(x.alg)
	if err != nil {
		return nil, err
	}
	open := coseimpl.AppendHeader(nil, unprotected...)
	return coseimpl.AppendSign1(nil, signer, x.tagged, protected, open, payload, x.m.External)
}

// settle knows that an ECDSA signature need not be the deterministic one of RFC 6979. Then all before it must be right.
func (x *exampleSign1) settle(rebuilt []byte) (string, error) {
	note, err := x.example.settle(rebuilt)
	if err == nil || x.alg.id == gocose.AlgorithmEdDSA {
		return note, err
	}
	have, haveErr := normal(rebuilt)
	want, wantErr := normal(x.message)
	if err := errors.Join(haveErr, wantErr); err != nil {
		return "", err
	}
	curve, curveErr := curveNamed(x.m.Key.text("crv"))
	if curveErr != nil {
		return "", curveErr
	}
	start := len(want) - 2*curve.size
	if len(have) != len(want) || start < 0 || !bytes.Equal(have[:start], want[:start]) {
		return "", err
	}
	return readOnly("the signature is not the one of RFC 6979").Error(), nil
}
