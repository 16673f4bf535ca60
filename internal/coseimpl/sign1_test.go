package coseimpl_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"testing"

	gocose "github.com/veraison/go-cose"

	"github.com/sottokit/sotto/internal/coseimpl"
)

// go-cose builds its own Sig_structure: each side verifies what the other one signed, and nothing under another external_aad.
func TestSign1AgreesWithGoCOSE(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := gocose.NewSigner(gocose.AlgorithmEdDSA, private)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := gocose.NewVerifier(gocose.AlgorithmEdDSA, public)
	if err != nil {
		t.Fatal(err)
	}
	protected := coseimpl.AppendProtected(nil, int64(gocose.AlgorithmEdDSA), "")
	for _, size := range []int{1, 23, 24, 255, 256, 65535, 65536} {
		payload, external := bytes.Repeat([]byte{1}, size), bytes.Repeat([]byte{2}, size/2)

		ours, err := coseimpl.AppendSign1(nil, signer, true, protected, []byte{0xa0}, payload, external)
		if err != nil {
			t.Fatal(err)
		}
		var read gocose.Sign1Message
		if err := read.UnmarshalCBOR(ours); err != nil {
			t.Fatal(err)
		}
		if err := read.Verify(external, verifier); err != nil {
			t.Errorf("%d bytes: go-cose refuses ours: %v", size, err)
		}
		if read.Verify([]byte("other"), verifier) == nil {
			t.Errorf("%d bytes: go-cose accepts ours under another external_aad", size)
		}

		theirs := gocose.NewSign1Message()
		theirs.Headers.Protected.SetAlgorithm(gocose.AlgorithmEdDSA)
		theirs.Payload = payload
		if err := theirs.Sign(rand.Reader, external, signer); err != nil {
			t.Fatal(err)
		}
		b, err := theirs.MarshalCBOR()
		if err != nil {
			t.Fatal(err)
		}
		m, err := coseimpl.ParseSign1(b, true)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.Verify(verifier, external); err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: go-cose's is refused: %v", size, err)
		}
		if _, err := m.Verify(verifier, []byte("other")); err == nil {
			t.Errorf("%d bytes: go-cose's is accepted under another external_aad", size)
		}
	}
}
