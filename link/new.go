package link

import (
	"bytes"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/cpace"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/internal/secret"
)

// New is an attempt as the device that joins the account sees it. Its states are Waiting for the first message (with a code),
// Asking, Waiting, Showing, Fetching, Waiting for the log entry, Fetching, Registering, Linked, and Done.
//
// It is safe for concurrent use. The zero value and nil are attempts that were aborted.
type New struct {
	_ [0]func()
	redacted
	attempt
	nameplate  string
	prs        *secret.Bytes // the code's secret, until the first message came
	scalar     *cpace.Scalar
	known      bool // whether the old device is known: what follows, as it says
	rendezvous [16]byte
	user       string
	old        device.CertID

	hello      []byte    // M1 or C2, for when the person says yes
	commitment *[32]byte // with a code: H(rO)
	digits     *secret.Bytes
	keys       *device.Keys
	pin        device.Pin  // of M3
	admission  *linking.M5 // nil before it came
	log        *device.Log // in which this device is; nil before, and while the keys are not the caller's
	choice     *linking.M8 // nil before it came
}

// Scan begins an attempt with what a QR code holds: the bytes of the code, which a scanner must not have changed into another
// character set. The app asks whether the person wants to join User's account.
//
// Another QR code than that of an old device is fault.Malformed, one of a newer version fault.UnsupportedVersion, one over
// MaxQR fault.OverLimit.
func Scan(qr []byte, now time.Time) (*New, error) {
	return ScanFrom(linking.NewNewSeed(), qr, now)
}

// ScanFrom is Scan with given randomness, for test vectors. Nobody outside sotto has any to give. The seed belongs to the
// attempt, which wipes it.
func ScanFrom(seed *linking.NewSeed, qr []byte, now time.Time) (*New, error) {
	if seed == nil {
		return nil, errNoSeed
	}
	defer seed.Key.Destroy()
	defer seed.Scalar.Destroy() // belongs to a code
	q, err := linking.ParseQR(qr)
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	defer clear(q.Passphrase[:])
	m1 := linking.M1{Key: [32]byte(seed.Key.Public().Bytes())}
	channel, err := linking.ByQR(q.Rendezvous, q.Passphrase[:], seed.Key, q.Key, linking.TranscriptByQR(qr, m1.Key))
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	n := newNew(now, q.Rendezvous[:])
	n.meets(channel, q.Rendezvous, q.User, q.Cert)
	if m1.Tag, err = channel.Tag(linking.New); err == nil {
		n.hello, err = m1.Marshal()
	}
	if err != nil {
		n.end(Aborted)
		return nil, fmt.Errorf("link: %w", err)
	}
	return n, nil
}

// Enter begins an attempt with the code that the old device shows, as the person typed it: spaces anywhere, and dashes
// between the last 9 digits, do no harm. Another text is fault.Malformed. The message that waits under Nameplate comes next.
func Enter(code string, now time.Time) (*New, error) {
	return EnterFrom(linking.NewNewSeed(), code, now)
}

// EnterFrom is Enter with given randomness, for test vectors. Nobody outside sotto has any to give. The seed belongs to the
// attempt, which wipes it.
func EnterFrom(seed *linking.NewSeed, code string, now time.Time) (*New, error) {
	if seed == nil {
		return nil, errNoSeed
	}
	seed.Key.Destroy() // belongs to a QR code
	nameplate, prs, err := linking.ParseCodeText(code)
	if err != nil {
		seed.Scalar.Destroy()
		return nil, fmt.Errorf("link: %w", err)
	}
	n := newNew(now, nil)
	n.nameplate, n.prs, n.scalar = nameplate, secret.Own([]byte(prs)), seed.Scalar
	n.state, n.due = Waiting, n.firstCame
	return n, nil
}

func newNew(now time.Time, id []byte) *New {
	n := &New{redacted: secret.Redact("link.New", id)}
	n.begin(now, n.wipeAll)
	n.tries = 1
	return n
}

// meets is when the old device is known. Nothing that it says of itself is proved yet.
func (n *New) meets(channel *linking.Channel, rendezvous [16]byte, user string, old device.CertID) {
	n.channel, n.known, n.rendezvous, n.user, n.old = channel, true, rendezvous, user, old
	n.state, n.due = Asking, nil
}

// wipeAll wipes the secrets, but for the keys of the device once they are the caller's.
func (n *New) wipeAll() {
	n.prs.Destroy()
	n.scalar.Destroy()
	n.digits.Destroy()
	if n.log == nil {
		n.keys.Destroy()
	}
}

// common is what both sides have alike, of nil that of an attempt that was aborted.
func (n *New) common() *attempt {
	if n == nil {
		return &attempt{}
	}
	return &n.attempt
}

// look calls f, which only reads, unless n is nil.
func (n *New) look(f func()) {
	if n != nil {
		n.attempt.look(f)
	}
}

// State returns how far the attempt is.
func (n *New) State(now time.Time) State { return n.common().stateAt(now) }

// Cancel ends the attempt, unless it is done. One that is Linked is done by it: the device stays what it is.
func (n *New) Cancel() { n.common().cancel() }

// Nameplate returns under which name the first message of the old device waits. It is "" with a QR code.
func (n *New) Nameplate() string {
	if n == nil {
		return ""
	}
	return n.nameplate
}

// Rendezvous names the mailbox of both directions, once it is known: with a code, after the first message.
func (n *New) Rendezvous() (id [16]byte, known bool) {
	n.look(func() { id, known = n.rendezvous, n.known })
	return id, known
}

// User returns whose account it is, as the old device says, from Asking on.
func (n *New) User() (user string) {
	n.look(func() { user = n.user })
	return user
}

// Digits returns the six digits that the person types into the old device, while the attempt is Showing, else "".
func (n *New) Digits() (digits string) {
	n.look(func() { digits = text(n.digits) })
	return digits
}

// Keys returns the keys of this device from Registering on, nil before. They are the caller's from then on: nothing here
// wipes them any more.
func (n *New) Keys() (k *device.Keys) {
	n.look(func() {
		if n.log != nil {
			k = n.keys
		}
	})
	return k
}

// Log returns the user's log with this device in it, from Registering on, nil before.
func (n *New) Log() (l *device.Log) {
	n.look(func() { l = n.log })
	return l
}

// Nonce returns the server's nonce, for device.Keys.Register, from Registering on.
func (n *New) Nonce() (nonce [32]byte) {
	n.look(func() {
		if n.log != nil {
			nonce = n.admission.Nonce
		}
	})
	return nonce
}

// Ticket returns what the server wants to see again when the device registers, from Registering on, nil for nothing.
func (n *New) Ticket() (ticket []byte) {
	n.look(func() {
		if n.log != nil && n.admission.Ticket != nil {
			ticket = bytes.Clone(*n.admission.Ticket)
		}
	})
	return ticket
}

// Choice returns what the person at the old device chose, and whether that has come.
func (n *New) Choice() (c Choice, told bool) {
	n.look(func() {
		if n.choice != nil {
			c, told = choiceOf(n.choice), true
		}
	})
	return c, told
}
