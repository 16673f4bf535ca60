package mk

import (
	"bytes"

	"golang.org/x/text/unicode/norm"
)

// Spellings returns the byte forms under which the same typed password may have been stretched: as given, then in
// Unicode NFC, then in NFD, each once. Operating systems differ in what a keyboard gives for "é". An app that could not
// open something with the password as typed tries the others, one Stretch each, and tells the user; new keys are made
// from the password as typed. The caller wipes the result.
func Spellings(password []byte) [][]byte {
	all := [][]byte{bytes.Clone(password)}
	for _, form := range []norm.Form{norm.NFC, norm.NFD} {
		b := form.Bytes(password)
		if !bytes.Equal(b, all[0]) && !bytes.Equal(b, all[len(all)-1]) {
			all = append(all, bytes.Clone(b))
		}
	}
	return all
}
