package sotto

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/groups"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

// ParcelKind says what a parcel is and so where it goes.
type ParcelKind string

// The kinds of parcels.
const (
	ParcelLog      ParcelKind = "log"      // an entry for the own log, to the server
	ParcelKey      ParcelKind = "key"      // this device's newest device-key, to the server
	ParcelEnvelope ParcelKind = "envelope" // a session, to devices; a relay may cut it, see session.Strip
	ParcelMessage  ParcelKind = "message"  // to devices
	ParcelGroup    ParcelKind = "group"    // an entry for the chain of a group, to the server
)

// Parcel is something to be sent. Device IDs are random, and unique among honest users: a server that finds its queues by
// them alone refuses a log entry which brings in an ID that another user's device has.
type Parcel struct {
	ID   [32]byte // SHA-256 of Data
	Kind ParcelKind
	To   []device.ID // who must still get it; nil for what goes to the server
	Data []byte
}

// parcelFields is a parcel in the outbox, with what sealing a message again takes.
type parcelFields struct {
	Kind         string       `cbor:"1,keyasint"`
	To           []byte       `cbor:"2,keyasint"` // device IDs
	Data         []byte       `cbor:"3,keyasint"`
	Conversation *device.Hash `cbor:"4,keyasint"`
	Session      *session.ID  `cbor:"5,keyasint"`
	Message      *MessageID   `cbor:"6,keyasint"`
	Type         string       `cbor:"7,keyasint"`
	Body         []byte       `cbor:"8,keyasint"`
	Sent         uint64       `cbor:"9,keyasint"`
}

const maxParcel = 20 << 20 // bytes of a stored parcel

func readParcel(b []byte) (*parcelFields, error) {
	p := &parcelFields{}
	return p, wire.Unmarshal("sotto: parcel", b, maxParcel, p)
}

func (p *parcelFields) id() queue.ID { return sha256.Sum256(p.Data) }

func (p *parcelFields) parcel() Parcel {
	return Parcel{ID: p.id(), Kind: ParcelKind(p.Kind), To: p.to(), Data: p.Data}
}

func (p *parcelFields) to() []device.ID {
	var to []device.ID
	for id := range slices.Chunk(p.To, len(device.ID{})) {
		if len(id) == len(device.ID{}) {
			to = append(to, device.ID(id))
		}
	}
	return to
}

func (p *parcelFields) setTo(to []device.ID) {
	p.To = nil
	for _, id := range to {
		p.To = append(p.To, id[:]...)
	}
}

// putParcel puts a parcel into the outbox, or changes one that is there.
func (v *view) putParcel(p *parcelFields) error {
	b, err := wire.Marshal(p)
	if err != nil {
		return fmt.Errorf("sotto: parcel: %w", err)
	}
	_, err = boxOf(ParcelKind(p.Kind)).Put(v.tx, p.id(), b)
	return err
}

// boxOf returns the queue of a kind. Messages have one of their own: there may be many, and envelopes go before them.
func boxOf(k ParcelKind) queue.Queue {
	if k == ParcelMessage {
		return messages
	}
	return outbox
}

// Pending returns all parcels that are not delivered, byte for byte as they were made: what goes to the server and
// envelopes, then messages, each oldest first. A log entry that this device signed comes first of all and stays until
// the own log that comes back has it, or another one at its place; so does an entry of a group. A message that waited
// for too long is left out until Upkeep has sealed it again.
func (a *Account) Pending(ctx context.Context) ([]Parcel, error) {
	var all []Parcel
	err := a.view(ctx, func(v *view) error {
		all = nil
		keys, err := v.keys()
		if err != nil {
			return err
		}
		if entry := keys.Pending(); entry != nil {
			all = append(all, Parcel{ID: sha256.Sum256(entry), Kind: ParcelLog, Data: entry})
		}
		err = groups.Each(v.tx, func(id device.Hash) error {
			g, err := v.group(id)
			if err != nil {
				return err
			}
			for _, entry := range g.Pending {
				all = append(all, Parcel{ID: sha256.Sum256(entry), Kind: ParcelGroup, Data: entry})
			}
			return nil
		})
		if err != nil {
			return err
		}
		err = v.each(outbox, func(p *parcelFields) error {
			all = append(all, p.parcel())
			return nil
		})
		if err != nil {
			return err
		}
		return v.each(messages, func(p *parcelFields) error {
			over, err := session.Over(v.tx, *p.Session, v.now())
			if err == nil && !over { // one that is over would arrive too late: Upkeep seals it again
				all = append(all, p.parcel())
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Delivered notes that everybody whom a parcel was for has it: it leaves the outbox. One that is not there is no error.
// Only the parcel's ID counts.
func (a *Account) Delivered(ctx context.Context, p Parcel) error {
	return a.deliver(ctx, p, func(device.ID) bool { return true })
}

// DeliveredTo notes that some devices have a parcel; it leaves the outbox when nobody is left.
func (a *Account) DeliveredTo(ctx context.Context, p Parcel, to []device.ID) error {
	return a.deliver(ctx, p, func(id device.ID) bool { return slices.Contains(to, id) })
}

func (a *Account) deliver(ctx context.Context, p Parcel, has func(device.ID) bool) error {
	return a.update(ctx, func(v *view) error {
		for _, q := range []queue.Queue{messages, outbox} {
			b, found, err := q.Get(v.tx, p.ID)
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			stored, err := readParcel(b)
			if err != nil {
				return err
			}
			if stored.Session != nil && *stored.Session == (session.ID{}) {
				return nil // it is to be sealed again: those bytes do not count
			}
			to := stored.to()
			left := slices.DeleteFunc(slices.Clone(to), has)
			if to != nil && len(left) == len(to) {
				return nil
			}
			return v.leave(stored, left)
		}
		return nil
	})
}

// leave lets a parcel wait for the devices that are left, or go.
func (v *view) leave(p *parcelFields, left []device.ID) error {
	if len(left) > 0 {
		p.setTo(left)
		return v.putParcel(p)
	}
	return boxOf(ParcelKind(p.Kind)).Drop(v.tx, p.id())
}

// each visits the parcels of a queue, oldest first.
func (v *view) each(q queue.Queue, f func(p *parcelFields) error) error {
	return q.Each(v.tx, func(_ queue.ID, value []byte) error {
		p, err := readParcel(value)
		if err != nil {
			return err
		}
		return f(p)
	})
}

// sealed is what became of a message ID: the parcel that carries the message, as long as that is in the outbox.
type sealed struct {
	parcel queue.ID
	digest [sha256.Size]byte // of what was sealed, so that an ID is not used for two messages
}

// digest holds the message ID, which is random, so that nobody who finds it can try texts.
func digest(id MessageID, contentType string, body []byte) [sha256.Size]byte {
	b := wire.AppendText(wire.AppendBytes(nil, id[:]), contentType)
	return sha256.Sum256(wire.AppendBytes(b, body))
}

// sentID finds a message of a conversation among those that were sent.
func sentID(conversation device.Hash, id MessageID) queue.ID {
	return sha256.Sum256(append(conversation[:], id[:]...))
}

func (s *sealed) put(tx *store.Tx, conversation device.Hash, id MessageID) error {
	_, err := sent.Put(tx, sentID(conversation, id), append(s.parcel[:], s.digest[:]...))
	return err
}

// findSealed returns what became of a message ID, nil when it is new.
func findSealed(tx *store.Tx, conversation device.Hash, id MessageID) (*sealed, error) {
	b, found, err := sent.Get(tx, sentID(conversation, id))
	if err != nil || !found || len(b) != 2*sha256.Size {
		return nil, err
	}
	return &sealed{queue.ID(b[:sha256.Size]), [sha256.Size]byte(b[sha256.Size:])}, nil
}
