package relay

import (
	"encoding/binary"
	"fmt"

	"github.com/sottokit/sotto/fault"
)

// A list travels as frames: each item behind its length in four bytes, big-endian.

func appendFrame(dst []byte, parts ...[]byte) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	for _, p := range parts {
		dst = append(dst, p...)
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// frames takes a list apart. The items share the memory of b.
func frames(b []byte) ([][]byte, error) {
	var items [][]byte
	for len(b) > 0 {
		if len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-4) {
			return nil, fmt.Errorf("relay: frame %d is cut short: %w", len(items), fault.Malformed)
		}
		n := 4 + int(binary.BigEndian.Uint32(b))
		items, b = append(items, b[4:n:n]), b[n:]
	}
	return items, nil
}
