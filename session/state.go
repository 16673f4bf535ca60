package session

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/store"
)

// What a device keeps of its sessions, by room. Everything is written inside the caller's transaction. A session is open
// from Keep to its end; of one that is closed only the ID is left, so that it cannot be brought back.
const (
	roomStatement = "session/statement" // [ID]: the statement, which holds the secret
	roomState     = "session/state"     // [ID]: state
	roomOf        = "session/of"        // [conversation]: the open sessions of a conversation, an opening each
	roomPrefix    = "session/prefix"    // [Prefix]: the IDs of open sessions
	roomSender    = "session/sender"    // [ID, CertID]: sender
	roomSeen      = "session/seen"      // [ID, CertID, chain, counter]: hash of the content
	roomTaken     = "session/taken"     // [ID], number: a place of roomSeen, so that it can be found again
	roomDue       = "session/due"       // time at which sessions may close: due
	roomClosed    = "session/closed"    // [ID]: nothing
	roomPast      = "session/past"      // time at which the IDs of sessions are forgotten: IDs
	roomAccount   = "session/account"   // account
)

// How long things last, and how many there may be (limits of the protocol).
const (
	Grace     = 48 * time.Hour       // a session outlives its age by this, for messages on their way
	maxLate   = 30 * 24 * time.Hour  // on line after that, a session closes even if the queue never ran empty
	maxAway   = 24 * time.Hour       // of the time between two contacts at most this counts as on line
	Remember  = 400 * 24 * time.Hour // an older statement is refused, and IDs are kept for this long
	maxOpen   = 4096                 // open sessions of a conversation
	maxOpenBy = 256                  // of those, by one device
	overSend  = 4                    // times max_msgs that a device may send in a session before it is refused
)

// state is what changes of an open session, and what choosing one needs.
type state struct {
	Conversation device.Hash  `cbor:"1,keyasint"`
	Roster       device.Hash  `cbor:"2,keyasint"` // Roster.Version
	Group        *device.Hash `cbor:"3,keyasint"` // the statement's state
	User         string       `cbor:"4,keyasint"` // whose device made the session, or shared it
	Device       device.ID    `cbor:"5,keyasint"`
	Created      uint64       `cbor:"6,keyasint"`
	Opened       uint64       `cbor:"7,keyasint"`
	MaxMessages  uint64       `cbor:"8,keyasint"`
	MaxAge       uint64       `cbor:"9,keyasint"`
	Count        uint64       `cbor:"10,keyasint"`           // messages sent and received
	Era          uint64       `cbor:"11,keyasint"`           // of the store when the session was opened
	Superseded   uint64       `cbor:"12,keyasint,omitempty"` // when another epoch took the place of its own; 0 while none did
}

// account is what is kept once.
type account struct {
	Era     uint64 `cbor:"1,keyasint"`           // sessions of an earlier one are not sent on
	Contact uint64 `cbor:"2,keyasint"`           // when the device was last on line
	Online  uint64 `cbor:"3,keyasint"`           // seconds on line so far
	Drained uint64 `cbor:"4,keyasint,omitempty"` // when the queue last ran empty
}

// sender is what a device did in a session.
type sender struct {
	Count  uint64       `cbor:"1,keyasint"`
	Chains []chainState `cbor:"2,keyasint"` // the newest ones
}

type chainState struct {
	_    struct{} `cbor:",toarray"`
	ID   [8]byte
	Next uint64 // one more than the highest counter that arrived
}

const (
	maxState  = 512     // bytes of a state
	maxSender = 1 << 10 // bytes of a sender
	maxChains = 32      // chains of a sender for which gaps are told
)

// An entry of roomOf is the ID of a session and 16 bytes that name the device which made it. Device IDs are the choice of
// their users, so the user goes into that name.
const openingSize = len(ID{}) + 16

func (s *state) maker() []byte {
	sum := sha256.Sum256(wire.AppendBytes(wire.AppendText(nil, s.User), s.Device[:]))
	return sum[:16]
}

// Keep puts a verified session into the store, from where it is used until it closes. It reports false when it is there
// already, and nothing changes. One that was closed, or that was sent by a device which has too many, is fault.Replayed: it
// is never opened again. A device that exceeds its share of open sessions pushes out its own oldest one.
func Keep(tx *store.Tx, s *Session, now time.Time) (fresh bool, err error) {
	from, ok := s.Roster().Find(s.Sender())
	if !ok {
		return false, fmt.Errorf("session: %w", fault.DestroyedKey) // of a session that is none
	}
	return keep(tx, s, from, now)
}

// KeepShared does it with a session that a device shared which did not make it: it counts among those of that device, so that
// nobody pushes out what another one began.
func KeepShared(tx *store.Tx, s *Session, by *device.Record, now time.Time) (fresh bool, err error) {
	return keep(tx, s, by, now)
}

func keep(tx *store.Tx, s *Session, from *device.Record, now time.Time) (fresh bool, err error) {
	id := s.ID()
	if _, open, err := tx.Get(nameOf(roomStatement, id[:])); err != nil || open {
		return false, err
	}
	if _, closed, err := tx.Get(nameOf(roomClosed, id[:])); err != nil {
		return false, err
	} else if closed {
		return false, fmt.Errorf("session: of a session that was closed: %w", fault.Replayed)
	}
	a, err := readAccount(tx)
	if err != nil {
		return false, err
	}
	conversation := s.Conversation()
	st := &state{
		Conversation: conversation, Roster: s.Roster().Version(), Group: s.State(), User: from.User(), Device: from.ID(),
		Created: unix(s.Created()), Opened: unix(now), MaxMessages: s.Policy().MaxMessages,
		MaxAge: uint64(s.Policy().MaxAge / time.Second), Era: a.Era,
	}
	if err := makeRoom(tx, conversation, st); err != nil {
		return false, err
	}
	statement, err := s.ExportSecretStatement()
	if err != nil {
		return false, err
	}
	defer clear(statement)
	tx.Put(nameOf(roomStatement, id[:]), statement)
	if err := putState(tx, id, st); err != nil {
		return false, err
	}
	if err := appendTo(tx, nameOf(roomOf, conversation[:]), append(id[:], st.maker()...)); err != nil {
		return false, err
	}
	prefix := id.Prefix()
	if err := appendTo(tx, nameOf(roomPrefix, prefix[:]), id[:]); err != nil {
		return false, err
	}
	if err := appendTo(tx, store.Name{Room: roomDue, Seq: st.closes()}, dueEntry(id, 0)); err != nil {
		return false, err
	}
	return true, appendTo(tx, store.Name{Room: roomPast, Seq: max(st.Opened, st.Created) + seconds(Remember)}, id[:])
}

// closes is when the session may close.
func (s *state) closes() uint64 { return s.over() + seconds(Grace) }

// over is when nobody sends on the session any more, as far as its own clock tells.
func (s *state) over() uint64 {
	if s.Superseded > 0 {
		return min(s.Superseded, s.Opened+s.MaxAge)
	}
	return s.Opened + s.MaxAge
}

// Statement returns the statement of an open session, for Resume. It holds the session's secret: the caller wipes it.
func Statement(tx *store.Tx, id ID) (statement []byte, open bool, err error) {
	return tx.Get(nameOf(roomStatement, id[:]))
}

// Members returns whose logs Resume needs for a statement.
func Members(statement []byte) ([]Member, error) {
	s, err := envelope.ParseSigned(statement)
	if err != nil {
		return nil, fmt.Errorf("session: statement is not the one that was kept: %w (%v)", fault.Damaged, err)
	}
	return membersOf(s), nil
}

func membersOf(s *envelope.Signed) []Member {
	members := make([]Member, len(s.Heads))
	for i, h := range s.Heads {
		members[i] = Member{h.User, h.Root}
	}
	return members
}

// Find returns the open sessions that a message may belong to: of several each is tried.
func Find(tx *store.Tx, p Prefix) ([]ID, error) {
	b, _, err := tx.Get(nameOf(roomPrefix, p[:]))
	return ids(b, len(ID{})), err
}

// Status is what is known of an open session.
type Status struct {
	ID           ID
	Conversation device.Hash
	User         string // whose device made it
	Device       device.ID
	Created      time.Time // by that device's clock
	Opened       time.Time
	Messages     uint64 // sent and received
}

// List returns the open sessions of a conversation, oldest first.
func List(tx *store.Tx, conversation device.Hash) ([]Status, error) {
	b, _, err := tx.Get(nameOf(roomOf, conversation[:]))
	if err != nil {
		return nil, err
	}
	var all []Status
	for _, id := range ids(b, openingSize) {
		s, err := readState(tx, id)
		if err != nil {
			return nil, err
		}
		all = append(all, Status{
			ID: id, Conversation: s.Conversation, User: s.User, Device: s.Device,
			Created: timeOf(s.Created), Opened: timeOf(s.Opened), Messages: s.Count,
		})
	}
	return all, nil
}

// Over reports whether what waits to be sent on a session is to be sealed again on another one: it was closed, or its age is
// over since so long that members may close it before the message arrives.
func Over(tx *store.Tx, id ID, now time.Time) (bool, error) {
	s, err := readState(tx, id)
	if errors.Is(err, fault.UnknownSession) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	t := unix(now)
	return t >= min(min(s.Created, s.Opened)+s.MaxAge, s.over())+seconds(Grace/2) || s.ahead(t), nil
}

// ahead reports whether the session was opened in the future: the own clock was wrong then, or is now. Others, whose clocks
// were right, may have closed it.
func (s *state) ahead(now uint64) bool { return s.Opened > now+seconds(maxAway) }

// Reason says why a conversation needs a new session before the next message.
type Reason int32

// The reasons.
const (
	None          Reason = iota // no new session is needed
	NoSession                   // there is none
	RosterChanged               // a device or member came or went
	Age                         // max_age is over
	Count                       // max_msgs are sent and received
	Restored                    // the store was put back to an earlier state
)

// String returns the reason in words.
func (r Reason) String() string {
	words := []string{"none needed", "no session", "roster changed", "age", "count", "restored"}
	if r < 0 || int(r) >= len(words) {
		return "unknown"
	}
	return words[r]
}

// Best returns the session to send the next message on: of all that were made for these devices and this state, with no
// device that came or went since, and are neither used up nor too old, the one with the smallest ID, so that devices which
// began sessions at the same time settle on one without a word. If there is none it says why, and the caller begins a new
// one. roster is that of the members' logs as they are. pass, unless it is nil, is asked last of all: a session that it
// reports false for is as if its roster had changed.
func Best(
	tx *store.Tx, c *Conversation, roster *device.Roster, now time.Time, pass func(ID) (bool, error),
) (best ID, why Reason, err error) {
	b, _, err := tx.Get(nameOf(roomOf, c.ID[:]))
	if err != nil {
		return ID{}, 0, err
	}
	a, err := readAccount(tx)
	if err != nil {
		return ID{}, 0, err
	}
	why = NoSession
	version := roster.Version()
	for _, id := range ids(b, openingSize) {
		s, err := readState(tx, id)
		if err != nil {
			return ID{}, 0, err
		}
		r := s.usable(a, c, version, unix(now))
		if r == None && pass != nil {
			ok, err := pass(id)
			if err != nil {
				return ID{}, 0, err
			}
			if !ok {
				r = RosterChanged
			}
		}
		if r == None && (why != None || string(id[:]) < string(best[:])) {
			best, why = id, None
		} else if why != None {
			why = r
		}
	}
	return best, why, nil
}

// usable says why the session is not to be sent on, None if it is. Its sender is not revoked when the roster is the present
// one, because it is in it.
func (s *state) usable(a *account, c *Conversation, version device.Hash, now uint64) Reason {
	same := s.Group == nil && c.State == nil || s.Group != nil && c.State != nil && *s.Group == *c.State
	switch {
	case s.Era != a.Era:
		return Restored
	case s.Roster != version || !same || s.Superseded > 0:
		return RosterChanged
	case s.Count >= s.MaxMessages:
		return Count
	case now >= min(s.Created, s.Opened)+s.MaxAge || s.ahead(now):
		return Age
	}
	return None
}

// Retire lets every open session be read and none be sent on any more. It is for a store that was put back to an earlier
// state: what came after that is unknown to it.
func Retire(tx *store.Tx) error {
	a, err := readAccount(tx)
	if err != nil {
		return err
	}
	a.Era++
	return putAccount(tx, a)
}

func nameOf(room string, parts ...[]byte) store.Name { return store.Name{Room: room, Parts: parts} }

func readState(tx *store.Tx, id ID) (*state, error) {
	b, found, err := tx.Get(nameOf(roomState, id[:]))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("session: %w", fault.UnknownSession)
	}
	var s state
	return &s, wire.Unmarshal("session: state", b, maxState, &s)
}

func putState(tx *store.Tx, id ID, s *state) error {
	b, err := wire.Marshal(s)
	if err != nil {
		return fmt.Errorf("session: state: %w", err)
	}
	tx.Put(nameOf(roomState, id[:]), b)
	return nil
}

func readAccount(tx *store.Tx) (*account, error) {
	var a account
	b, found, err := tx.Get(store.Name{Room: roomAccount})
	if err != nil || !found {
		return &a, err
	}
	return &a, wire.Unmarshal("session: account", b, maxState, &a)
}

func putAccount(tx *store.Tx, a *account) error {
	b, err := wire.Marshal(a)
	if err != nil {
		return fmt.Errorf("session: account: %w", err)
	}
	tx.Put(store.Name{Room: roomAccount}, b)
	return nil
}

// appendTo lengthens a list of entries of one size.
func appendTo(tx *store.Tx, n store.Name, entry []byte) error {
	b, _, err := tx.Get(n)
	if err != nil {
		return err
	}
	tx.Put(n, append(b, entry...))
	return nil
}

// removeFrom takes the entries of an ID out of a list.
func removeFrom(tx *store.Tx, n store.Name, size int, id ID) error {
	b, _, err := tx.Get(n)
	if err != nil {
		return err
	}
	var left []byte
	for entry := range slices.Chunk(b, size) {
		if string(entry[:min(len(id), len(entry))]) != string(id[:]) {
			left = append(left, entry...)
		}
	}
	if len(left) == 0 {
		tx.Delete(n)
		return nil
	}
	tx.Put(n, left)
	return nil
}

// ids returns the IDs at the start of each entry of a list.
func ids(b []byte, size int) []ID {
	var all []ID
	for ; len(b) >= size; b = b[size:] {
		all = append(all, ID(b[:len(ID{})]))
	}
	return all
}

func unix(t time.Time) uint64 { return uint64(max(0, t.Unix())) }

func timeOf(s uint64) time.Time { return time.Unix(int64(s), 0) }

func seconds(d time.Duration) uint64 { return uint64(d / time.Second) }

func dueEntry(id ID, mark uint64) []byte { return binary.BigEndian.AppendUint64(id[:], mark) }

const dueSize = sha256.Size + 8
