package main

import (
	"strconv"

	"github.com/sottokit/sotto/cose"
)

// place is where an item stands in a COSE structure. It tells what the parts of the item are called, and whether a byte
// string may be shown: what is not known to be public is not shown.
type place int

const (
	anything   place = iota
	public           // a byte string that everybody may see: a ciphertext, a signature, an IV, a key ID, …
	payload          // what is signed: shown, unless it is a structure, which is decoded instead
	protected        // a byte string that holds a header
	header           // a map of header parameters
	recipients       // an array of recipients
	recipient
	encrypt0
	encrypt
	sign1
)

// part is one element of an array or one value of a map.
type part struct {
	name   string
	place  place
	values func(int64) string // names of integer values, nil when they have none
	secret bool
}

// arrays lists the parts of the structures of RFC 9052 §4 and §5. It is written nowhere.
var arrays = map[place][]part{
	encrypt0: {{name: "protected", place: protected}, {name: "unprotected", place: header},
		{name: "ciphertext", place: public}},
	encrypt: {{name: "protected", place: protected}, {name: "unprotected", place: header},
		{name: "ciphertext", place: public}, {name: "recipients", place: recipients}},
	recipient: {{name: "protected", place: protected}, {name: "unprotected", place: header},
		{name: "encrypted key", place: public}, {name: "recipients", place: recipients}},
	sign1: {{name: "protected", place: protected}, {name: "unprotected", place: header},
		{name: "payload", place: payload}, {name: "signature", place: public}},
}

// element returns the part at position i of an array.
func (p place) element(i int) part {
	if p == recipients {
		return part{name: "recipient " + strconv.Itoa(i), place: recipient}
	}
	if parts := arrays[p]; i < len(parts) {
		return parts[i]
	}
	return part{}
}

// tagged returns what a CBOR tag says that its content is (RFC 9052 §2).
func tagged(tag uint64) (name string, p place) {
	switch tag {
	case 16:
		return "COSE_Encrypt0", encrypt0
	case 18:
		return "COSE_Sign1", sign1
	case 96:
		return "COSE_Encrypt", encrypt
	}
	return "", anything
}

// placeOf returns the place of a message of a kind that cose.Inspect names.
func placeOf(kind string) place {
	switch kind {
	case "COSE_Encrypt0":
		return encrypt0
	case "COSE_Sign1":
		return sign1
	case "COSE_Encrypt":
		return encrypt
	}
	return anything
}

// headerPart returns what a header parameter is (RFC 9052 §3.1, RFC 9053 §5.1 and §6.3.1, RFC 9596).
func headerPart(label int64) part {
	switch label {
	case 1:
		return part{name: "alg", values: algorithmName}
	case 2:
		return part{name: "crit"}
	case 3:
		return part{name: "content type"}
	case 4:
		return part{name: "kid", place: public}
	case 5:
		return part{name: "IV", place: public}
	case 6:
		return part{name: "Partial IV", place: public}
	case 16:
		return part{name: "typ"}
	case -1:
		return part{name: "epk"}
	case -2:
		return part{name: "static key"}
	case -3:
		return part{name: "static key id"}
	case -20:
		return part{name: "salt", place: public}
	case -21, -24:
		return part{name: partyName(label) + " identity", place: public}
	case -22, -25:
		return part{name: partyName(label) + " nonce", place: public}
	case -23, -26:
		return part{name: partyName(label) + " other", place: public}
	case -70004:
		return part{name: "key commitment", place: public}
	}
	return part{}
}

func partyName(label int64) string {
	if label >= -23 {
		return "PartyU"
	}
	return "PartyV"
}

// algorithmName names the algorithms of sotto, and those that messages from elsewhere often have.
func algorithmName(id int64) string {
	switch id {
	case 1:
		return "A128GCM"
	case 2:
		return "A192GCM"
	case 4:
		return "HMAC 256/64"
	case 5:
		return "HMAC 256/256"
	case 10:
		return "AES-CCM-16-64-128"
	case -3:
		return "A128KW"
	case -4:
		return "A192KW"
	case -7:
		return "ES256"
	case -10:
		return "direct+HKDF-SHA-256"
	case -29:
		return "ECDH-ES+A128KW"
	case -35:
		return "ES384"
	case -36:
		return "ES512"
	case -37:
		return "PS256"
	}
	return cose.Algorithm(id).String()
}
