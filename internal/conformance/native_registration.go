package conformance

import (
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/wire"
)

// nativeAnswer is a device's answer to a server's nonce.
type nativeAnswer struct {
	Answer   octets `json:"cose_sign1"`
	Server   string `json:"server_id"`
	Nonce    octets `json:"nonce"`
	External octets `json:"external_aad"`
}

func (n *nativeFile) runRegistration(s *suite, section []byte) error {
	var a nativeAnswer
	if err := decode(section, &a); err != nil {
		return err
	}
	s.check("registration", func() (string, error) { return "", n.checkAnswer(&a) })
	return nil
}

// checkAnswer has the server take the answer, and makes it anew.
func (n *nativeFile) checkAnswer(a *nativeAnswer) error {
	var f registrationForm
	kid, err := readForm(a.Answer, &f)
	if err != nil {
		return err
	}
	d, err := n.withCert(kid)
	if err != nil {
		return err
	}
	l, err := n.whenActive(d)
	if err != nil {
		return err
	}
	at := time.Unix(int64(f.Issued), 0)
	c := device.Challenge{Server: a.Server, User: d.User, Made: at}
	if copy(c.Nonce[:], a.Nonce) != len(a.Nonce) {
		return fmt.Errorf("nonce of %d bytes", len(a.Nonce))
	}
	got, err := c.Check(a.Answer, l, at)
	if err != nil {
		return err
	}
	external, err := wire.Marshal(registrationForm{Server: a.Server, Nonce: a.Nonce}.place())
	if err != nil {
		return err
	}
	f.Record, f.Nonce, f.Server, f.DeviceKey = d.Record, a.Nonce, a.Server, d.DeviceKey
	again, err := signForm(d.Seed, d.Cert, f)
	return errors.Join(err,
		equal("external_aad", external, a.External),
		equal("record", got.Record.Bytes(), d.Record),
		equal("device-key", got.Key.Bytes(), d.DeviceKey),
		equal("registration made anew", again, a.Answer))
}

// whenActive is the newest state of the log in which the device is active.
func (n *nativeFile) whenActive(d *nativeDevice) (*device.Log, error) {
	whole, _, err1 := n.verifyLogs()
	record, err2 := device.ParseRecord(d.User, d.Record)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	for seq := whole.Pin().Seq + 1; seq > 0; seq-- {
		at, err := whole.At(seq - 1)
		if err != nil {
			return nil, err
		}
		if _, err := at.Find(record.Cert()); err == nil {
			return at, nil
		}
	}
	return nil, errors.New("the device is in no state of the log")
}
