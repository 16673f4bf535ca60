// Package pad hides the length of what is sealed: p || 0x80 || zeros, up to one of few lengths.
package pad

import (
	"bytes"
	"fmt"
	"math/bits"

	"github.com/sottokit/sotto/fault"
)

const (
	block = 64  // every length is a multiple of it
	short = 512 // up to here every multiple is in use, above it fewer and fewer
)

// Size is the padded length of n bytes of plaintext, n at least 0. Above 512 it is that of Padmé
// (https://doi.org/10.2478/popets-2019-0056): at most an eighth more than the plaintext.
func Size(n int) int {
	step, m := block, n+1 // the mark counts
	if m > short {
		e := bits.Len(uint(m)) - 1                  // floor(log2 m)
		step = max(block, 1<<(e-bits.Len(uint(e)))) // 2^(E-S) with S = floor(log2 E) + 1
	}
	return (m + step - 1) / step * step
}

// Append appends p and its padding to dst.
func Append(dst, p []byte) []byte {
	end := len(dst) + Size(len(p))
	dst = append(append(dst, p...), 0x80)
	return append(dst, make([]byte, end-len(dst))...)
}

// Strip returns the plaintext, which points into padded. Every other length or tail than Append's is fault.Malformed.
func Strip(padded []byte) ([]byte, error) {
	marked := bytes.TrimRight(padded, "\x00")
	plain, ok := bytes.CutSuffix(marked, []byte{0x80})
	if !ok {
		return nil, fmt.Errorf("padding: no mark: %w", fault.Malformed)
	}
	if len(padded) != Size(len(plain)) {
		return nil, fmt.Errorf("padding: %d bytes where %d belong: %w", len(padded), Size(len(plain)), fault.Malformed)
	}
	return plain, nil
}
