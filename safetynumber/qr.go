package safetynumber

import (
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/qr"
)

// MaxPNG bounds the side of a PNG, in pixels: 4,096.
const MaxPNG = qr.MaxPNG

// drawn is what draw makes of the number's 74 bytes: version 5, 37 modules a side, and with the margin 45.
func drawn[T any](n *Number, draw func(content []byte) (T, error)) (picture T, err error) {
	if n.none() {
		return picture, fmt.Errorf("safetynumber: no number to draw: %w", fault.Misuse)
	}
	if picture, err = draw(n.Scannable()); err != nil {
		err = fmt.Errorf("safetynumber: %w", err)
	}
	return picture, err
}

// PNG returns the number as a QR code, size pixels a side, dark on light. Modules are whole pixels, so what size leaves over
// is margin. The least size has one pixel for a module, 45; a smaller one, more than MaxPNG, and the zero value or nil are
// fault.Misuse.
func (n *Number) PNG(size int) ([]byte, error) {
	return drawn(n, func(content []byte) ([]byte, error) { return qr.PNG(content, size) })
}

// SVG returns the number as a QR code without a size of its own, dark on light. Of the zero value and nil it is fault.Misuse.
func (n *Number) SVG() ([]byte, error) { return drawn(n, qr.SVG) }

// Terminal returns the number as a QR code for a terminal, 45 columns by 23 lines, two modules to a character. It sets both
// colors, so that the code is dark on light in any theme. Of the zero value and nil it is fault.Misuse.
func (n *Number) Terminal() (string, error) { return drawn(n, qr.Terminal) }
