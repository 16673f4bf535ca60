package conformance

import (
	"bytes"
	"crypto/cipher"
	"fmt"

	"github.com/sottokit/sotto/internal/coseimpl"
)

// exampleEncrypt0 is a COSE_Encrypt0.
type exampleEncrypt0 struct {
	*example
	m       *exampleMessage
	content *coseimpl.ContentAlgorithm
	key     []byte
	aead    cipher.AEAD
	baseIV  []byte
	parsed  *coseimpl.Encrypt0
}

// newExampleEncrypt0 reads the expectations. The key stands in the only recipient, which is none of the message.
func newExampleEncrypt0(e *example, m *exampleMessage) (structure, error) {
	x := &exampleEncrypt0{example: e, m: m, parsed: &coseimpl.Encrypt0{}}
	alg, err := algorithm(m.Protected, m.Unprotected)
	if err != nil {
		return nil, err
	}
	if x.content, err = contentNamed(alg); err != nil {
		return nil, err
	}
	if len(m.Recipients) != 1 {
		return nil, fmt.Errorf("%d keys instead of one", len(m.Recipients))
	}
	if x.key, err = m.Recipients[0].Key.symmetric(); err != nil {
		return nil, err
	}
	x.baseIV, err = m.baseIV()
	return x, err
}

func (x *exampleEncrypt0) open() ([]byte, error) {
	parsed, err := coseimpl.ParseEncrypt0(x.message, x.tagged)
	if err != nil {
		return nil, err
	}
	x.parsed = parsed
	if x.aead, err = x.content.AEAD(x.key); err != nil {
		return nil, err
	}
	return parsed.Open(nil, x.aead, x.content.ID, x.baseIV, x.m.External)
}

func (x *exampleEncrypt0) headers() coseimpl.Buckets { return x.parsed.Buckets }

func (x *exampleEncrypt0) compare() error {
	known := &x.Intermediates
	if err := published("CEK", x.key, known.CEK); err != nil {
		return err
	}
	aad := coseimpl.AppendEncStructure0(nil, x.parsed.Raw, x.m.External)
	// The published chacha-poly-enc-01 has a context of "Encrypt1" here, which RFC 9052 §5.3 does not know. Its message
	// was made with the right one, for it has just been opened.
	if bytes.Equal(known.AAD, bytes.Replace(aad, []byte("Encrypt0"), []byte("Encrypt1"), 1)) {
		return nil
	}
	return published("AAD", aad, known.AAD)
}

func (x *exampleEncrypt0) rebuild() ([]byte, error) {
	if err := x.rebuildable(x.m); err != nil {
		return nil, err
	}
	s, err := x.m.sealing(x.stream())
	if err != nil {
		return nil, err
	}
	plaintext, err := x.plaintext()
	if err != nil {
		return nil, err
	}
	return coseimpl.AppendEncrypt0(nil, x.aead, x.tagged, s.protected, s.unprotected, s.iv, plaintext, x.m.External)
}

// rebuildable refuses messages that carry what sotto does not write.
func (e *example) rebuildable(m *exampleMessage) error {
	if m.present() {
		return readOnly("countersigned")
	}
	for name := range e.Input.Failures {
		if name != "RemoveCBORTag" {
			return readOnly("altered by " + name)
		}
	}
	return nil
}
