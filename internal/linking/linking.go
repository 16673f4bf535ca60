// Package linking holds the deterministic forms of adding a device: what is shown, what is sent, and what follows from the
// secrets of both sides. Nothing here keeps state or does I/O; package link does the one, and apps the other. The format is
// docs/spec/link.md.
package linking

import (
	"crypto/sha256"

	"github.com/sottokit/sotto/internal/secret"
	"github.com/sottokit/sotto/internal/wire"
)

// Limits, in bytes.
const (
	MaxQR      = 300  // what is shown as a QR code
	MaxMessage = 4096 // any message
	MaxTicket  = 512  // what the server gives the new device, at least 1
	MaxVault   = 512  // where to find a vault, at least 1
)

const (
	maxUser = 128       // device.MaxUser
	maxInt  = 1<<53 - 1 // of any integer
)

// The ways in which two devices find each other. Each QR code, first message and transcript says which one it is of.
const (
	modeQR   = 1
	modeCode = 2
)

// Direction is who a sealed message is from and for.
type Direction string

// The directions. Each has a key and an IV of its own, so no message can be sent back.
const (
	ToNew Direction = "old-to-new"
	ToOld Direction = "new-to-old"
)

// Side is a device in its role: the one that has the account, or the one that joins.
type Side string

// The sides.
const (
	Old Side = "old"
	New Side = "new"
)

// redacted keeps secrets out of everything that prints.
type redacted = secret.Redacted

// TranscriptByQR is what both sides must hold alike when a QR code was scanned: the code, and the key with which the new
// device answered it.
//
//	H(["sotto/v1.link-transcript", 1, H(QR), eN])
func TranscriptByQR(qr []byte, newKey [32]byte) [32]byte {
	seen := sha256.Sum256(qr)
	b := wire.AppendText(append(make([]byte, 0, 128), wire.MajorArray|4), wire.LabelLinkTranscript)
	b = wire.AppendBytes(append(b, modeQR), seen[:])
	return sha256.Sum256(wire.AppendBytes(b, newKey[:]))
}

// TranscriptByCode is the same when a code was typed: all that both sides gave to CPace, whose party A is the old device.
//
//	H(["sotto/v1.link-transcript", 2, rendezvous, CI, ADa, Ya, ADb, Yb])
func TranscriptByCode(rendezvous [16]byte, ci, oldAD []byte, oldShare [32]byte, newAD []byte, newShare [32]byte) [32]byte {
	b := wire.AppendText(append(make([]byte, 0, 512), wire.MajorArray|8), wire.LabelLinkTranscript)
	b = wire.AppendBytes(append(b, modeCode), rendezvous[:])
	for _, part := range [][]byte{ci, oldAD, oldShare[:], newAD, newShare[:]} {
		b = wire.AppendBytes(b, part)
	}
	return sha256.Sum256(b)
}
