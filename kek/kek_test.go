package kek_test

import (
	"errors"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/kek"
)

// exchange is one request and its answer, with everybody who took part.
type exchange struct {
	key             *kek.Key
	me              *ecdh.PrivateKey
	member, manager *cose.Signer
	channel         kek.Channel
	request, grant  []byte
}

func newExchange(t testing.TB) *exchange {
	t.Helper()
	x := &exchange{
		key: kek.Generate(), me: ecdh.Generate(),
		member: signer(t, "member"), manager: signer(t, "manager"),
		channel: kek.Channel{ID: []byte("team"), Epoch: 3},
	}
	var err error
	if x.request, err = kek.NewRequest(x.me, x.member, x.channel); err != nil {
		t.Fatal(err)
	}
	if x.grant, err = x.key.Grant(x.request, x.member.Verifier(), x.manager, x.channel); err != nil {
		t.Fatal(err)
	}
	return x
}

func signer(t testing.TB, keyID string) *cose.Signer {
	t.Helper()
	seed, err := cose.GenerateSigner().ExportSecretCOSEKey()
	if err != nil {
		t.Fatal(err)
	}
	s, err := cose.ParseSigner(seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (x *exchange) accept() (*kek.Key, error) {
	return kek.Accept(x.grant, x.request, x.me, x.member.Verifier(), x.manager.Verifier(), x.channel)
}

func wantFault(t *testing.T, err error, want fault.Code) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error is %v, want %s", err, want.Name())
	}
}

func TestAcceptedKeyIsTheGrantedOne(t *testing.T) {
	x := newExchange(t)
	got, err := x.accept()
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equal(x.key) {
		t.Error("the member holds another key")
	}
}
