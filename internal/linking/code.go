package linking

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/cpace"
	"github.com/sottokit/sotto/internal/wire"
)

// What people type where there is no camera: a nameplate, under which the server keeps the first message of the old device,
// and a secret of which the server knows nothing.
const (
	minNameplate = 4 // digits
	maxNameplate = 8
	secretDigits = 9
	maxCodeText  = 64 // bytes as it was typed
)

// ValidNameplate reports whether a text is a nameplate.
func ValidNameplate(text string) bool {
	return minNameplate <= len(text) && len(text) <= maxNameplate && digitsOnly(text)
}

// CodeText is the code as it is shown.
func CodeText(nameplate, secret string) string { return nameplate + "-" + secret }

// ParseCodeText reads what a person typed: 4 to 8 digits, a dash, and 9 digits, with white space anywhere and dashes between
// digits of the secret. Anything else is fault.Malformed.
func ParseCodeText(text string) (nameplate, secret string, err error) {
	if len(text) > maxCodeText {
		return "", "", fmt.Errorf("code of %d bytes: %w", len(text), fault.Malformed)
	}
	nameplate, secret, _ = strings.Cut(typed(text), "-")
	edges := strings.HasPrefix(secret, "-") || strings.HasSuffix(secret, "-")
	secret = strings.ReplaceAll(secret, "-", "")
	if edges || !ValidNameplate(nameplate) || len(secret) != secretDigits || !digitsOnly(secret) {
		return "", "", fmt.Errorf("code is not of %d to %d digits, a dash and %d digits: %w",
			minNameplate, maxNameplate, secretDigits, fault.Malformed)
	}
	return nameplate, secret, nil
}

// TypedDigits reads the six digits as a person typed them, with white space and dashes anywhere. ok is false when that is no
// six digits.
func TypedDigits(text string) (digits string, ok bool) {
	digits = strings.ReplaceAll(typed(text), "-", "")
	return digits, len(digits) == 6 && digitsOnly(digits)
}

// typed is a text without its white space, and with one kind of dash: keyboards have their own.
func typed(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return -1
		case unicode.Is(unicode.Pd, r):
			return '-'
		}
		return r
	}, text)
}

func digitsOnly(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// C1 is what the old device leaves under the nameplate, for whoever asks for it.
type C1 struct {
	Mode       uint64           `cbor:"1,keyasint"`
	Rendezvous [16]byte         `cbor:"2,keyasint"` // names the mailbox of the attempt, and the run of CPace
	Share      [cpace.Size]byte `cbor:"3,keyasint"` // Ya
	AD         []byte           `cbor:"4,keyasint"` // of OldAD
	Commitment [32]byte         `cbor:"5,keyasint"` // H(rO)
}

// Marshal returns the message.
func (m *C1) Marshal() ([]byte, error) {
	m.Mode = modeCode
	return wire.Marshal(m)
}

// ParseC1 reads what Marshal wrote, and nothing else. A message of a newer version is fault.UnsupportedVersion.
func ParseC1(b []byte) (*C1, error) {
	if len(b) <= MaxMessage && newerC1(b) {
		return nil, fmt.Errorf("C1: %w", fault.UnsupportedVersion)
	}
	m := &C1{}
	if err := wire.Unmarshal("C1", b, MaxMessage, m); err != nil {
		return nil, err
	}
	if m.Mode != modeCode {
		return nil, fmt.Errorf("C1: version %d: %w", m.Mode, fault.Malformed)
	}
	return m, nil
}

// newerC1 reports whether a message says of itself that it is of a newer version, whatever else it has.
func newerC1(b []byte) bool {
	r := wire.NewReader(b)
	r.Map("C1", wire.MaxPairs)
	readKey(&r, 1)
	version := r.Int("version")
	return r.Err() == nil && version > modeCode && version <= maxInt
}

// C2 is the new device's answer.
type C2 struct {
	Share [cpace.Size]byte `cbor:"1,keyasint"` // Yb
	AD    []byte           `cbor:"2,keyasint"` // NewAD
	Tag   [32]byte         `cbor:"3,keyasint"`
}

// Marshal returns the message.
func (m *C2) Marshal() ([]byte, error) { return wire.Marshal(m) }

// ParseC2 reads what Marshal wrote with the one AD that there is, and nothing else.
func ParseC2(b []byte) (*C2, error) {
	m := &C2{}
	if err := wire.Unmarshal("C2", b, MaxMessage, m); err != nil {
		return nil, err
	}
	if !bytes.Equal(m.AD, NewAD()) {
		return nil, fmt.Errorf("C2: other associated data than that of a new device: %w", fault.Malformed)
	}
	return m, nil
}

// CI is the channel identifier of CPace: ["sotto/v1.link", nameplate].
func CI(nameplate string) []byte {
	b := wire.AppendText(append(make([]byte, 0, 32), wire.MajorArray|2), wire.LabelLink)
	return wire.AppendText(b, nameplate)
}

// OldAD is the associated data of the old device: ["sotto/v1.link", "old", user_id, cert_id].
func OldAD(user string, cert [32]byte) []byte {
	b := wire.AppendText(append(make([]byte, 0, 64+maxUser), wire.MajorArray|4), wire.LabelLink)
	b = wire.AppendText(wire.AppendText(b, string(Old)), user)
	return wire.AppendBytes(b, cert[:])
}

// ParseOldAD reads what OldAD wrote, and nothing else.
func ParseOldAD(ad []byte) (user string, cert [32]byte, err error) {
	r := wire.NewReader(ad)
	if n := r.Array("associated data", wire.MaxItems); n != 4 {
		r.Fail("associated data", "not of four elements", fault.Malformed)
	}
	label, side := r.Text("label", len(ad)), r.Text("side", len(ad))
	user = r.Text("user ID", len(ad))
	readInto(&r, "cert_id", cert[:])
	if err := r.End("associated data"); err != nil {
		return "", cert, err
	}
	if label != wire.LabelLink || side != string(Old) || !wire.ValidName(user, maxUser) {
		return "", cert, fmt.Errorf("associated data: not that of an old device: %w", fault.Malformed)
	}
	return user, cert, nil
}

// NewAD is the associated data of the new device: ["sotto/v1.link", "new"].
func NewAD() []byte {
	b := wire.AppendText(append(make([]byte, 0, 32), wire.MajorArray|2), wire.LabelLink)
	return wire.AppendText(b, string(New))
}
