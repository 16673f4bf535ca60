package linking

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/cpace"
)

// OldSeed is all that is random in the old device's side of an attempt.
type OldSeed struct {
	redacted
	Rendezvous [16]byte

	Passphrase [32]byte         // with a QR code
	Key        *ecdh.PrivateKey // eO

	Secret  string        // with a code, 9 digits
	Scalar  *cpace.Scalar // of CPace's party A
	Opening [32]byte      // rO
}

// NewOldSeed draws a seed.
func NewOldSeed() *OldSeed {
	s := &OldSeed{Key: ecdh.Generate(), Scalar: cpace.NewScalar(), Secret: newSecret()}
	rand.Read(s.Rendezvous[:])
	rand.Read(s.Passphrase[:])
	rand.Read(s.Opening[:])
	return s
}

// newSecret draws the digits of a code: 30 bits, until they are below 10^9.
func newSecret() string {
	for {
		var b [4]byte
		rand.Read(b[:])
		if n := binary.BigEndian.Uint32(b[:]) >> 2; n < 1_000_000_000 {
			return fmt.Sprintf("%0*d", secretDigits, n)
		}
	}
}

// Wipe wipes what is plain in the seed. The key and the scalar belong to the attempt.
func (s *OldSeed) Wipe() {
	clear(s.Passphrase[:])
	clear(s.Opening[:])
	s.Secret = ""
}

// Destroy wipes all of it, when there is no attempt.
func (s *OldSeed) Destroy() {
	s.Wipe()
	s.Key.Destroy()
	s.Scalar.Destroy()
}

// NewSeed is all that is random in the new device's side of an attempt, but the keys of the device itself.
type NewSeed struct {
	redacted
	Key    *ecdh.PrivateKey // eN, with a QR code
	Scalar *cpace.Scalar    // of CPace's party B, with a code
}

// NewNewSeed draws a seed.
func NewNewSeed() *NewSeed { return &NewSeed{Key: ecdh.Generate(), Scalar: cpace.NewScalar()} }
