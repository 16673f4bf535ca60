package conformance

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// The verdict on a row comes from a second reading of the strict form. Both readings, of messages that are all sealed
// with the right key, must agree on every one.
func TestBothReadingsOfTheStrictFormAgree(t *testing.T) {
	secret, iv := make([]byte, 32), make([]byte, 12)
	key, err := cose.NewKey(cose.A256GCM, secret)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := newGCM(secret)
	if err != nil {
		t.Fatal(err)
	}
	const ivField = "054c000000000000000000000000"
	for _, test := range []struct {
		name, start, protected, unprotected, end string
		bytes                                    bool // protected is the whole item, not its content
		strict                                   bool
	}{
		{name: "plain", start: "83", protected: "a10103", unprotected: "a1" + ivField, strict: true},
		{name: "tag 16", start: "d083", protected: "a10103", unprotected: "a1" + ivField, strict: true},
		{name: "kid", start: "83", protected: "a10103", unprotected: "a2" + ivField + "0441aa", strict: true},
		{name: "unknown labels", start: "83", protected: "a201036161f5", unprotected: "a3" + ivField + "616281011863a0",
			strict: true},
		{name: "unordered protected", start: "83", protected: "a203000103", unprotected: "a1" + ivField, strict: true},
		{name: "tag 16 twice", start: "d0d083", protected: "a10103", unprotected: "a1" + ivField},
		{name: "tag 16, long", start: "d81083", protected: "a10103", unprotected: "a1" + ivField},
		{name: "tag 17", start: "d183", protected: "a10103", unprotected: "a1" + ivField},
		{name: "self-described", start: "d9d9f783", protected: "a10103", unprotected: "a1" + ivField},
		{name: "array head not the shortest", start: "9803", protected: "a10103", unprotected: "a1" + ivField},
		{name: "array of indefinite length", start: "9f", protected: "a10103", unprotected: "a1" + ivField, end: "ff"},
		{name: "map of indefinite length", start: "83", protected: "a10103", unprotected: "bf" + ivField + "ff"},
		{name: "IV head not the shortest", start: "83", protected: "a10103", unprotected: "a105580c000000000000000000000000"},
		{name: "label not the shortest", start: "83", protected: "a1180103", unprotected: "a1" + ivField},
		{name: "protected head not the shortest", start: "83", protected: "5803a10103", bytes: true, unprotected: "a1" + ivField},
		{name: "four elements", start: "84", protected: "a10103", unprotected: "a1" + ivField, end: "80"},
		{name: "trailing byte", start: "83", protected: "a10103", unprotected: "a1" + ivField, end: "00"},
		{name: "trailing byte in protected", start: "83", protected: "a1010300", unprotected: "a1" + ivField},
		{name: "no algorithm", start: "83", protected: "", unprotected: "a1" + ivField},
		{name: "no algorithm, but a map", start: "83", protected: "a0", unprotected: "a1" + ivField},
		{name: "algorithm unprotected", start: "83", protected: "", unprotected: "a2" + ivField + "0103"},
		{name: "algorithm in both", start: "83", protected: "a10103", unprotected: "a2" + ivField + "0103"},
		{name: "other algorithm", start: "83", protected: "a1011818", unprotected: "a1" + ivField},
		{name: "algorithm as text", start: "83", protected: "a1016141", unprotected: "a1" + ivField},
		{name: "IV protected", start: "83", protected: "a20103" + ivField, unprotected: "a0"},
		{name: "IV in both", start: "83", protected: "a20103" + ivField, unprotected: "a1" + ivField},
		{name: "IV of 11 bytes", start: "83", protected: "a10103", unprotected: "a1054b0000000000000000000000"},
		{name: "Partial IV", start: "83", protected: "a10103", unprotected: "a2" + ivField + "064101"},
		{name: "Partial IV protected", start: "83", protected: "a20103064101", unprotected: "a1" + ivField},
		{name: "crit that is understood", start: "83", protected: "a20103028101", unprotected: "a1" + ivField},
		{name: "crit unprotected", start: "83", protected: "a10103", unprotected: "a2" + ivField + "028101"},
		{name: "duplicate label", start: "83", protected: "a10103", unprotected: "a2" + ivField + ivField},
		{name: "duplicate in a value", start: "83", protected: "a10103", unprotected: "a2" + ivField + "1863a201000100"},
		{name: "label of bytes", start: "83", protected: "a10103", unprotected: "a2" + ivField + "414100"},
	} {
		protected, item := unhex(t, test.protected), wire.AppendBytes(nil, unhex(t, test.protected))
		if test.bytes {
			item, protected = protected, protected[2:]
		}
		sealed := aead.Seal(nil, iv, []byte("text"), coseimpl.AppendEncStructure0(nil, protected, nil))
		message := slices.Concat(
			unhex(t, test.start), item, unhex(t, test.unprotected), wire.AppendBytes(nil, sealed), unhex(t, test.end))
		plaintext, err := openDMsg(key, message, nil)
		if (err == nil) != test.strict || test.strict && !bytes.Equal(plaintext, []byte("text")) {
			t.Errorf("%s: opener says %v, want strict %v", test.name, err, test.strict)
		}
		if err := strictMessage(message); (err == nil) != test.strict {
			t.Errorf("%s: second reading says %v, want strict %v", test.name, err, test.strict)
		}
	}
}

func TestBothReadingsOfTheStrictKeyAgree(t *testing.T) {
	k := "205820" + "0000000000000000000000000000000000000000000000000000000000000000"
	for _, test := range []struct {
		name, key string
		strict    bool
	}{
		{"plain", "a301040303" + k, true},
		{"kid and base IV", "a5010402410a0303054c000000000000000000000000" + k, true},
		{"unordered", "a3" + k + "03030104", true},
		{"unknown label", "a4010403031864f5" + k, true},
		{"tagged", "d9d9f7a301040303" + k, false},
		{"no type", "a20303" + k, false},
		{"other type", "a301010303" + k, false},
		{"no algorithm", "a20104" + k, false},
		{"ChaCha20", "a30104031818" + k, false},
		{"A256KW", "a301040324" + k, false},
		{"no k", "a201040303", false},
		{"31 bytes", "a30104030320581f" + k[8:], false},
		{"duplicate", "a4010401040303" + k, false},
		{"indefinite length", "bf01040303" + k + "ff", false},
		{"label not the shortest", "a3180104" + "0303" + k, false},
		{"trailing byte", "a301040303" + k + "00", false},
		{"key_ops", "a401040303048104" + k, false},
		{"kid as text", "a401040261610303" + k, false},
		{"base IV of 11 bytes", "a401040303054b0000000000000000000000" + k, false},
	} {
		b := unhex(t, test.key)
		if _, err := parseDMsgKey(b); (err == nil) != test.strict {
			t.Errorf("%s: parser says %v, want strict %v", test.name, err, test.strict)
		}
		if err := strictKey(b); (err == nil) != test.strict {
			t.Errorf("%s: second reading says %v, want strict %v", test.name, err, test.strict)
		}
	}
}

func TestPrincipalsAreReadInTheirOneForm(t *testing.T) {
	const text = "nvdn4-5qaaa-aaaaj-qa4pq-cai"
	b, err := parsePrincipal(text)
	if err != nil || !bytes.Equal(b, unhex(t, "000000000130071f0101")) {
		t.Errorf("%s is %x, %v", text, b, err)
	}
	if b, err := parsePrincipal("aaaaa-aa"); err != nil || len(b) != 0 {
		t.Errorf("the management canister is %x, %v, want no bytes", b, err)
	}
	for _, bad := range []string{
		"", "-", "nvdn4", "nvdn45qaaaaaaajqa4pqcai", "NVDN4-5QAAA-AAAAJ-QA4PQ-CAI", "nvdn4-5qaaa-aaaaj-qa4pq-caj", text + "-",
	} {
		if _, err := parsePrincipal(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
