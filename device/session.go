package device

import (
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/message"
	"github.com/sottokit/sotto/internal/wire"
)

// What a device signs and opens for sessions. The arguments are of internal packages, so that nobody but package session
// asks for it: a device signs these structures and nothing else.

// SignSession signs the statement of a session with the given secret, of envelope.SecretSize bytes. The result holds the
// secret: the caller wipes it.
func (k *Keys) SignSession(s *envelope.Statement, secret []byte) ([]byte, error) {
	if err := k.begin(); err != nil {
		return nil, err
	}
	defer k.mu.Unlock()
	payload := s.AppendPayload(make([]byte, 0, s.PayloadSize()), secret)
	defer clear(payload)
	id, err := envelope.SessionID(payload, k.record.cert)
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	b, err := k.signer.Sign1(nil, payload, cose.Bind(wire.LabelSession, id[:]))
	if err != nil {
		return nil, fmt.Errorf("device: statement: %w", err)
	}
	return b, nil
}

// SignContent signs the content of a message at a place, and sets its KeyGen. It returns the record that it signed under,
// too.
func (k *Keys) SignContent(c *message.Content, at *message.Place) ([]byte, *Record, error) {
	if err := k.begin(); err != nil {
		return nil, nil, err
	}
	defer k.mu.Unlock()
	c.KeyGen = k.generation()
	payload := c.Append(make([]byte, 0, len(c.Body)+message.Room))
	place := cose.Context{Type: wire.LabelContent, AAD: at.ContentAAD(k.record.cert)}
	b, err := k.signer.Sign1(make([]byte, 0, len(c.Body)+message.Room), payload, place)
	if err != nil {
		return nil, nil, fmt.Errorf("device: content: %w", err)
	}
	return b, k.record, nil
}

// SignRequest signs that this device asks for a session. User and device-key of r are filled in: a device that has no
// messaging key yet cannot ask, fault.Misuse.
func (k *Keys) SignRequest(r *message.Request) ([]byte, error) {
	if err := k.begin(); err != nil {
		return nil, err
	}
	defer k.mu.Unlock()
	if len(k.messaging) == 0 {
		return nil, fmt.Errorf("device: no messaging key yet, Rotate comes first: %w", fault.Misuse)
	}
	r.User, r.DeviceKey = k.record.fields.User, k.messaging[0].public.b
	return sign("request", k.signer, r, cose.Context{Type: wire.LabelSessionRequest, AAD: message.RequestAAD(r.Session)})
}

// Unwrap returns the content key of an envelope, which the caller wipes, and the record that the messaging key hangs on
// which it was sealed to. An envelope for none of the keys that are kept is fault.NotForThisDevice.
func (k *Keys) Unwrap(e *envelope.Envelope) (cek []byte, own CertID, err error) {
	if err := k.begin(); err != nil {
		return nil, CertID{}, err
	}
	defer k.mu.Unlock()
	for _, h := range k.messaging {
		if e.IsFor(h.public.id) {
			own = h.public.fields.Cert
			cek, err = e.Unwrap(&envelope.Private{KeyID: h.public.id, Cert: own, Key: h.x25519, Hybrid: h.hybrid})
			return cek, own, err
		}
	}
	return nil, CertID{}, fmt.Errorf("device: envelope for none of the messaging keys: %w", fault.NotForThisDevice)
}

// Generation returns the generation of the newest messaging key, 0 before the first one.
func (k *Keys) Generation() uint64 {
	if k.begin() != nil {
		return 0
	}
	defer k.mu.Unlock()
	return k.generation()
}

// generation is that of the newest messaging key. k.mu is held.
func (k *Keys) generation() uint64 {
	if len(k.messaging) == 0 {
		return 0
	}
	return k.messaging[0].public.fields.Gen
}
