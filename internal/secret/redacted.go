package secret

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
)

// Redacted is embedded (under an unexported name) by every type that holds a secret. Whatever formats, logs or encodes
// the value gets its kind and public id.
type Redacted struct {
	kind string
	id   [8]byte
	n    int // bytes of id in use
}

// Redact returns the printable form of a secret of the given kind, for example "cose.Key(0123456789abcdef)". Of id, which
// is public and may be nil, up to 8 bytes are shown.
func Redact(kind string, id []byte) Redacted {
	r := Redacted{kind: kind}
	r.n = copy(r.id[:], id)
	return r
}

// String returns kind and id.
func (r Redacted) String() string {
	if r.kind == "" {
		return "destroyed key"
	}
	return r.kind + "(" + hex.EncodeToString(r.id[:r.n]) + ")"
}

// GoString returns kind and id.
func (r Redacted) GoString() string { return r.String() }

// Format writes kind and id for every verb.
func (r Redacted) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(r.String())) }

// MarshalJSON encodes kind and id as a JSON string.
func (r Redacted) MarshalJSON() ([]byte, error) { return json.Marshal(r.String()) }

// MarshalText encodes kind and id.
func (r Redacted) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// LogValue is kind and id.
func (r Redacted) LogValue() slog.Value { return slog.StringValue(r.String()) }
