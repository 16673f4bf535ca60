package qr

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"

	"github.com/sottokit/sotto/fault"
)

// MaxPNG bounds the side of a PNG, in pixels.
const MaxPNG = 4_096

// PNG draws content, 1 to MaxContent bytes, size pixels a side, dark on light. Modules are whole pixels, so what size leaves
// over is margin. The least size has one pixel for a module; a smaller one and more than MaxPNG are fault.Misuse.
func PNG(content []byte, size int) ([]byte, error) {
	b, err := draw(content)
	if err != nil {
		return nil, err
	}
	if size < b.side || size > MaxPNG {
		return nil, fmt.Errorf("PNG of %d pixels a side, want %d to %d: %w", size, b.side, MaxPNG, fault.Misuse)
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
		return nil, fmt.Errorf("PNG: %w: %w", fault.Misuse, err) // unreachable: memory takes all that is written
	}
	return out.Bytes(), nil
}

// SVG draws content, 1 to MaxContent bytes, without a size of its own, dark on light.
func SVG(content []byte) ([]byte, error) {
	b, err := draw(content)
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

// Terminal draws content, 1 to MaxContent bytes, in lines, two modules to a character: at most 77 columns by 39 lines. It
// sets both colors, so that the code is dark on light in any theme.
func Terminal(content []byte) (string, error) {
	const blackOnWhite, plain = "\x1b[38;5;16;48;5;231m", "\x1b[0m\n" // ECMA-48 SGR, of 256 colors: no theme changes these two
	b, err := draw(content)
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
