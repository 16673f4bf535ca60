package conformance

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sottokit/sotto/internal/coseimpl"
)

// algNames are the names of algorithms that cose-wg/Examples writes in more than one way.
var algNames = strings.NewReplacer("+", "-", "ECDH-SS-256", "ECDH-SS", "ECDH-ES-256", "ECDH-ES")

// algorithm returns the name of the algorithm that a message or recipient is described with.
func algorithm(headers ...params) (string, error) {
	for _, h := range headers {
		value, ok := h["alg"]
		if !ok {
			continue
		}
		var name string
		if err := json.Unmarshal(value, &name); err != nil {
			return "", skip(fmt.Sprintf("%s is not an algorithm of sotto", value))
		}
		return algNames.Replace(name), nil
	}
	return "", fmt.Errorf("alg is missing")
}

// number returns the number of an algorithm that sotto can run.
func number(name string) (int64, bool) {
	for _, a := range wide.Content {
		if a.Name == name {
			return a.ID, true
		}
	}
	for _, a := range wide.Recipients {
		if a.Name == name {
			return a.ID, true
		}
	}
	a, ok := signatures[name]
	return int64(a.id), ok
}

// labels are the header parameters that hold byte strings, by the name they have in the files.
var labels = map[string]int64{
	"kid":       coseimpl.HeaderKID,
	"IV":        coseimpl.HeaderIV,
	"partialIV": coseimpl.HeaderPartialIV,
	"spk_kid":   coseimpl.HeaderStaticKeyID,
	"salt":      coseimpl.HeaderSalt,
	"apu_id":    coseimpl.HeaderPartyU, "apu_nonce": coseimpl.HeaderPartyU - 1, "apu_other": coseimpl.HeaderPartyU - 2,
	"apv_id": coseimpl.HeaderPartyV, "apv_nonce": coseimpl.HeaderPartyV - 1, "apv_other": coseimpl.HeaderPartyV - 2,
}

// fields makes the header that a writer would make of a description.
func (p params) fields() ([]coseimpl.Field, error) {
	var all []coseimpl.Field
	for name, value := range p {
		base := strings.TrimSuffix(name, "_hex")
		label, known := labels[base]
		switch {
		case known:
			b, err := p.octets(base, raw)
			if err != nil {
				return nil, err
			}
			all = append(all, coseimpl.BytesField(label, b))
		case name == "alg":
			alg, err := algorithm(p)
			if err != nil {
				return nil, err
			}
			id, ok := number(alg)
			if !ok {
				return nil, notOurs(alg)
			}
			all = append(all, coseimpl.IntField(coseimpl.HeaderAlg, id))
		case name == "ctyp":
			field, err := contentType(value)
			if err != nil {
				return nil, err
			}
			all = append(all, field)
		default:
			return nil, readOnly("header parameter " + name + " is not one that sotto writes")
		}
	}
	return all, nil
}

// contentType is a number or a text (RFC 9052 §3.1).
func contentType(value json.RawMessage) (coseimpl.Field, error) {
	var n int64
	if json.Unmarshal(value, &n) == nil {
		return coseimpl.IntField(coseimpl.HeaderContentType, n), nil
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return coseimpl.Field{}, fmt.Errorf("ctyp: %w", err)
	}
	return coseimpl.TextField(coseimpl.HeaderContentType, text), nil
}

// sealing is what a message is rebuilt with besides its keys.
type sealing struct {
	protected   []byte // serialized; empty without parameters
	unprotected []byte
	iv          []byte
}

// sealing makes the headers of a message to be encrypted. The IV is given in the input or comes next in the stream.
func (m *exampleMessage) sealing(rng *stream) (*sealing, error) {
	var s sealing
	var err error
	if s.protected, err = m.protected(); err != nil {
		return nil, err
	}
	unprotected, err := m.Unprotected.fields()
	if err != nil {
		return nil, err
	}
	for _, known := range []params{m.Protected, m.Unprotected, m.Unsent} {
		if s.iv, err = known.octets("IV", raw); err != nil || s.iv != nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if s.iv == nil {
		if s.iv, err = rng.next(); err != nil {
			return nil, err
		}
		unprotected = append(unprotected, coseimpl.BytesField(coseimpl.HeaderIV, s.iv))
	}
	s.unprotected = coseimpl.AppendHeader(nil, unprotected...)
	return &s, nil
}

// protected makes the serialized protected header, which is empty without parameters (RFC 9052 §3).
func (m *exampleMessage) protected() ([]byte, error) {
	fields, err := m.Protected.fields()
	if err != nil || len(fields) == 0 {
		return nil, err
	}
	return coseimpl.AppendHeader(nil, fields...), nil
}

// baseIV returns what a Partial IV is XORed onto (RFC 9052 §3.1), nil when the message has none. The input gives the
// complete IV instead.
func (m *exampleMessage) baseIV() ([]byte, error) {
	partial, err := m.Unprotected.octets("partialIV", raw)
	if err != nil || partial == nil {
		return nil, err
	}
	iv, err := m.Unsent.octets("IV", raw)
	if err != nil {
		return nil, err
	}
	if len(iv) < len(partial) {
		return nil, fmt.Errorf("unsent.IV_hex is missing or short")
	}
	for i, b := range partial {
		iv[len(iv)-len(partial)+i] ^= b
	}
	return iv, nil
}

// stream is the randomness of the one who made a message, in the order of its use.
type stream struct{ left []octets }

func (e *example) stream() *stream { return &stream{e.Input.Stream} }

func (s *stream) next() ([]byte, error) {
	if len(s.left) == 0 {
		return nil, readOnly("its randomness is not published")
	}
	b := s.left[0]
	s.left = s.left[1:]
	return b, nil
}

// partyNonce is the length of the nonce that a static-static sender draws, in bytes. No other entry of a stream is as
// long, so that it can be told whether one was drawn.
const partyNonce = 64

func (s *stream) nonceIsNext() bool { return len(s.left) > 0 && len(s.left[0]) == partyNonce }
