package session

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/store"
)

// Taken tells what taking a message showed.
type Taken struct {
	// Skipped counts the messages of the same chain between the newest one so far and this one: they did not arrive yet, or
	// never will.
	Skipped uint64
}

// Take notes that a message of an open session was opened, or was sealed by this device, so that it is not taken again. The
// same message a second time is fault.Replayed; another one in its place is fault.SenderReset: a device that was cloned has
// sent twice under one counter. A session that closed meanwhile is fault.UnknownSession, a device that sends more than any
// honest one fault.OverLimit. When it fails nothing has changed.
func Take(tx *store.Tx, o *Opened) (Taken, error) {
	s, err := readState(tx, o.Session)
	if err != nil {
		return Taken{}, err
	}
	if err := Seen(tx, o); err != nil {
		return Taken{}, err
	}
	by, err := readSender(tx, o.Session, o.Place.Sender)
	if err != nil {
		return Taken{}, err
	}
	if by.Count >= overSend*s.MaxMessages {
		return Taken{}, fmt.Errorf("session: message: the device has sent %d in this session: %w", by.Count, fault.OverLimit)
	}
	skipped := by.take(o.Place)
	if err := putSender(tx, o.Session, o.Place.Sender, by); err != nil {
		return Taken{}, err
	}
	tx.Put(o.seen(), o.Hash[:])
	tx.Put(store.Name{Room: roomTaken, Parts: [][]byte{o.Session[:]}, Seq: s.Count}, o.Place.bytes())
	s.Count++
	return Taken{skipped}, putState(tx, o.Session, s)
}

// Seen reports whether a message was taken before, with the errors of Take. It changes nothing.
func Seen(tx *store.Tx, o *Opened) error {
	b, found, err := tx.Get(o.seen())
	switch {
	case err != nil || !found:
		return err
	case string(b) == string(o.Hash[:]):
		return fmt.Errorf("session: message: %w", fault.Replayed)
	}
	return fmt.Errorf("session: message: another one has this counter: %w", fault.SenderReset)
}

// seen is where the hash of the message's content is kept.
func (o *Opened) seen() store.Name {
	counter := binary.BigEndian.AppendUint64(nil, o.Place.Counter)
	return nameOf(roomSeen, o.Session[:], o.Place.Sender[:], o.Place.Chain[:], counter)
}

// take counts a message and returns how many its chain skipped.
func (s *sender) take(p Place) (skipped uint64) {
	s.Count++
	for i := range s.Chains {
		c := &s.Chains[i]
		if c.ID != p.Chain {
			continue
		}
		if p.Counter >= c.Next {
			skipped, c.Next = p.Counter-c.Next, p.Counter+1
		}
		return skipped
	}
	if len(s.Chains) == maxChains {
		s.Chains = s.Chains[1:]
	}
	s.Chains = append(s.Chains, chainState{ID: p.Chain, Next: p.Counter + 1})
	return p.Counter
}

func readSender(tx *store.Tx, id ID, cert device.CertID) (*sender, error) {
	s := &sender{}
	b, found, err := tx.Get(nameOf(roomSender, id[:], cert[:]))
	if err != nil || !found {
		return s, err
	}
	return s, wire.Unmarshal("session: sender", b, maxSender, s)
}

func putSender(tx *store.Tx, id ID, cert device.CertID, s *sender) error {
	b, err := wire.Marshal(s)
	if err != nil {
		return fmt.Errorf("session: sender: %w", err)
	}
	tx.Put(nameOf(roomSender, id[:], cert[:]), b)
	return nil
}

// bytes is the place as roomTaken has it: CertID, chain, counter.
func (p Place) bytes() []byte {
	b := append(append([]byte(nil), p.Sender[:]...), p.Chain[:]...)
	return binary.BigEndian.AppendUint64(b, p.Counter)
}

const placeSize = len(device.CertID{}) + 8 + 8

// forgetTaken removes everything that was noted of the messages of a session.
func forgetTaken(tx *store.Tx, id ID) error {
	all := nameOf(roomTaken, id[:])
	return tx.Range(all, func(seq uint64, b []byte) error {
		if len(b) == placeSize {
			cert := b[:len(device.CertID{})]
			tx.Delete(nameOf(roomSeen, id[:], cert, b[len(cert):len(cert)+8], b[len(cert)+8:]))
			tx.Delete(nameOf(roomSender, id[:], cert))
		}
		all.Seq = seq
		tx.Delete(all)
		return nil
	})
}

// Online counts the time on line up to now: it is called whenever the device is in contact with its server, drained
// reports that everything which waited there was received. Sessions that are over by Grace close when the queue ran empty
// since, or after 30 days on line: no server keeps a secret alive. Of the time between two calls at most a day counts. IDs
// older than Remember are forgotten. The closed sessions are returned.
func Online(tx *store.Tx, drained bool, now time.Time) (closed []ID, err error) {
	a, err := readAccount(tx)
	if err != nil {
		return nil, err
	}
	t := unix(now)
	if a.Contact > 0 && t > a.Contact {
		a.Online += min(t-a.Contact, seconds(maxAway))
	}
	before := a.Contact
	a.Contact = t
	if drained {
		a.Drained = t
	}
	if err := putAccount(tx, a); err != nil {
		return nil, err
	}
	if closed, err = closeDue(tx, a, drained, t); err != nil {
		return nil, err
	}
	// IDs keep replays out, so one look at a clock that is wrong must not forget them: it takes two.
	return closed, forgetPast(tx, min(before, t))
}
