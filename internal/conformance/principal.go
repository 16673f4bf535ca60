package conformance

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
)

// maxPrincipal is the length of the longest principal of the Internet Computer, in bytes.
const maxPrincipal = 29

var principalBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

var errPrincipal = errors.New("not the text of a principal")

// parsePrincipal decodes the text of a principal (Internet Computer interface specification, "Textual representation of
// principals"): base32 of a CRC-32 and the bytes, in groups of five.
func parsePrincipal(text string) ([]byte, error) {
	b, err := principalBase32.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) < 4 || len(b) > 4+maxPrincipal || principalText(b[4:]) != text {
		return nil, errPrincipal
	}
	return b[4:], nil
}

// principalText is the text of a principal.
func principalText(b []byte) string {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(b))
	text := principalBase32.EncodeToString(append(sum, b...))
	var grouped strings.Builder
	for i, c := range text {
		if i > 0 && i%5 == 0 {
			grouped.WriteByte('-')
		}
		grouped.WriteRune(c)
	}
	return grouped.String()
}
