// Package qr draws QR codes (ISO/IEC 18004) of a few bytes: as PNG, as SVG and for a terminal. They are in byte mode with
// error correction M, which mends 15 percent of what a camera does not see well.
package qr

import (
	"fmt"
	"image/color"

	"github.com/boombuler/barcode/qr"

	"github.com/sottokit/sotto/fault"
)

// MaxContent bounds the content of a code, in bytes. It makes version 13: 69 modules a side, and with the margin 77.
const MaxContent = 300

// margin is the quiet zone around a code, in modules.
const margin = 4

// bitmap is a QR code.
type bitmap struct {
	side int // in modules, with the margin
	dark []bool
}

// draw encodes 1 to MaxContent bytes. Another number of them is fault.Misuse.
func draw(content []byte) (*bitmap, error) {
	if len(content) == 0 || len(content) > MaxContent {
		return nil, fmt.Errorf("QR code of %d bytes, want 1 to %d: %w", len(content), MaxContent, fault.Misuse)
	}
	// Unicode is how the encoder calls byte mode: it takes the bytes as they are.
	code, err := qr.Encode(string(content), qr.M, qr.Unicode)
	if err != nil {
		return nil, fmt.Errorf("QR code: %w: %w", fault.Misuse, err) // unreachable: MaxContent bytes have room
	}
	side := code.Bounds().Dx()
	b := &bitmap{side: side + 2*margin}
	b.dark = make([]bool, b.side*b.side)
	for y := range side {
		for x := range side {
			b.dark[(y+margin)*b.side+x+margin] = code.At(x, y) == color.Color(color.Black)
		}
	}
	return b, nil
}

// at reports whether a module is dark. Below the margin all are light.
func (b *bitmap) at(x, y int) bool { return y < b.side && b.dark[y*b.side+x] }
