package lockbox

import (
	"fmt"

	"github.com/sottokit/sotto/internal/slot"
	"github.com/sottokit/sotto/mk"
)

// Slot tells how a slot opens, and what that takes.
type Slot struct {
	Kind        Kind
	MemoryBytes uint64    // that Open allocates for it; 0 for all kinds but Argon2id
	Params      mk.Params // of Argon2id
	Rounds      int       // iterations of PBKDF2
}

// Kind says what opens a slot. The numbers are those of the format.
type Kind int32

// The kinds.
const (
	KindPBKDF2   = Kind(slot.PBKDF2)   // PBKDF2Password
	KindArgon2id = Kind(slot.Argon2id) // Password
	KindRecovery = Kind(slot.Recovery) // Recovery
	KindWrapped  = Kind(slot.Wrapped)  // Wrapped
)

// String returns the name of the kind.
func (k Kind) String() string {
	switch k {
	case KindPBKDF2:
		return "PBKDF2"
	case KindArgon2id:
		return "Argon2id"
	case KindRecovery:
		return "recovery key"
	case KindWrapped:
		return "wrapper"
	}
	return fmt.Sprintf("kind %d", int32(k))
}

// Slots tells about every slot, in the order in which they were added. A box from elsewhere may ask for up to 1 GiB of
// memory and minutes of time, within the limits of the format: look before Open.
func (b *Box) Slots() []Slot {
	if b == nil {
		return nil
	}
	told := make([]Slot, len(b.slots))
	for i, t := range b.slots {
		told[i] = Slot{Kind: Kind(t.Kind)}
		switch t.Kind {
		case slot.PBKDF2:
			told[i].Rounds = int(t.Costs[0])
		case slot.Argon2id:
			told[i].Params = argon2Params(t.Costs)
			told[i].MemoryBytes = told[i].Params.Memory()
		}
	}
	return told
}
