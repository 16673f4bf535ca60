package linking

import (
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// The messages, in the order in which they are sent. M1 answers a QR code, C1 and C2 take its place with a code; all later
// ones are sealed. M6, the registration, goes to the server.

// M1 is the new device's answer to a QR code.
type M1 struct {
	Key [32]byte `cbor:"1,keyasint"` // eN, of this attempt alone
	Tag [32]byte `cbor:"2,keyasint"`
}

// Marshal returns the message.
func (m *M1) Marshal() ([]byte, error) { return wire.Marshal(m) }

// ParseM1 reads what Marshal wrote, and nothing else.
func ParseM1(b []byte) (*M1, error) {
	m := &M1{}
	if err := wire.Unmarshal("M1", b, MaxMessage, m); err != nil {
		return nil, err
	}
	return m, nil
}

// Content is that of a sealed message. Where the message stands follows from what it is.
type Content interface {
	place() (name string, to Direction, seq byte)
	Check() error // of what the encoding leaves open
}

// M2 proves to the new device that the old one has fixed its key. Only now the new device shows digits.
type M2 struct {
	Tag     [32]byte  `cbor:"1,keyasint"`
	Opening *[32]byte `cbor:"2,keyasint,omitempty"` // of the commitment in C1: rO; none with a QR code
}

func (*M2) place() (string, Direction, byte) { return "M2", ToNew, 0 }
func (*M2) Check() error                     { return nil }

// M3 is the log that the old device knows. It follows the digits.
type M3 struct {
	User string   `cbor:"1,keyasint"`
	Root [32]byte `cbor:"2,keyasint"`
	Seq  uint64   `cbor:"3,keyasint"`
	Head [32]byte `cbor:"4,keyasint"`
}

func (*M3) place() (string, Direction, byte) { return "M3", ToNew, 1 }

func (m *M3) Check() error {
	if !wire.ValidName(m.User, maxUser) || m.Seq > maxInt {
		return fmt.Errorf("M3: no user ID or place of a log: %w", fault.Malformed)
	}
	return nil
}

// M4 is the new device: its record, and its first device-key, which names the end of the log as M3 does.
type M4 struct {
	Record    []byte `cbor:"1,keyasint"`
	DeviceKey []byte `cbor:"2,keyasint"`
}

func (*M4) place() (string, Direction, byte) { return "M4", ToOld, 0 }
func (*M4) Check() error                     { return nil }

// M5 is the log entry that adds the new device, and what the server wants for it to register.
type M5 struct {
	Entry  []byte   `cbor:"1,keyasint"`
	Nonce  [32]byte `cbor:"2,keyasint"`
	Ticket *[]byte  `cbor:"3,keyasint"` // nil for none
}

func (*M5) place() (string, Direction, byte) { return "M5", ToNew, 2 }

func (m *M5) Check() error {
	if m.Ticket != nil && !within(*m.Ticket, MaxTicket) {
		return fmt.Errorf("M5: ticket of %d bytes: %w", len(*m.Ticket), fault.Malformed)
	}
	return nil
}

// M7 tells the old device that the new one is registered.
type M7 struct {
	Registration [32]byte `cbor:"1,keyasint"` // H(registration)
}

func (*M7) place() (string, Direction, byte) { return "M7", ToOld, 1 }
func (*M7) Check() error                     { return nil }

// What the new device gets of the time before it, in M8.
const (
	Nothing          = 1
	Sessions         = 2 // the keys of the sessions that are open
	SessionsAndVault = 3 // and a vault to restore from
)

// M8 is what the person at the old device chose.
type M8 struct {
	History uint64  `cbor:"1,keyasint"`
	Vault   *[]byte `cbor:"2,keyasint"` // where the vault is, exactly with SessionsAndVault
}

func (*M8) place() (string, Direction, byte) { return "M8", ToNew, 3 }

func (m *M8) Check() error {
	switch {
	case m.History > SessionsAndVault && m.History <= maxInt:
		return fmt.Errorf("M8: history %d: %w", m.History, fault.UnsupportedVersion)
	case m.History < Nothing || m.History > maxInt || (m.History == SessionsAndVault) != (m.Vault != nil):
		return fmt.Errorf("M8: history %d, or a vault that does not belong to it: %w", m.History, fault.Malformed)
	case m.Vault != nil && !within(*m.Vault, MaxVault):
		return fmt.Errorf("M8: vault reference of %d bytes: %w", len(*m.Vault), fault.Malformed)
	}
	return nil
}

func within(b []byte, limit int) bool { return 1 <= len(b) && len(b) <= limit }
