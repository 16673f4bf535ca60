package device_test

import (
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/groupentry"
	"github.com/sottokit/sotto/internal/wire"
)

func TestKeysSignGroupEntries(t *testing.T) {
	k := generate(t, alice, device.Classical)
	user, root := bob, [32]byte{1}
	e := &groupentry.Entry{Group: [32]byte{2}, Epoch: 1, Op: groupentry.Remove, User: &user, Root: &root, Actor: "somebody else"}
	b, err := k.SignGroupEntry(e)
	if err != nil {
		t.Fatal(err)
	}
	signedBy(t, k, b, wire.LabelGroupState, groupentry.AAD(e.Group))
	s, err := groupentry.Parse(b)
	if err != nil || s.Actor != alice || s.Cert != k.Record().Cert() || *s.User != bob || s.Group != e.Group {
		t.Errorf("signed %+v: %v", s, err)
	}
	long := string(make([]byte, groupentry.MaxSize))
	e.User = &long
	_, err = k.SignGroupEntry(e)
	wantFault(t, err, fault.OverLimit)
	k.Destroy()
	_, err = k.SignGroupEntry(e)
	wantFault(t, err, fault.DestroyedKey)
}
