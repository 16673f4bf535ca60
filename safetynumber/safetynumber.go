// Package safetynumber makes what two people compare to learn that nobody stands between them. Most people need New, then
// Number.String to read aloud or Number.PNG and Number.Compare to scan. SAS is the other way: seven emoji, for two people
// who are both there, on the phone for example.
//
// A number stands for two identities: user ID, root of the device log, and the devices that are active now. Messaging keys
// are not in it, because they change every week, and a number that changes for no reason is one that people learn to
// ignore. The package decides nothing: which state of a log was compared, and what follows, is remembered elsewhere.
package safetynumber

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// Limits.
const (
	MaxUser    = 128   // bytes of a user ID
	MaxDevices = 32    // active devices of a user
	MaxMembers = 4_096 // of a group
)

// Device is an active device: its ID and the Ed25519 key of its record.
type Device struct {
	ID      [16]byte
	Signing [32]byte
}

// Party is a user as the device log of that user says. Whoever makes one has verified the log: nothing is verified here.
type Party struct {
	User    string   // 1 to 128 bytes of UTF-8 without control characters
	Root    [32]byte // hash of the first log entry: the identity is the pair of user ID and root
	Devices []Device // the active ones in any order; none is a user whose last device was revoked
}

// digest is the hash of who the party is and which devices speak for it. What breaks a precondition is fault.Misuse, more
// devices than MaxDevices fault.OverLimit.
func (p Party) digest() ([sha256.Size]byte, error) {
	if !wire.ValidName(p.User, MaxUser) {
		return [sha256.Size]byte{}, fmt.Errorf("safetynumber: user ID of %d bytes: %w", len(p.User), fault.Misuse)
	}
	if len(p.Devices) > MaxDevices {
		return [sha256.Size]byte{}, fmt.Errorf("safetynumber: %d devices: %w", len(p.Devices), fault.OverLimit)
	}
	devices := slices.Clone(p.Devices)
	slices.SortFunc(devices, func(a, b Device) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	keys := map[[32]byte]bool{}
	for i, d := range devices {
		if i > 0 && d.ID == devices[i-1].ID || keys[d.Signing] {
			return [sha256.Size]byte{}, fmt.Errorf("safetynumber: a device ID or key comes twice: %w", fault.Misuse)
		}
		keys[d.Signing] = true
	}
	b := wire.AppendHead(nil, wire.MajorArray, 4)
	b = wire.AppendText(b, wire.LabelSafetyNumber)
	b = wire.AppendText(b, p.User)
	b = wire.AppendBytes(b, p.Root[:])
	b = wire.AppendHead(b, wire.MajorArray, uint64(len(devices)))
	for _, d := range devices {
		b = wire.AppendHead(b, wire.MajorArray, 2)
		b = wire.AppendBytes(b, d.ID[:])
		b = wire.AppendBytes(b, d.Signing[:])
	}
	return sha256.Sum256(b), nil
}
