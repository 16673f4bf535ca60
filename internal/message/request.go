package message

import (
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// MaxRequest bounds a request, in bytes.
const MaxRequest = 4096

// Request is how a device asks for the key of a session that it cannot open: whoever has the statement seals it once more,
// to the messaging key in the request.
type Request struct {
	User      string   `cbor:"1,keyasint"` // whose device asks
	Session   [16]byte `cbor:"2,keyasint"` // how messages name the session
	DeviceKey []byte   `cbor:"3,keyasint"` // the newest one of the device, signed
	Issued    uint64   `cbor:"4,keyasint"` // Unix seconds
}

// SignedRequest is a request that was decoded and not yet verified.
type SignedRequest struct {
	Request
	Sender [32]byte // who claims to have signed: the ID of a record
}

// ParseRequest decodes a signed request. Its signature is not checked.
func ParseRequest(b []byte) (*SignedRequest, error) {
	s := &SignedRequest{}
	var err error
	if s.Sender, err = parseSigned("request", b, MaxRequest, &s.Request); err != nil {
		return nil, err
	}
	if s.Issued > maxInt {
		return nil, fmt.Errorf("request: integer over 2^53: %w", fault.Malformed)
	}
	return s, nil
}

// RequestAAD is the external_aad of a request: ["sotto/v1.session-request", session].
func RequestAAD(session [16]byte) []byte {
	return wire.AppendBound(nil, wire.LabelSessionRequest, session[:])
}
