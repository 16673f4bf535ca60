package device

import (
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/groupentry"
	"github.com/sottokit/sotto/internal/wire"
)

// SignGroupEntry signs an entry of a group's history. The actor of e is filled in: a device speaks for its own user. The
// argument is of an internal package, so that nobody but package group asks for it.
func (k *Keys) SignGroupEntry(e *groupentry.Entry) ([]byte, error) {
	if err := k.begin(); err != nil {
		return nil, err
	}
	defer k.mu.Unlock()
	e.Actor = k.record.fields.User
	b, err := sign("group entry", k.signer, e, cose.Context{Type: wire.LabelGroupState, AAD: groupentry.AAD(e.Group)})
	if err == nil && len(b) > groupentry.MaxSize {
		return nil, fmt.Errorf("device: group entry of %d bytes: %w", len(b), fault.OverLimit)
	}
	return b, err
}
