package cose_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
)

func TestInspectTellsWhatAMessageIs(t *testing.T) {
	k, to := generate(t, cose.A256GCM), ecdh.Generate().Public()
	encrypt0, err := k.Encrypt0(nil, []byte("hi"), place)
	if err != nil {
		t.Fatal(err)
	}
	recipients := []cose.Recipient{cose.ToX25519(to, []byte("bob"), parties), cose.ToKey(generate(t, cose.A256KW), nil)}
	encrypt, err := cose.Encrypt(nil, []byte("hi"), recipients, cose.Context{Untagged: true})
	if err != nil {
		t.Fatal(err)
	}
	sign1, err := signerWithID(t, []byte("kid")).Sign1(nil, []byte("hi"), place)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := k.ExportSecretCOSEKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		b    []byte
		want cose.Info
	}{
		{encrypt0, cose.Info{Kind: "COSE_Encrypt0", Tagged: true, Type: "acme/v1.note", Algorithm: "A256GCM", Size: 18}},
		{encrypt, cose.Info{Kind: "COSE_Encrypt", Algorithm: "A256GCM", Size: 18,
			KeyIDs: [][]byte{[]byte("bob")}, Opens: []string{"ECDH-ES+A256KW", "A256KW"}}},
		{sign1, cose.Info{Kind: "COSE_Sign1", Tagged: true, Type: "acme/v1.note", Algorithm: "EdDSA", Size: 2,
			KeyIDs: [][]byte{[]byte("kid")}}},
		{secret, cose.Info{Kind: "COSE_Key", Algorithm: "A256GCM", Size: 40}},
		{cose.PublicX25519(to, []byte("kid")), cose.Info{Kind: "COSE_Key", Size: 45, KeyIDs: [][]byte{[]byte("kid")}}},
	} {
		got, err := cose.Inspect(c.b)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
		}
	}
	for _, b := range [][]byte{nil, {0}, []byte("text"), {0x83}, encrypt0[:9], append(bytes.Clone(encrypt0), 0)} {
		_, err := cose.Inspect(b)
		wantFault(t, err, fault.Malformed)
	}
}
