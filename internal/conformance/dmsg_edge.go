package conformance

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// clientVerdict is what the deployed client does with a row.
type clientVerdict struct {
	OK        bool   `json:"ok"`
	Plaintext octets `json:"plaintext,omitempty"`
}

// judge compares what sotto did with what it must do. strict says why the row is not of the strict form, nil when it is.
// What the client refuses must be refused, what it accepts in strict form must give the same plaintext, and what it
// accepts out of leniency must be refused.
func (v *clientVerdict) judge(strict error, plaintext []byte, err error) (string, error) {
	switch {
	case v.OK && strict == nil && err != nil:
		return "", fmt.Errorf("refused: %w", err)
	case v.OK && strict == nil && v.Plaintext == nil:
		return "", errors.New("plaintext is missing")
	case v.OK && strict == nil:
		return "", equal("plaintext", plaintext, v.Plaintext)
	case err == nil:
		return "", errOpened
	case v.OK:
		return "stricter than the deployed client: " + strict.Error(), nil
	}
	return "refused: " + err.Error(), nil
}

// dmsgEncrypt0Edge drives the limits of a dMsg message.
func dmsgEncrypt0Edge(s *suite, file []byte) error {
	var form struct {
		Rows []json.RawMessage `json:"rows"`
	}
	if err := decode(file, &form); err != nil {
		return err
	}
	s.checkEach("row", form.Rows, func(object []byte) (string, error) {
		var row struct {
			Data   octets        `json:"data"`
			Key    octets        `json:"key"`
			AAD    octets        `json:"external_aad"`
			Client clientVerdict `json:"cose_ts_1_4_2"`
		}
		if err := decode(object, &row); err != nil {
			return "", err
		}
		var plaintext []byte
		key, err := cose.NewKey(cose.A256GCM, row.Key)
		if err == nil {
			plaintext, err = openDMsg(key, row.Data, row.AAD)
		}
		return row.Client.judge(strictMessage(row.Data), plaintext, err)
	})
	return nil
}

// dmsgKeyEdge drives the limits of a dMsg COSE_Key, by opening one message with each.
func dmsgKeyEdge(s *suite, file []byte) error {
	var form struct {
		Message octets            `json:"message"`
		Rows    []json.RawMessage `json:"rows"`
	}
	if err := decode(file, &form); err != nil {
		return err
	}
	s.checkEach("row", form.Rows, func(object []byte) (string, error) {
		var row struct {
			Data   octets        `json:"data"`
			Client clientVerdict `json:"cose_ts_1_4_2"`
		}
		if err := decode(object, &row); err != nil {
			return "", err
		}
		var plaintext []byte
		key, err := parseDMsgKey(row.Data)
		if err == nil {
			plaintext, err = openDMsg(key, form.Message, nil)
		}
		return row.Client.judge(strictKey(row.Data), plaintext, err)
	})
	return nil
}

// openDMsg opens a message of the dMsg wire format, strictly: untagged or with the one tag that its writers use, and with
// headers that leave nothing to interpretation.
func openDMsg(key *cose.Key, message, aad []byte) ([]byte, error) {
	tagged := len(message) > 0 && message[0]&0xe0 == wire.MajorTag
	m, err := coseimpl.ParseEncrypt0(message, tagged)
	if err != nil {
		return nil, err
	}
	_, crit := m.Protected.Find(coseimpl.HeaderCrit)
	_, partial := m.Unprotected.Find(coseimpl.HeaderPartialIV)
	_, iv := m.Unprotected.Find(coseimpl.HeaderIV)
	if crit || partial || !iv {
		return nil, fmt.Errorf("headers are not those of dMsg: %w", fault.Malformed)
	}
	return key.Decrypt0(nil, message, cose.Context{Untagged: !tagged, AAD: aad})
}

// parseDMsgKey reads a COSE_Key of the dMsg wire format.
func parseDMsgKey(b []byte) (*cose.Key, error) {
	key, err := cose.ParseKey(b)
	if err == nil && key.Algorithm() != cose.A256GCM {
		return nil, fmt.Errorf("key of %v: %w", key.Algorithm(), fault.Malformed)
	}
	return key, err
}
