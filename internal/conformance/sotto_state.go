package conformance

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
)

// sottoState is what a device stores of itself.
type sottoState struct {
	Inputs struct {
		Record    octets            `json:"record"`
		Seed      octets            `json:"seed"`
		Messaging []json.RawMessage `json:"messaging"` // of sottoHalf, newest first
		Contact   uint64            `json:"contact"`
		Next      uint64            `json:"next"`
		Pending   octets            `json:"pending,omitempty"`
	} `json:"inputs"`
	Outputs struct {
		KeyIDs []octets `json:"key_ids"`
		State  octets   `json:"state"`
	} `json:"outputs"`
}

type sottoHalf struct {
	DeviceKey octets `json:"device_key"`
	X25519    octets `json:"x25519_private"`
	XWing     octets `json:"xwing_seed,omitempty"`
	Online    uint64 `json:"online"`
}

func (c *sottoState) read() error {
	k, err := device.ParseKeys(c.Outputs.State)
	if err != nil {
		return err
	}
	defer k.Destroy()
	again, err := k.ExportSecretState()
	if err != nil {
		return err
	}
	ids := k.KeyIDs()
	if len(ids) != len(c.Outputs.KeyIDs) {
		return fmt.Errorf("%d messaging keys, want %d", len(ids), len(c.Outputs.KeyIDs))
	}
	for i, id := range ids {
		err = errors.Join(err, equal(fmt.Sprintf("key_id %d", i), id[:], c.Outputs.KeyIDs[i]))
	}
	return errors.Join(err,
		equal("record", k.Record().Bytes(), c.Inputs.Record),
		equal("pending entry", k.Pending(), c.Inputs.Pending),
		equal("state that is stored again", again, c.Outputs.State))
}

func (c *sottoState) write() error {
	in := &c.Inputs
	var halves []any
	for i, object := range in.Messaging {
		var h sottoHalf
		if err := decode(object, &h); err != nil {
			return fmt.Errorf("messaging key %d: %w", i, err)
		}
		halves = append(halves, []any{[]byte(h.DeviceKey), []byte(h.X25519), orNull(h.XWing), h.Online})
	}
	b, err := ownState(in.Record, in.Seed, halves, in.Contact, in.Next, in.Pending)
	return errors.Join(err, equal("state made anew", b, c.Outputs.State))
}

// orNull is a byte string, or null for nil.
func orNull(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}
