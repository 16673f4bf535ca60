package link

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/cpace"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/internal/secret"
)

// Receive takes a message of the old device. send goes back to it, nil when there is nothing to say yet; State tells what is
// due next.
//
// A wrong message ends the attempt: fault.Damaged for one that does not open, fault.UntrustedSigner for what is not proved or
// signed by whom it must be, fault.Malformed, fault.OverLimit and fault.UnsupportedVersion for other forms. A device that is
// Linked stays so. A message that came before, or one while none is due, changes nothing: fault.Replayed. Once the attempt
// is over, whatever comes is fault.Expired.
func (n *New) Receive(message []byte, now time.Time) (send []byte, err error) {
	return n.common().receive(message, now)
}

// firstCame takes C1. The code is used up by it, right or wrong.
func (n *New) firstCame(message []byte) (send []byte, err error) {
	m, err := linking.ParseC1(message)
	if err != nil {
		return nil, err
	}
	user, old, err := linking.ParseOldAD(m.AD)
	if err != nil {
		return nil, err
	}
	prs, err := n.prs.Export()
	if err != nil {
		return nil, err
	}
	defer clear(prs)
	ci := linking.CI(n.nameplate)
	party := cpace.Begin(n.scalar, prs, ci, m.Rendezvous[:])
	defer party.Destroy()
	n.prs.Destroy()
	c2 := linking.C2{AD: linking.NewAD()}
	copy(c2.Share[:], party.Share())
	isk, err := party.Responder(c2.AD, m.Share[:], m.AD)
	if err != nil {
		return nil, err
	}
	defer clear(isk)
	th := linking.TranscriptByCode(m.Rendezvous, ci, m.AD, m.Share, c2.AD, c2.Share)
	channel, err := linking.ByCode(m.Rendezvous, isk, th)
	if err != nil {
		return nil, err
	}
	n.meets(channel, m.Rendezvous, user, old)
	n.commitment = &m.Commitment
	if c2.Tag, err = channel.Tag(linking.New); err != nil {
		return nil, err
	}
	n.hello, err = c2.Marshal()
	return nil, err
}

// proofCame takes M2: the old device has fixed this one's key, and with a code shows what it had committed to before. Only
// then there are digits for somebody to ask for.
func (n *New) proofCame(message []byte) (send []byte, err error) {
	var m linking.M2
	if err := n.channel.Open(message, &m); err != nil {
		return nil, err
	}
	if err := checkTag(n.channel, linking.Old, m.Tag); err != nil {
		return nil, err
	}
	if err := n.checkOpening(m.Opening); err != nil {
		return nil, err
	}
	digits, err := n.channel.Digits(m.Opening)
	if err != nil {
		return nil, err
	}
	n.digits = secret.Own([]byte(digits))
	n.state, n.due = Showing, n.placeCame
	return nil, nil
}

// checkOpening checks rO against the commitment to it.
func (n *New) checkOpening(opening *[32]byte) error {
	if (opening == nil) != (n.commitment == nil) {
		return fmt.Errorf("M2: an opening where none belongs, or none: %w", fault.Malformed)
	}
	if opening == nil {
		return nil
	}
	want := sha256.Sum256(opening[:])
	if subtle.ConstantTimeCompare(want[:], n.commitment[:]) != 1 {
		return fmt.Errorf("M2: not what the old device had committed to: %w", fault.Damaged)
	}
	return nil
}

// placeCame takes M3: the digits were typed, and this is the log that the old device knows.
func (n *New) placeCame(message []byte) (send []byte, err error) {
	var m linking.M3
	if err := n.channel.Open(message, &m); err != nil {
		return nil, err
	}
	if m.User != n.user {
		return nil, fmt.Errorf("M3: of another user: %w", fault.UntrustedSigner)
	}
	n.digits.Destroy()
	n.pin = device.Pin{Root: m.Root, Seq: m.Seq, Head: m.Head}
	n.state, n.due = Fetching, nil
	return nil, nil
}

// admissionCame takes M5. That the entry is what it says it is, only the log can tell.
func (n *New) admissionCame(message []byte) (send []byte, err error) {
	var m linking.M5
	if err := n.channel.Open(message, &m); err != nil {
		return nil, err
	}
	by, record, prev, err := device.AddClaim(m.Entry)
	if err != nil {
		return nil, err
	}
	switch {
	case !bytes.Equal(record, n.keys.Record().Bytes()):
		return nil, fmt.Errorf("M5: log entry that adds another record: %w", fault.UntrustedSigner)
	case by != n.old:
		return nil, fmt.Errorf("M5: log entry by another device: %w", fault.UntrustedSigner)
	case prev != n.pin.Head:
		return nil, fmt.Errorf("M5: log entry that follows another one than that of M3: %w", fault.UntrustedSigner)
	}
	n.admission = &m
	n.state, n.due = Fetching, nil
	return nil, nil
}

// choiceCame takes M8.
func (n *New) choiceCame(message []byte) (send []byte, err error) {
	var m linking.M8
	if err := n.channel.Open(message, &m); err != nil {
		return nil, err
	}
	n.choice = &m
	n.end(Done)
	return nil, nil
}
