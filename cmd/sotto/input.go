package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
)

// maxInput bounds what is read, in bytes: the largest message that the SDK writes, its recipients included.
const maxInput = cose.MaxPlaintext + 4<<20

// openInput opens a file, or stdin when name is "-".
func openInput(name string, stdin io.Reader) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(stdin), nil
	}
	return os.Open(name)
}

// readInput reads a file, or stdin when name is "-".
func readInput(name string, stdin io.Reader) ([]byte, error) {
	r, err := openInput(name, stdin)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxInput {
		return nil, fmt.Errorf("more than %d bytes: %w", maxInput, fault.OverLimit)
	}
	if len(b) == 0 {
		return nil, fmt.Errorf("empty input: %w", fault.Malformed)
	}
	return b, nil
}

// decodeInput finds the CBOR item in b: the bytes themselves, or the hex or base64 text that they are. It says as what
// they were read.
func decodeInput(b []byte) (item []byte, form string, err error) {
	if err = wellFormed(b); err == nil {
		return b, "bytes", nil
	}
	for _, text := range []struct {
		form   string
		decode func(string) ([]byte, error)
	}{{"hex text", hex.DecodeString}, {"base64 text", decodeBase64}} {
		item, decodeErr := text.decode(strings.Join(strings.Fields(string(b)), ""))
		if decodeErr != nil {
			continue
		}
		itemErr := wellFormed(item)
		if itemErr == nil {
			return item, text.form, nil
		}
		err = fmt.Errorf("%w; read as %s: %w", err, text.form, itemErr)
	}
	return nil, "", fmt.Errorf("not CBOR: %w", err)
}

// decodeBase64 takes either alphabet, with or without padding.
func decodeBase64(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	return base64.RawStdEncoding.DecodeString(s)
}
