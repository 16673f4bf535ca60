package safetynumber

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"

	"github.com/boombuler/barcode/qr"

	"github.com/sottokit/sotto/fault"
)

// The codes are QR codes (ISO/IEC 18004) in byte mode with error correction M, which mends 15 percent of what a camera does
// not see well. 74 bytes make version 5: 37 modules a side, and a margin of 4 all around.
const margin = 4

// MaxPNG bounds the side of a PNG, in pixels.
const MaxPNG = 4_096

// bitmap is a QR code.
type bitmap struct {
	side int // in modules, with the margin
	dark []bool
}

func (n *Number) bitmap() (*bitmap, error) {
	if n.none() {
		return nil, fmt.Errorf("safetynumber: no number to draw: %w", fault.Misuse)
	}
	// Unicode is how the encoder calls byte mode: it takes the bytes as they are.
	code, err := qr.Encode(string(n.Scannable()), qr.M, qr.Unicode)
	if err != nil {
		return nil, fmt.Errorf("safetynumber: QR code: %w: %w", fault.Misuse, err) // unreachable: 74 bytes have room
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

// at reports whether a module is dark. Beyond the margin all are light.
func (b *bitmap) at(x, y int) bool { return y < b.side && b.dark[y*b.side+x] }

// PNG returns the number as a QR code, size pixels a side, dark on light. Modules are whole pixels, so what size leaves over
// is margin. The least size has one pixel for a module, 45; a smaller one, more than MaxPNG, and the zero value or nil are
// fault.Misuse.
func (n *Number) PNG(size int) ([]byte, error) {
	b, err := n.bitmap()
	if err != nil {
		return nil, err
	}
	if size < b.side || size > MaxPNG {
		return nil, fmt.Errorf("safetynumber: PNG of %d pixels a side, want %d to %d: %w", size, b.side, MaxPNG, fault.Misuse)
	}
	scale := size / b.side
	first := (size - scale*b.side) / 2
	picture := image.NewPaletted(image.Rect(0, 0, size, size), color.Palette{color.White, color.Black})
	for y := range scale * b.side {
		for x := range scale * b.side {
			if b.at(x/scale, y/scale) {
				picture.SetColorIndex(first+x, first+y, 1)
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("safetynumber: PNG: %w: %w", fault.Misuse, err) // unreachable: memory takes all that is written
	}
	return out.Bytes(), nil
}

// SVG returns the number as a QR code without a size of its own, dark on light. Of the zero value and nil it is fault.Misuse.
func (n *Number) SVG() ([]byte, error) {
	b, err := n.bitmap()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %[1]d" shape-rendering="crispEdges">`, b.side)
	fmt.Fprintf(&out, `<path fill="#fff" d="M0 0h%dv%[1]dH0z"/><path fill="#000" d="`, b.side)
	for y := range b.side {
		for x := 0; x < b.side; x++ {
			start := x
			for x < b.side && b.at(x, y) {
				x++
			}
			if x > start {
				fmt.Fprintf(&out, "M%d %dh%dv1H%dz", start, y, x-start, start)
			}
		}
	}
	out.WriteString(`"/></svg>` + "\n")
	return out.Bytes(), nil
}

// Terminal returns the number as a QR code for a terminal, 45 columns by 23 lines, two modules to a character. It sets both
// colors, so that the code is dark on light in any theme. Of the zero value and nil it is fault.Misuse.
func (n *Number) Terminal() (string, error) {
	const blackOnWhite, plain = "\x1b[38;5;16;48;5;231m", "\x1b[0m\n" // ECMA-48 SGR, of 256 colors: no theme changes these two
	b, err := n.bitmap()
	if err != nil {
		return "", err
	}
	blocks := map[[2]bool]string{{false, false}: " ", {true, false}: "▀", {false, true}: "▄", {true, true}: "█"}
	var out bytes.Buffer
	for y := 0; y < b.side; y += 2 {
		out.WriteString(blackOnWhite)
		for x := range b.side {
			out.WriteString(blocks[[2]bool{b.at(x, y), b.at(x, y+1)}])
		}
		out.WriteString(plain)
	}
	return out.String(), nil
}
