package sotto

import (
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/store"
)

// A device that recovers goes on as a new one. What it was before is kept for a while: until the recovery has its place
// in the log the device may still be the former one, and envelopes may be on their way to its messaging keys.

// formerFields are the keys of the former device.
type formerFields struct {
	State []byte `cbor:"1,keyasint"`
	Since uint64 `cbor:"2,keyasint"` // in Unix seconds
}

const (
	roomFormer = "keys/former"
	maxFormer  = 1 << 20
	formerLife = 14 * 24 * time.Hour // as long as a messaging key that was renewed, at most
)

var formerName = store.Name{Room: roomFormer}

// keepFormer keeps this device's keys as those of a former one.
func (v *view) keepFormer(k *device.Keys) error {
	state, err := k.ExportSecretState()
	if err != nil {
		return err
	}
	defer clear(state)
	b, err := wire.Marshal(formerFields{state, uint64(max(0, v.now().Unix()))})
	if err != nil {
		return err
	}
	defer clear(b)
	v.tx.Put(formerName, b)
	return nil
}

// former returns them, nil when there are none any more. The caller destroys them.
func (v *view) former() (*device.Keys, error) {
	b, found, err := v.tx.Get(formerName)
	if err != nil || !found {
		return nil, err
	}
	defer clear(b)
	var f formerFields
	if err := wire.Unmarshal("sotto: former keys", b, maxFormer, &f); err != nil {
		return nil, err
	}
	defer clear(f.State)
	k, err := device.ParseKeys(f.State)
	if err != nil {
		return nil, fmt.Errorf("sotto: former keys: %w (%v)", fault.Damaged, err)
	}
	return k, nil
}

// fallBack makes this device the former one again, when the recovery has lost its place in the log and the former one
// is active in it.
func (v *view) fallBack(l *device.Log) error {
	keys, err := v.keys()
	if err != nil || keys.Pending() != nil {
		return err
	}
	former, err := v.former()
	if err != nil || former == nil {
		return err
	}
	v.known.retire(former)
	if l.Standing(former.Record().Cert()) != nil { // a recovery in the log ends it, and so may a thief
		return nil
	}
	if _, err := former.Settle(l); err != nil {
		return err
	}
	v.tx.Delete(formerName)
	return v.putKeys(former)
}

// dropFormer wipes them when their time is over.
func (v *view) dropFormer() error {
	b, found, err := v.tx.Get(formerName)
	if err != nil || !found {
		return err
	}
	defer clear(b)
	var f formerFields
	if err := wire.Unmarshal("sotto: former keys", b, maxFormer, &f); err != nil {
		return err
	}
	clear(f.State)
	if v.now().Sub(time.Unix(int64(f.Since), 0)) >= formerLife {
		v.tx.Delete(formerName)
	}
	return nil
}
