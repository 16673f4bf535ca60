package conformance

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
)

// example is a file of cose-wg/Examples: a message, and all that a caller knows who made or opens it.
type example struct {
	Title string `json:"title"`
	Fail  bool   `json:"fail,omitempty"`
	Input struct {
		Plaintext    *string  `json:"plaintext,omitempty"`
		PlaintextHex octets   `json:"plaintext_hex,omitempty"`
		Stream       []octets `json:"rng_stream,omitempty"`
		Failures     params   `json:"failures,omitempty"` // what was altered in the message afterwards

		Encrypted *exampleMessage `json:"encrypted,omitempty"`
		Enveloped *exampleMessage `json:"enveloped,omitempty"`
		Sign0     *exampleMessage `json:"sign0,omitempty"`
		MAC       json.RawMessage `json:"mac,omitempty"`
		MAC0      json.RawMessage `json:"mac0,omitempty"`
		Sign      json.RawMessage `json:"sign,omitempty"`
	} `json:"input"`
	Intermediates struct {
		AAD        octets `json:"AAD_hex,omitempty"`
		CEK        octets `json:"CEK_hex,omitempty"`
		ToBeSign   octets `json:"ToBeSign_hex,omitempty"`
		Recipients []struct {
			Context octets `json:"Context_hex,omitempty"`
			Secret  octets `json:"Secret_hex,omitempty"`
			KEK     octets `json:"KEK_hex,omitempty"`
		} `json:"recipients,omitempty"`
	} `json:"intermediates,omitempty"`
	Output struct {
		CBOR octets `json:"cbor"`
	} `json:"output"`

	message []byte // Output.CBOR without the tag of a CWT
	tagged  bool   // the form that the message is expected in
}

// exampleMessage is the description of a message.
type exampleMessage struct {
	Protected   params             `json:"protected,omitempty"`
	Unprotected params             `json:"unprotected,omitempty"`
	Unsent      params             `json:"unsent,omitempty"`
	External    octets             `json:"external,omitempty"`
	Key         exampleKey         `json:"key,omitempty"` // of sign0
	Recipients  []exampleRecipient `json:"recipients,omitempty"`
	countersignatures
}

// exampleRecipient is the description of a recipient.
type exampleRecipient struct {
	Key         exampleKey      `json:"key,omitempty"`
	SenderKey   exampleKey      `json:"sender_key,omitempty"`
	Protected   params          `json:"protected,omitempty"`
	Unprotected params          `json:"unprotected,omitempty"`
	Unsent      params          `json:"unsent,omitempty"`
	Nested      json.RawMessage `json:"recipients,omitempty"`
	countersignatures
}

// countersignatures are read over: they stand in the unprotected header, and sotto does not make any.
type countersignatures struct {
	Full        json.RawMessage `json:"countersign,omitempty"`
	Abbreviated json.RawMessage `json:"countersign0,omitempty"`
}

func (c countersignatures) present() bool { return c.Full != nil || c.Abbreviated != nil }

// structure is a message of one COSE structure, with what the caller expects of it.
type structure interface {
	// open parses and opens the message. An error is a refusal by the code under test.
	open() ([]byte, error)
	// front opens the message through package cose, or returns notInCose.
	front() ([]byte, error)
	// headers are those of the parsed message; they are asked for after open.
	headers() coseimpl.Buckets
	// compare compares the intermediate values of an opened message.
	compare() error
	// rebuild makes the message anew from the input. A readOnly error says why that cannot be.
	rebuild() ([]byte, error)
	// settle compares what was rebuilt with the message where the two are not equal byte for byte.
	settle(rebuilt []byte) (string, error)
}

// coseExample is the driver: one file is one case.
func coseExample(s *suite, file []byte) error {
	var e example
	if err := decode(file, &e); err != nil {
		return err
	}
	s.check(e.Title, func() (string, error) {
		x, err := e.structure()
		if err != nil {
			return "", err
		}
		return e.judge(x)
	})
	return nil
}

// cwtTag is the CBOR tag 61 (RFC 8392 §6), which may stand before the tag of a message.
var cwtTag = []byte{0xd8, 61}

// structure reads the expectations of the one message that the input describes.
func (e *example) structure() (structure, error) {
	in := &e.Input
	e.message = bytes.TrimPrefix(e.Output.CBOR, cwtTag)
	_, untagged := in.Failures["RemoveCBORTag"]
	e.tagged = !untagged
	kinds := 0
	for _, there := range []bool{
		in.Encrypted != nil, in.Enveloped != nil, in.Sign0 != nil, in.MAC != nil, in.MAC0 != nil, in.Sign != nil,
	} {
		if there {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return nil, fmt.Errorf("%d messages in the input instead of one", kinds)
	case in.Encrypted != nil:
		return newExampleEncrypt0(e, in.Encrypted)
	case in.Enveloped != nil:
		return newExampleEncrypt(e, in.Enveloped)
	case in.Sign0 != nil:
		return newExampleSign1(e, in.Sign0)
	}
	return nil, skip("COSE_Mac, COSE_Mac0 and COSE_Sign are not structures of sotto")
}

// judge opens the message and decides.
func (e *example) judge(x structure) (string, error) {
	plaintext, err := x.open()
	if err := e.sameInCose(x, plaintext, err); err != nil {
		return "", err
	}
	switch {
	case e.Fail && err == nil:
		return "", errOpened
	case e.Fail && fault.Of(err) == 0:
		return "", fmt.Errorf("refused without a code: %w", err)
	case e.Fail:
		return fault.Of(err).Name(), nil
	case openAlg(x.headers()):
		// A deliberate limit of sotto (package cose): what anybody could have written is no algorithm.
		if fault.Of(err) != fault.Malformed {
			return "", fmt.Errorf("the algorithm is not protected, and the error is %v", err)
		}
		return "refused on purpose: the algorithm is not protected", nil
	case err != nil:
		return "", fmt.Errorf("refused: %w", err)
	}
	want, err := e.plaintext()
	if err != nil {
		return "", err
	}
	if err := errors.Join(equal("plaintext", plaintext, want), x.compare()); err != nil {
		return "", err
	}
	return e.remake(x)
}

// openAlg reports whether the algorithm stands in the unprotected header alone.
func openAlg(b coseimpl.Buckets) bool {
	_, protected := b.Protected.Find(coseimpl.HeaderAlg)
	_, unprotected := b.Unprotected.Find(coseimpl.HeaderAlg)
	return unprotected && !protected
}

func (e *example) plaintext() ([]byte, error) {
	switch {
	case e.Input.PlaintextHex != nil:
		return e.Input.PlaintextHex, nil
	case e.Input.Plaintext != nil:
		return []byte(*e.Input.Plaintext), nil
	}
	return nil, errors.New("input.plaintext is missing")
}

// readOnly is why a message cannot be rebuilt.
type readOnly string

func (r readOnly) Error() string { return "read only: " + string(r) }

// remake rebuilds the message and tells how far the result is the published one.
func (e *example) remake(x structure) (string, error) {
	rebuilt, err := x.rebuild()
	var why readOnly
	switch {
	case errors.As(err, &why):
		return why.Error(), nil
	case err != nil:
		return "", fmt.Errorf("rebuilding: %w", err)
	case bytes.Equal(rebuilt, e.message):
		return "rebuilt byte for byte", nil
	}
	return x.settle(rebuilt)
}

// settle is for structures without a choice of their own: only the order of maps may differ, for the published ones have
// unprotected maps that are not sorted.
func (e *example) settle(rebuilt []byte) (string, error) {
	have, err := normal(rebuilt)
	if err != nil {
		return "", err
	}
	want, err := normal(e.message)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(have, want) {
		return "", fmt.Errorf("rebuilt as %x", abridged(rebuilt))
	}
	return "rebuilt up to map order", nil
}

// params are named parameters of a header or key. A name may carry the suffix _hex; then its value is hexadecimal.
type params map[string]json.RawMessage

// octets returns the parameter as a byte string, nil when it is absent. text decodes a value that is not hexadecimal.
func (p params) octets(name string, text func(string) ([]byte, error)) ([]byte, error) {
	decode := text
	raw, ok := p[name+"_hex"]
	if ok {
		decode = hex.DecodeString
	} else if raw, ok = p[name]; !ok {
		return nil, nil
	}
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return nil, fmt.Errorf("%s is not a string", name)
	}
	b, err := decode(*s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}

// raw is how header parameters write byte strings: the text is the bytes.
func raw(s string) ([]byte, error) { return []byte(s), nil }
