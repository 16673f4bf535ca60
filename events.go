package sotto

import (
	"crypto/sha256"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/queue"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/trust"
)

// Kind says what an event is about.
type Kind string

// The kinds of events.
const (
	KindMessage       Kind = "message"        // a message
	KindSession       Kind = "session"        // a session was accepted: messages of it can be read
	KindLog           Kind = "log"            // log entries
	KindKey           Kind = "key"            // a device-key
	KindRequest       Kind = "request"        // a device asked for a session; the answer is in the outbox
	KindGroup         Kind = "group"          // an entry of a group
	KindHistory       Kind = "history"        // a member shared an earlier session of a group: bring its messages, they can be read now
	KindContact       Kind = "contact"        // an own device told whom it has as a contact (User): fetch that user's log, all of it, and give it to Trust
	KindMembers       Kind = "members"        // an entry of a group came to count (Change): who reads along has changed. Why is fault.IdentityChanged when who acts, or whom it is about, is another identity than the pinned one
	KindJoined        Kind = "joined"         // this device knows another group; User brought this user in
	KindGroupClaim    Kind = "group-claim"    // User says that this user is in a group (Conversation, up to Change.Entry), and all that shows it was signed by devices that are gone: see Claimed and Rejoin
	KindGroupForked   Kind = "group-forked"   // entries of a group contradict each other: it can be read, and its owner must decide
	KindGroupEnded    Kind = "group-ended"    // its last manager has left, or its owner signed on two branches
	KindUnknown       Kind = "unknown"        // nothing that is known here
	KindIdentity      Kind = "identity"       // something happened to a contact's identity (Happened); Why tells what sealing to the contact fails with, 0 when it goes on
	KindDeviceAdded   Kind = "device-added"   // the user of a contact, or the own one, has another device. Of the own one with Why fault.Expired it is one whose link was never finished: revoke it, unless it is in use
	KindDeviceRevoked Kind = "device-revoked" // or one less; it may be this one
	KindDropped       Kind = "dropped"        // a message or envelope that was held (ID) made room for newer ones and must come again; or a message (Message) was for an identity that is gone
	KindOvertaken     Kind = "overtaken"      // what this device signed for its log, or for a group (Conversation), lost its place: do it again if it is still wanted
	KindRestored      Kind = "restored"       // this store was put back to an earlier state, or copied; sessions and messaging key are being renewed
)

// Event is what became of an input, or a notice of what followed from it: that a device was added or revoked, overtaken,
// restored. Messages and notices stay in the inbox until Ack. Why tells whether it could be used: 0, or the reason why not,
// and then there is no Body.
type Event struct {
	ID           [32]byte // SHA-256 of the input, or the notice's own; for Ack
	Kind         Kind
	Conversation device.Hash
	User         string    // who sent it, or whom it is about
	Device       device.ID // of that user
	Message      MessageID
	Sent         time.Time // by the sender's clock
	Type         string    // of the body, as the sender named it
	Body         []byte
	Counter      uint64   // of the message among those that the sender sealed in a row, from 0
	Skipped      uint64   // messages before it in that row that did not arrive yet
	AlsoRead     []Reader // devices that were revoked since and can read this message
	Again        bool     // given out before, not acknowledged yet
	Why          fault.Code
	Suite        device.Suite // of KindSession and KindMessage: how it was sealed
	Change       *Change      // of KindGroup and KindMembers
	Happened     trust.Event  // of KindIdentity: docs/trust.md tells what each means
	Needs        []Need       // what to fetch or send, so that this input can be used: see Needs for what is held
}

// Change is an entry of a group: what the actor (Event.User) did.
type Change struct {
	Op    group.Op
	User  string      // whom it is about; "" for group.OpResolve
	Role  group.Role  // that User gets, in group.OpCreate, OpAdd and OpRole
	Epoch uint64      // the number of the entry
	Entry device.Hash // its hash
}

// Reader is a device of a user.
type Reader struct {
	User   string
	Device device.ID
}

// Need is something that is missing, for the app to bring.
type Need struct {
	LogOf   string // fetch this user's log from entry FromSeq on and give it to Receive; for a user who is not a contact yet, all of it to Trust
	FromSeq uint64
	Root    *device.Hash // of LogOf: an identity that is not the pinned one; all of its log goes to Former. nil else
	GroupOf *device.Hash // fetch the chain of this group from entry FromSeq on, with what was rejected, and give it to Receive
	KeysOf  string       // fetch the device-keys of this user's devices and give them to Receive
	Request []byte       // send this to devices of whoever the server says the message came from, or of all contacts; own ones may answer, too
	For     [32]byte     // ID of an input that is held for it, so that the app finds who sent that
}

// inputID names an input.
func inputID(b []byte) [32]byte { return sha256.Sum256(b) }

// eventFields is an event in the inbox: a message, or a notice of what followed from an input.
type eventFields struct {
	Conversation device.Hash `cbor:"1,keyasint"`
	User         string      `cbor:"2,keyasint"`
	Device       device.ID   `cbor:"3,keyasint"`
	Message      MessageID   `cbor:"4,keyasint"`
	Sent         uint64      `cbor:"5,keyasint"`
	Type         string      `cbor:"6,keyasint"`
	Body         []byte      `cbor:"7,keyasint"`
	Counter      uint64      `cbor:"8,keyasint"`
	Skipped      uint64      `cbor:"9,keyasint"`
	AlsoRead     []reader    `cbor:"10,keyasint"`
	Kind         string      `cbor:"11,keyasint"`
	Why          uint64      `cbor:"12,keyasint"` // of a notice
	Happened     uint64      `cbor:"13,keyasint,omitempty"`
	Suite        uint64      `cbor:"14,keyasint,omitempty"`
	Change       *change     `cbor:"15,keyasint,omitempty"`
}

// reader is a Reader as an array.
type reader struct {
	_      struct{} `cbor:",toarray"`
	User   string
	Device device.ID
}

// change is a Change as an array.
type change struct {
	_     struct{} `cbor:",toarray"`
	Op    uint64
	User  string
	Role  uint64
	Epoch uint64
	Entry device.Hash
}

const maxStoredEvent = 2 << 20

func (e *Event) bytes() ([]byte, error) {
	f := eventFields{
		Conversation: e.Conversation, User: e.User, Device: e.Device, Message: e.Message, Sent: uint64(max(0, e.Sent.Unix())),
		Type: e.Type, Body: e.Body, Counter: e.Counter, Skipped: e.Skipped, Kind: string(e.Kind), Why: uint64(e.Why), Happened: uint64(e.Happened),
	}
	f.Suite = uint64(e.Suite)
	if c := e.Change; c != nil {
		f.Change = &change{Op: uint64(c.Op), User: c.User, Role: uint64(c.Role), Epoch: c.Epoch, Entry: c.Entry}
	}
	for _, r := range e.AlsoRead {
		f.AlsoRead = append(f.AlsoRead, reader{User: r.User, Device: r.Device})
	}
	return wire.Marshal(f)
}

// noticeID names a notice: number i of the transaction that brought the directory to a version and this device's messaging
// key to a generation, one of which moves with every notice.
func (e *Event) noticeID(version, gen uint64, i int) [32]byte {
	b := wire.AppendText(wire.AppendHead(nil, wire.MajorArray, 6), string(e.Kind))
	b = wire.AppendText(b, e.User)
	b = wire.AppendBytes(b, e.Device[:])
	b = wire.AppendHead(b, wire.MajorUint, version)
	b = wire.AppendHead(b, wire.MajorUint, gen)
	return sha256.Sum256(wire.AppendHead(b, wire.MajorUint, uint64(i)))
}

// named gives the notice of a group an ID: what it is about, and the newest entry.
func (e Event) named(entry device.Hash) Event {
	b := wire.AppendText(wire.AppendHead(nil, wire.MajorArray, 3), string(e.Kind))
	e.ID = sha256.Sum256(wire.AppendBytes(wire.AppendBytes(b, e.Conversation[:]), entry[:]))
	return e
}

// readEvent is an event of the inbox, which was given out before.
func readEvent(id queue.ID, b []byte) (Event, error) {
	var f eventFields
	if err := wire.Unmarshal("sotto: event in the inbox", b, maxStoredEvent, &f); err != nil {
		return Event{}, err
	}
	e := Event{
		ID: id, Kind: Kind(f.Kind), Why: fault.Code(f.Why), Conversation: f.Conversation, User: f.User, Device: f.Device, Message: f.Message,
		Type: f.Type, Body: f.Body, Counter: f.Counter, Skipped: f.Skipped,
		Happened: trust.Event(f.Happened), Again: true,
	}
	if e.Kind != KindMessage {
		e.Body = nil
	}
	if f.Sent > 0 {
		e.Sent = time.Unix(int64(f.Sent), 0)
	}
	e.Suite = device.Suite(f.Suite)
	if c := f.Change; c != nil {
		e.Change = &Change{group.Op(c.Op), c.User, group.Role(c.Role), c.Epoch, c.Entry}
	}
	for _, r := range f.AlsoRead {
		e.AlsoRead = append(e.AlsoRead, Reader{r.User, r.Device})
	}
	return e, nil
}

// shown is a time that somebody else named, for people: one that encoders of dates cannot write becomes the last that they
// can.
func shown(t time.Time) time.Time {
	const lastOf9999 = 253402300799
	return time.Unix(min(t.Unix(), lastOf9999), 0)
}
