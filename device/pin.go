package device

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/sottokit/sotto/fault"
)

// Pin is what is remembered of a log, to recognize it by: its first and its newest entry. It is comparable.
type Pin struct {
	Root, Head Hash
	Seq        uint64 // of the newest entry
}

// String returns "ROOT:SEQ:HEAD", hashes in hexadecimal, as ParsePin reads it.
func (p Pin) String() string { return fmt.Sprintf("%s:%d:%s", p.Root, p.Seq, p.Head) }

// ParsePin reads what String wrote. Anything else is fault.Malformed.
func ParsePin(text string) (Pin, error) {
	var p Pin
	root, rest, _ := strings.Cut(text, ":")
	seq, head, _ := strings.Cut(rest, ":")
	err := p.Root.parse(root)
	if err == nil {
		err = p.Head.parse(head)
	}
	if err == nil {
		p.Seq, err = strconv.ParseUint(seq, 10, 64)
	}
	if err != nil || p.String() != text {
		return Pin{}, fmt.Errorf("device: not a pin: %w", fault.Malformed)
	}
	return p, nil
}

func (h *Hash) parse(text string) error {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(h) {
		return fault.Malformed
	}
	*h = Hash(b)
	return nil
}
