package session

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// errEnough ends a Range early.
var errEnough = errors.New("enough")

// closeDue closes the sessions that are over. One that may not close yet, because messages may still wait for the device,
// is marked with the time on line so far.
func closeDue(tx *store.Tx, a *account, drained bool, now uint64) (closed []ID, err error) {
	err = tx.Range(store.Name{Room: roomDue}, func(seq uint64, b []byte) error {
		if seq > now {
			return errEnough
		}
		var wait []byte
		for entry := range slices.Chunk(b, dueSize) {
			if len(entry) < dueSize {
				break
			}
			id, mark := ID(entry[:len(ID{})]), binary.BigEndian.Uint64(entry[len(ID{}):])
			if later, err := closesLater(tx, id, now); err != nil {
				return err
			} else if later {
				continue // it has another entry then
			}
			if late := mark > 0 && a.Online-(mark-1) >= seconds(maxLate); !drained && !late {
				if mark == 0 {
					mark = a.Online + 1
				}
				wait = append(wait, dueEntry(id, mark)...)
				continue
			}
			if err := end(tx, id); err != nil {
				return err
			}
			closed = append(closed, id)
		}
		n := store.Name{Room: roomDue, Seq: seq}
		if wait == nil {
			tx.Delete(n)
		} else {
			tx.Put(n, wait)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return closed, nil
}

// closesLater reports whether an open session has got more time since it was noted when it closes.
func closesLater(tx *store.Tx, id ID, now uint64) (bool, error) {
	s, err := readState(tx, id)
	if errors.Is(err, fault.UnknownSession) {
		return false, nil
	}
	return err == nil && s.closes() > now, err
}

// end closes a session: its secret and everything about its messages are erased, and its ID is remembered. One that is not
// open stays as it is.
func end(tx *store.Tx, id ID) error {
	if _, open, err := tx.Get(nameOf(roomStatement, id[:])); err != nil || !open {
		return err
	}
	s, err := readState(tx, id)
	if err != nil {
		return err
	}
	if err := forgetTaken(tx, id); err != nil {
		return err
	}
	tx.Delete(nameOf(roomStatement, id[:]))
	tx.Delete(nameOf(roomState, id[:]))
	prefix := id.Prefix()
	if err := removeFrom(tx, nameOf(roomPrefix, prefix[:]), len(id), id); err != nil {
		return err
	}
	if err := removeFrom(tx, nameOf(roomOf, s.Conversation[:]), openingSize, id); err != nil {
		return err
	}
	tx.Put(nameOf(roomClosed, id[:]), nil)
	return nil
}

// forgetPast forgets the IDs whose time is over. A session that is still open by then closes.
func forgetPast(tx *store.Tx, now uint64) error {
	err := tx.Range(store.Name{Room: roomPast}, func(seq uint64, b []byte) error {
		if seq > now {
			return errEnough
		}
		for _, id := range ids(b, len(ID{})) {
			if err := end(tx, id); err != nil {
				return err
			}
			tx.Delete(nameOf(roomClosed, id[:]))
		}
		tx.Delete(store.Name{Room: roomPast, Seq: seq})
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// Close closes a session before its time: one that can never be used again.
func Close(tx *store.Tx, id ID) error { return end(tx, id) }

// Supersede notes that another entry of a group took the place of the one that sessions were made for: those of every other
// entry than tip close by Grace after that, so that what is on its way still opens. At is when it happened. tip is nil when
// the group is over.
func Supersede(tx *store.Tx, conversation device.Hash, tip *device.Hash, at time.Time) error {
	b, _, err := tx.Get(nameOf(roomOf, conversation[:]))
	if err != nil {
		return err
	}
	for _, id := range ids(b, openingSize) {
		s, err := readState(tx, id)
		if err != nil {
			return err
		}
		switch present := s.Group != nil && tip != nil && *s.Group == *tip; {
		case present && s.Superseded > 0: // another branch was the better one for a while
			s.Superseded = 0
		case present || s.Superseded > 0:
			continue
		default:
			s.Superseded = max(1, unix(at))
		}
		if err := putState(tx, id, s); err != nil {
			return err
		}
		if err := appendTo(tx, store.Name{Room: roomDue, Seq: s.closes()}, dueEntry(id, 0)); err != nil {
			return err
		}
	}
	return nil
}

// Past reports whether a session of an epoch that was superseded then is too late: its Grace is over, and the queue ran empty
// after that.
func Past(tx *store.Tx, superseded, now time.Time) (bool, error) {
	a, err := readAccount(tx)
	ends := unix(superseded) + seconds(Grace)
	return unix(now) >= ends && a.Drained >= ends, err
}

// makeRoom closes what a new session pushes out: the oldest one of the same device when that has its share, else, when the
// conversation is full, the oldest one of the user who has most. So nobody pushes out what others began.
func makeRoom(tx *store.Tx, conversation device.Hash, s *state) error {
	b, _, err := tx.Get(nameOf(roomOf, conversation[:]))
	if err != nil || len(b) < maxOpenBy*openingSize {
		return err
	}
	own := 0
	var oldest ID
	for entry := range slices.Chunk(b, openingSize) {
		if len(entry) == openingSize && string(entry[len(ID{}):]) == string(s.maker()) {
			if own++; own == 1 {
				oldest = ID(entry[:len(ID{})])
			}
		}
	}
	if own >= maxOpenBy {
		return end(tx, oldest)
	}
	if len(b) < maxOpen*openingSize {
		return nil
	}
	return endOfGreediest(tx, ids(b, openingSize))
}

func endOfGreediest(tx *store.Tx, open []ID) error {
	count, first := map[string]int{}, map[string]ID{}
	var most string
	for _, id := range open {
		s, err := readState(tx, id)
		if err != nil {
			return err
		}
		if _, seen := first[s.User]; !seen {
			first[s.User] = id
		}
		if count[s.User]++; count[s.User] > count[most] {
			most = s.User
		}
	}
	return end(tx, first[most])
}
