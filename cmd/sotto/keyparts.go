package main

// keyType is the type of a COSE_Key (RFC 9053 §7, RFC 8230 §4), 0 when it is none of these.
type keyType int64

const (
	okp       keyType = 1
	ec2       keyType = 2
	rsa       keyType = 3
	symmetric keyType = 4
)

func keyTypeName(id int64) string {
	switch keyType(id) {
	case okp:
		return "OKP"
	case ec2:
		return "EC2"
	case rsa:
		return "RSA"
	case symmetric:
		return "Symmetric"
	}
	return ""
}

func curveName(id int64) string {
	switch id {
	case 1:
		return "P-256"
	case 2:
		return "P-384"
	case 3:
		return "P-521"
	case 4:
		return "X25519"
	case 5:
		return "X448"
	case 6:
		return "Ed25519"
	case 7:
		return "Ed448"
	case 8:
		return "secp256k1"
	}
	return ""
}

// part returns what a parameter of a key is. Parameters of the type are negative, and secret unless they are known to be
// public.
func (t keyType) part(label int64) part {
	switch {
	case label == 1:
		return part{name: "kty", values: keyTypeName}
	case label == 2:
		return part{name: "kid", place: public}
	case label == 3:
		return part{name: "alg", values: algorithmName}
	case label == 4:
		return part{name: "key_ops"}
	case label == 5:
		return part{name: "Base IV", place: public}
	case label >= 0:
		return part{}
	case t == okp || t == ec2:
		switch label {
		case -1:
			return part{name: "crv", values: curveName}
		case -2:
			return part{name: "x", place: public}
		case -3:
			return part{name: "y", place: public, secret: t == okp} // an OKP key has none
		case -4:
			return part{name: "d", secret: true}
		}
	case t == rsa && label == -1:
		return part{name: "n", place: public}
	case t == rsa && label == -2:
		return part{name: "e", place: public}
	case t == symmetric && label == -1:
		return part{name: "k", secret: true}
	}
	return part{secret: true}
}
