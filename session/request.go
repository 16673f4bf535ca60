package session

import (
	"fmt"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/message"
	"github.com/sottokit/sotto/internal/wire"
)

// Request is a verified question for the key of a session: whoever has the session may seal it to Key.
type Request struct {
	User    string
	Session Prefix
	From    *device.Record
	Key     *device.MessagingKey // the newest one of that device
}

// Ask signs that this device needs the key of a session that a message names. It has a messaging key, or it is
// fault.Misuse.
func Ask(me *device.Keys, p Prefix, now time.Time) ([]byte, error) {
	issued, err := timestamp(now)
	if err != nil {
		return nil, err
	}
	b, err := me.SignRequest(&message.Request{Session: p, Issued: issued})
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return b, nil
}

// RequestUser returns whose device a request claims to be of: that user's log is the one for ReadRequest.
func RequestUser(request []byte) (string, error) {
	r, err := message.ParseRequest(request)
	if err != nil {
		return "", fmt.Errorf("session: %w", err)
	}
	return r.User, nil
}

// ReadRequest verifies a request against the user's newest log. last is what was seen of the device before, nil for
// nothing. Only the present record of an active device may ask; a device that was revoked is fault.RevokedDevice, any
// other signer fault.UntrustedSigner. The messaging key has the errors of AcceptKey.
func ReadRequest(request []byte, l *device.Log, last *device.Seen) (*Request, error) {
	if l == nil {
		return nil, fmt.Errorf("session: no log: %w", fault.Misuse)
	}
	r, err := message.ParseRequest(request)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	from, err := l.Find(r.Sender)
	if err != nil {
		return nil, fmt.Errorf("session: request: %w", err)
	}
	place := cose.Context{Type: wire.LabelSessionRequest, AAD: message.RequestAAD(r.Session)}
	if _, err := from.Verifier().Verify1(request, place); err != nil {
		return nil, fmt.Errorf("session: request: %w", err)
	}
	if r.User != from.User() {
		return nil, fmt.Errorf("session: request for another user: %w", fault.UntrustedSigner)
	}
	key, err := l.AcceptKey(from.ID(), r.DeviceKey, last)
	if err != nil {
		return nil, fmt.Errorf("session: request: %w", err)
	}
	return &Request{User: r.User, Session: r.Session, From: from, Key: key}, nil
}
