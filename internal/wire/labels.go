package wire

import (
	"strconv"
	"strings"
)

// Labels of sotto's own formats, version 1. A label has exactly one slash (RFC 9596: typ is a media type or its like).
// Each stands in the protected header as typ and heads the external AAD, so that nothing opens as something else.
const (
	LabelKeyWrap     = "sotto/v1.key-wrap"     // a symmetric key sealed under another key
	LabelKeyID       = "sotto/v1.key-id"       // the public name of a secret key
	LabelKEK         = "sotto/v1.kek"          // a channel key among wrapped keys
	LabelDEK         = "sotto/v1.dek"          // a content key among wrapped keys
	LabelSealed      = "sotto/v1.sealed"       // content sealed under a content key
	LabelKEKRequest  = "sotto/v1.kek-request"  // a member asks for a channel key
	LabelKEKGrant    = "sotto/v1.kek-grant"    // a manager's signature over the answer
	LabelKEKHandover = "sotto/v1.kek-handover" // the channel key in that answer, sealed to the member
	LabelCombined    = "sotto/v1.combined"     // the static-static secret of two named parties
)

// NewerLabel reports whether label belongs to a version of sotto's formats after this one.
func NewerLabel(label string) bool {
	rest, ours := strings.CutPrefix(label, "sotto/v")
	number, _, _ := strings.Cut(rest, ".")
	version, err := strconv.ParseUint(number, 10, 32)
	return ours && err == nil && version > 1
}
