package relay_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/wire"
)

// rootOf founds a log with a device that has chosen its ID itself, which no honest one does.
func rootOf(t testing.TB, user string, id device.ID) []byte {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	now := time.Now().Unix()
	record, err := wire.Marshal(map[int]any{1: user, 2: id, 3: []byte(public), 4: device.Classical, 5: now})
	must(t, err)
	cert := sha256.Sum256(record)
	by, err := cose.NewSigner(key, cert[:])
	must(t, err)
	defer by.Destroy()
	signed, err := by.Sign1(nil, record, cose.Bind(wire.LabelDevice))
	must(t, err)
	entry, err := wire.Marshal(map[int]any{1: user, 2: 0, 3: device.Hash{}, 4: 0, 5: signed, 6: now, 7: nil})
	must(t, err)
	aad := wire.AppendText(wire.AppendHead(nil, wire.MajorArray, 2), wire.LabelDeviceLog)
	root, err := by.Sign1(nil, entry, cose.Context{Type: wire.LabelDeviceLog, AAD: wire.AppendText(aad, user)})
	must(t, err)
	return root
}
