package conformance

import (
	"errors"
	"fmt"

	"github.com/sottokit/sotto/internal/pad"
)

// sottoPadding hides the length of a plaintext.
type sottoPadding struct {
	Inputs struct {
		Plaintext octets `json:"plaintext"`
	} `json:"inputs"`
	Outputs struct {
		Padded octets `json:"padded"`
	} `json:"outputs"`
}

func (c *sottoPadding) read() error {
	p, err := pad.Strip(c.Outputs.Padded)
	if err != nil {
		return err
	}
	return equal("plaintext", p, c.Inputs.Plaintext)
}

func (c *sottoPadding) write() error {
	return equal("padded plaintext", pad.Append(nil, c.Inputs.Plaintext), c.Outputs.Padded)
}

// sottoLengths is a table of lengths.
type sottoLengths struct {
	Inputs struct {
		Lengths []int `json:"lengths"`
	} `json:"inputs"`
	Outputs struct {
		Padded []int `json:"padded"`
	} `json:"outputs"`
}

func (c *sottoLengths) read() error {
	in, out := c.Inputs.Lengths, c.Outputs.Padded
	if len(in) == 0 || len(in) != len(out) {
		return fmt.Errorf("%d lengths and %d padded ones", len(in), len(out))
	}
	var err error
	for i, n := range in {
		err = errors.Join(err, samePadded(n, out[i]))
	}
	return err
}

func (c *sottoLengths) write() error { return nil } // there is no other way

// maxPadded bounds a length of which a table says how it is padded.
const maxPadded = 1 << 30

func samePadded(n, want int) error {
	if n < 0 || n > maxPadded {
		return fmt.Errorf("length of %d", n)
	}
	return same(fmt.Sprintf("padded length of %d", n), pad.Size(n), want)
}
