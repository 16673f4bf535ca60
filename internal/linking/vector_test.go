package linking_test

import (
	"bytes"
	"testing"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/linking"
)

// The example of docs/spec/link.md, with one message of each direction. The conformance runner has all of it.
func TestExample(t *testing.T) {
	qr := unhex(t, "a801010250aee9f9396b1e34fe25709a8a2388569403582077837898c51601706748f9ac25fe49b0715b4ee6b0251d495db0584230384418"+
		"0458207ded2017c3aec7804abf8cbb7cfb7d911ddfe1a80ad1d947118ab9609a15c5240565616c69636506582057b7f5226988eaac6137ff288187"+
		"c4b441a95c2e19714cb101fef1ef41a6c995071a6ab13cde0801")
	m1 := unhex(t, "a2015820f87d05439edbcae898257cf21c5f8ee973ebbf6aaa9445533c64212ebdccc61d"+
		"025820856b7a2d22f8aff211ab8b28ea0a2b0480da4abd4dc5d2200b1bceedc6b1a847")
	m2 := unhex(t, "d08355a30103064100106d736f74746f2f76312e6c696e6ba05834b73bf7e43899e51aecc2bb748edaf4346a9156c8c9e7543d02373a60f0"+
		"08631e08ccdac15e705af38b849161f236b858fb1837ec")
	m7 := unhex(t, "d08355a30103064101106d736f74746f2f76312e6c696e6ba058349495c72e7a686b6d72604820657552b712e8bd00697f34d4d49846ceb4"+
		"e8706280389c2c01a0c87c3d899de2dd7b1bd3b196c213")
	eN, err1 := ecdh.NewPrivateKey(unhex(t, "f2cd9c4d44ad480240cdd9b7ac4a33a95c94d2bfa3fcfda866fc5004d9c5ab1b"))
	q, err2 := linking.ParseQR(qr)
	answer, err3 := linking.ParseM1(m1)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	c, err := linking.ByQR(q.Rendezvous, q.Passphrase[:], eN, q.Key, linking.TranscriptByQR(qr, answer.Key))
	if err != nil {
		t.Fatal(err)
	}
	if tag, err := c.Tag(linking.New); err != nil || tag != answer.Tag {
		t.Errorf("tag %x, %v", tag, err)
	}
	if digits, err := c.Digits(nil); err != nil || digits != "713840" {
		t.Errorf("digits %s, %v", digits, err)
	}
	for sealed, m := range map[string]linking.Content{string(m2): &linking.M2{}, string(m7): &linking.M7{}} {
		if err := c.Open([]byte(sealed), m); err != nil {
			t.Error(err)
		}
		if again, err := c.Seal(m); err != nil || !bytes.Equal(again, []byte(sealed)) {
			t.Errorf("%x, %v", again, err)
		}
	}
}
