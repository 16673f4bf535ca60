package conformance

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
)

// sottoRoster is the set of devices of a conversation.
type sottoRoster struct {
	Inputs struct {
		Conversation octets            `json:"conversation"`
		Epoch        uint64            `json:"epoch"`
		Logs         []json.RawMessage `json:"logs"` // of sottoUserLog
	} `json:"inputs"`
	Outputs struct {
		Certs  []octets `json:"cert_ids"`
		Suite  uint64   `json:"suite"`
		Roster octets   `json:"roster"`
	} `json:"outputs"`
}

type sottoUserLog struct {
	User    string   `json:"user"`
	Entries []octets `json:"entries"`
}

func (c *sottoRoster) read() error {
	var logs []*device.Log
	for i, object := range c.Inputs.Logs {
		var u sottoUserLog
		if err := decode(object, &u); err != nil {
			return fmt.Errorf("log %d: %w", i, err)
		}
		l, err := device.Verify(u.User, plain(u.Entries))
		if err != nil {
			return err
		}
		logs = append(logs, l)
	}
	r, err := device.NewRoster(hashFrom(c.Inputs.Conversation), c.Inputs.Epoch, logs...)
	if err != nil {
		return err
	}
	certs := r.Certs()
	if len(certs) != len(c.Outputs.Certs) {
		return fmt.Errorf("%d devices, want %d", len(certs), len(c.Outputs.Certs))
	}
	hash := r.Hash()
	err = errors.Join(equal("roster", hash[:], c.Outputs.Roster), same("suite", uint64(r.Suite()), c.Outputs.Suite))
	for i, cert := range certs {
		err = errors.Join(err, equal(fmt.Sprintf("device %d", i), cert[:], c.Outputs.Certs[i]))
	}
	return err
}

func (c *sottoRoster) write() error {
	roster, err := rosterOf(c.Inputs.Conversation, c.Inputs.Epoch, plain(c.Outputs.Certs))
	return errors.Join(err, equal("roster made anew", roster, c.Outputs.Roster))
}
