package safetynumber

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/fingerprint"
)

// Outcome is what came of scanning a code.
type Outcome int32

// The outcomes. The zero value is none: it stands beside an error.
const (
	Match   Outcome = iota + 1 // the other device holds the same two identities
	Differ                     // it does not: somebody may stand between
	OwnCode                    // this device's own code, of which nothing follows
)

// String returns "match", "differ" or "own code".
func (o Outcome) String() string {
	switch o {
	case Match:
		return "match"
	case Differ:
		return "differ"
	case OwnCode:
		return "own code"
	}
	return "none"
}

// What is scanned is a message of protocol buffers (libsignal, fingerprint.proto):
//
//	CombinedFingerprints {1: version, 2: local, 3: remote}    LogicalFingerprint {1: content}
const (
	fieldVersion = 1
	fieldLocal   = 2
	fieldRemote  = 3
	fieldContent = 1

	typeVarint = 0
	typeI64    = 1
	typeLen    = 2
	typeI32    = 5
)

// MaxScanned bounds what Compare reads, in bytes: the content of the largest QR code.
const MaxScanned = 2_953

// Scannable returns what a code of this number carries, 74 bytes: version, own and the other fingerprint. Unlike the digits
// it is not the same on both sides. Of the zero value and nil it is nil.
func (n *Number) Scannable() []byte {
	if n.none() {
		return nil
	}
	b := binary.AppendUvarint([]byte{fieldVersion<<3 | typeVarint}, uint64(n.version))
	for i, content := range [][fingerprint.Size]byte{n.local, n.remote} {
		b = append(b, byte(fieldLocal+i)<<3|typeLen, 2+fingerprint.Size)
		b = append(b, fieldContent<<3|typeLen, fingerprint.Size)
		b = append(b, content[:]...)
	}
	return b
}

// none reports whether n is the zero value or nil.
func (n *Number) none() bool { return n == nil || n.digits == "" }

// Compare holds what was scanned, the bytes of the code, against the number. Match proves to this side what the other side
// holds, and the other way round: the other side learns it by being told. A code of another version is
// fault.UnsupportedVersion, never Differ: it says nothing about the keys. What is no code at all is fault.Malformed, over
// MaxScanned bytes fault.OverLimit. Fingerprints are compared in constant time.
func (n *Number) Compare(scanned []byte) (Outcome, error) {
	if n.none() {
		return 0, fmt.Errorf("safetynumber: no number to compare with: %w", fault.Misuse)
	}
	if len(scanned) > MaxScanned {
		return 0, fmt.Errorf("safetynumber: scanned %d bytes: %w", len(scanned), fault.OverLimit)
	}
	theirs, err := parseCode(scanned)
	if err != nil {
		return 0, fmt.Errorf("safetynumber: scanned code: %w", err)
	}
	if theirs.version != n.version {
		return 0, fmt.Errorf("safetynumber: scanned code of version %d, this one is %d: %w",
			theirs.version, n.version, fault.UnsupportedVersion)
	}
	local, err := theirs.fingerprint(fieldLocal)
	if err != nil {
		return 0, err
	}
	remote, err := theirs.fingerprint(fieldRemote)
	if err != nil {
		return 0, err
	}
	crossed := subtle.ConstantTimeCompare(local, n.remote[:]) & subtle.ConstantTimeCompare(remote, n.local[:])
	own := subtle.ConstantTimeCompare(local, n.local[:]) & subtle.ConstantTimeCompare(remote, n.remote[:])
	switch {
	case own == 1:
		return OwnCode, nil
	case crossed == 1:
		return Match, nil
	}
	return Differ, nil
}

// code is a scanned code. Before its version is known to be ours, nothing is said about the rest.
type code struct {
	version uint32 // 0 when it is missing, as protocol buffers have it
	parties map[uint64][]byte
}

func parseCode(b []byte) (*code, error) {
	c := &code{parties: map[uint64][]byte{}}
	seen := false
	err := eachField(b, func(field, kind, value uint64, content []byte) error {
		switch {
		case field == fieldVersion && kind == typeVarint && !seen && value <= math.MaxUint32:
			c.version, seen = uint32(value), true
		case (field == fieldLocal || field == fieldRemote) && kind == typeLen && c.parties[field] == nil:
			c.parties[field] = content
		case fieldVersion <= field && field <= fieldRemote:
			return fmt.Errorf("field %d is twice there or of another type: %w", field, fault.Malformed)
		}
		return nil // a field that is unknown is passed over
	})
	return c, err
}

// fingerprint returns the 32 bytes of one party, which may be missing.
func (c *code) fingerprint(party uint64) (content []byte, err error) {
	err = eachField(c.parties[party], func(field, _, _ uint64, value []byte) error {
		if field != fieldContent {
			return nil
		}
		if content != nil || len(value) != fingerprint.Size {
			return fmt.Errorf("not one fingerprint of %d bytes: %w", fingerprint.Size, fault.Malformed)
		}
		content = value
		return nil
	})
	if err == nil && content == nil {
		err = fmt.Errorf("no fingerprint: %w", fault.Malformed)
	}
	if err != nil {
		return nil, fmt.Errorf("safetynumber: scanned code: field %d: %w", party, err)
	}
	return content, nil
}

// eachField calls f for every field of a message of protocol buffers, with the value of a number or the content of bytes,
// which is nil for other types and only for them. Groups, which nobody writes any more, are refused.
func eachField(b []byte, f func(field, kind, value uint64, content []byte) error) error {
	for off := 0; off < len(b); {
		bad := fmt.Errorf("field at offset %d: %w", off, fault.Malformed)
		tag, n := binary.Uvarint(b[off:])
		if n <= 0 || tag>>3 == 0 || tag > math.MaxUint32 {
			return bad
		}
		off += n
		var value uint64
		var content []byte
		size := 0
		switch kind := tag & 7; kind {
		case typeVarint, typeLen:
			if value, n = binary.Uvarint(b[off:]); n <= 0 {
				return bad
			}
			off += n
			if kind == typeLen {
				if value > uint64(len(b)-off) {
					return bad
				}
				size = int(value)
				content = b[off : off+size : off+size]
			}
		case typeI64:
			size = 8
		case typeI32:
			size = 4
		default:
			return bad
		}
		if size > len(b)-off {
			return bad
		}
		off += size
		if err := f(tag>>3, tag&7, value, content); err != nil {
			return err
		}
	}
	return nil
}
