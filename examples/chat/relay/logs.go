package relay

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// maxPage is how many entries one answer brings.
const maxPage = 1000

func (s *Server) getLog(r *http.Request) (page []byte, err error) {
	from, err := number(r, "from")
	if err != nil {
		return nil, err
	}
	err = s.db.View(func(tx *bbolt.Tx) error {
		entries := tx.Bucket(logsBucket).Bucket([]byte(r.PathValue("user")))
		if entries == nil {
			return nil
		}
		c := entries.Cursor()
		place, entry := c.Seek(key(from))
		for n := 0; place != nil && n < maxPage; n++ {
			page = appendFrame(page, entry)
			place, entry = c.Next()
		}
		return nil
	})
	return page, err
}

// postEntry appends to a log. The database lets one writer in at a time, so of two entries for one place one comes first;
// the other is fault.LogFork.
func (s *Server) postEntry(r *http.Request) ([]byte, error) {
	user := r.PathValue("user")
	entry, err := body(r)
	if err != nil {
		return nil, err
	}
	_, seq, err := device.EntryClaim(entry)
	if err != nil {
		return nil, err
	}
	return nil, s.db.Update(func(tx *bbolt.Tx) error {
		log, err := stored(tx, user)
		if err != nil {
			return err
		}
		if seq < uint64(len(log)) && bytes.Equal(log[seq], entry) {
			return nil // it was sent before, and the answer was lost
		}
		before, after, err := extended(user, log, entry)
		if err != nil {
			return err
		}
		// A recovery ends a branch: what stood behind its place goes.
		entries, err := tx.Bucket(logsBucket).CreateBucketIfNotExists([]byte(user))
		if err != nil {
			return err
		}
		for n := uint64(len(log)); n > seq; n-- {
			if err := entries.Delete(key(n - 1)); err != nil {
				return err
			}
		}
		if err := entries.Put(key(seq), entry); err != nil {
			return err
		}
		return s.setDevices(tx, user, before, after)
	})
}

// extended verifies an entry behind a log, and returns the devices before and after.
func extended(user string, log [][]byte, entry []byte) (before, after []*device.Record, err error) {
	if len(log) == 0 {
		founded, err := device.Verify(user, [][]byte{entry})
		if err != nil {
			return nil, nil, err
		}
		return nil, founded.Active(), nil
	}
	base, err := device.Verify(user, log)
	if err != nil {
		return nil, nil, err
	}
	next, err := base.Extend([][]byte{entry})
	if err != nil {
		return nil, nil, err
	}
	if next.Pin() == base.Pin() { // what a recovery ended
		return nil, nil, fmt.Errorf("relay: entry of a branch that lost: %w", fault.Rollback)
	}
	return base.Active(), next.Active(), nil
}

// setDevices notes who the devices of a user are. A device is found by its ID alone, so the ID stays its user's for ever.
// One that was revoked loses its mail.
func (s *Server) setDevices(tx *bbolt.Tx, user string, before, after []*device.Record) error {
	devices := tx.Bucket(devicesBucket)
	active := map[device.ID]bool{}
	for _, r := range after {
		id := r.ID()
		active[id] = true
		if o, known := ownerOf(tx, id); known && o.user != user {
			return fmt.Errorf("relay: device ID of another user's: %w", fault.UntrustedSigner)
		}
		if err := devices.Put(id[:], owner{user, true}.bytes()); err != nil {
			return err
		}
	}
	for _, r := range before {
		id := r.ID()
		if active[id] {
			continue
		}
		if err := devices.Put(id[:], owner{user, false}.bytes()); err != nil {
			return err
		}
		if mail := tx.Bucket(mailBucket); mail.Bucket(id[:]) != nil {
			if err := mail.DeleteBucket(id[:]); err != nil {
				return err
			}
		}
		tx.OnCommit(func() { s.ring(id) }) // let it find out
	}
	return nil
}

// owner says whose device it is, and whether it is active: a byte, then the user.
type owner struct {
	user   string
	active bool
}

func (o owner) bytes() []byte {
	if o.active {
		return append([]byte{1}, o.user...)
	}
	return append([]byte{0}, o.user...)
}

func ownerOf(tx *bbolt.Tx, id device.ID) (o owner, known bool) {
	b := tx.Bucket(devicesBucket).Get(id[:])
	if len(b) == 0 {
		return owner{}, false
	}
	return owner{string(b[1:]), b[0] == 1}, true
}

// stored returns the entries of a user's log.
func stored(tx *bbolt.Tx, user string) ([][]byte, error) {
	return entriesIn(tx.Bucket(logsBucket).Bucket([]byte(user)))
}

// entriesIn returns what a bucket holds, in order; nothing of one that is not there.
func entriesIn(b *bbolt.Bucket) (entries [][]byte, err error) {
	if b == nil {
		return nil, nil
	}
	err = b.ForEach(func(_, entry []byte) error {
		entries = append(entries, slices.Clone(entry))
		return nil
	})
	return entries, err
}

// logOf returns a user's log, verified.
func logOf(tx *bbolt.Tx, user string) (*device.Log, error) {
	log, err := stored(tx, user)
	if err != nil {
		return nil, err
	}
	if log == nil {
		return nil, fmt.Errorf("relay: no such user: %w", fault.UntrustedSigner)
	}
	return device.Verify(user, log)
}

// key is a number as a key of the database.
func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
