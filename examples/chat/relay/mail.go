package relay

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
)

// Limits of mail.
const (
	maxMail     = 10000   // items that wait for a device
	maxItems    = 100     // items of an answer
	maxAnswer   = 4 << 20 // bytes after which an answer ends
	maxWait     = 60      // seconds that an answer waits for mail
	maxTo       = 10000   // devices of a request
	senderBytes = len(device.ID{})
)

// postMail puts something into the queues of devices and returns those that have it. The queue of a device that takes no
// more is left out. A device that is not active counts as one that has it: nobody will ask.
func (s *Server) postMail(r *http.Request) ([]byte, error) {
	to, err := receivers(r)
	if err != nil {
		return nil, err
	}
	data, err := body(r)
	if err != nil {
		return nil, err
	}
	var have []byte
	err = s.db.Update(func(tx *bbolt.Tx) error {
		from, err := s.device(tx, r)
		if err != nil {
			return err
		}
		cut := cutter(tx, data)
		for _, id := range to {
			if o, _ := ownerOf(tx, id); o.active {
				queue, err := tx.Bucket(mailBucket).CreateBucketIfNotExists(id[:])
				if err != nil {
					return err
				}
				if waiting(queue) >= maxMail {
					continue
				}
				if err := put(queue, from, cut(id)); err != nil {
					return err
				}
				tx.OnCommit(func() { s.ring(id) })
			}
			have = append(have, id[:]...)
		}
		return nil
	})
	return have, err
}

// receivers reads the devices that mail is for.
func receivers(r *http.Request) ([]device.ID, error) {
	texts := strings.Split(r.URL.Query().Get("to"), ",")
	if len(texts) > maxTo {
		return nil, fmt.Errorf("relay: %d devices: %w", len(texts), fault.OverLimit)
	}
	to := make([]device.ID, len(texts))
	for i, text := range texts {
		id, err := hex.DecodeString(text)
		if err != nil || len(id) != len(to[i]) {
			return nil, fmt.Errorf("relay: device %d: %w", i, fault.Malformed)
		}
		to[i] = device.ID(id)
	}
	return to, nil
}

// cutter returns what of data a device gets: of an envelope its own part, of everything else all. It knows the messaging
// keys of devices from the device-keys that it served; who is sealed to by another one gets the whole envelope.
func cutter(tx *bbolt.Tx, data []byte) func(device.ID) []byte {
	keys := map[device.ID]device.KeyID{}
	recipients, err := session.Recipients(data)
	if err == nil {
		for _, key := range recipients {
			if id := tx.Bucket(keyIDsBucket).Get(key[:]); id != nil {
				keys[device.ID(id)] = key
			}
		}
	}
	return func(id device.ID) []byte {
		if key, sealed := keys[id]; sealed {
			if cut, err := session.Strip(data, key); err == nil {
				return cut
			}
		}
		return data
	}
}

// put appends to a queue. An item is the sender's device ID, as a claim of this server's, and what was sent.
func put(queue *bbolt.Bucket, from device.ID, data []byte) error {
	n, err := queue.NextSequence()
	if err != nil {
		return err
	}
	return queue.Put(key(n), append(from[:], data...))
}

// waiting is how many items are in a queue: they are taken out at the front only.
func waiting(queue *bbolt.Bucket) uint64 {
	first, _ := queue.Cursor().First()
	if first == nil {
		return 0
	}
	return queue.Sequence() - binary.BigEndian.Uint64(first) + 1
}

// getMail returns items behind a number: each is its number, the sender's device ID, and the data. Without any it waits for
// as long as it is asked to.
func (s *Server) getMail(r *http.Request) ([]byte, error) {
	after, err := number(r, "after")
	if err != nil {
		return nil, err
	}
	wait, err := number(r, "wait")
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(time.Duration(min(wait, maxWait)) * time.Second)
	defer timer.Stop()
	for {
		id, bell, items, err := s.mailOf(r, after)
		if err != nil || len(items) > 0 || wait == 0 {
			return items, err
		}
		select {
		case <-bell:
		case <-timer.C:
			wait = 0
		case <-r.Context().Done():
			return nil, fmt.Errorf("relay: mail of %s: %w", id, fault.Canceled)
		}
	}
}

// mailOf looks into a queue once. The bell rings when something came after that.
func (s *Server) mailOf(r *http.Request, after uint64) (id device.ID, bell <-chan struct{}, items []byte, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		if id, err = s.device(tx, r); err != nil {
			return err
		}
		bell = s.bell(id)
		return nil
	})
	if err != nil {
		return id, nil, nil, err
	}
	err = s.db.View(func(tx *bbolt.Tx) error {
		queue := tx.Bucket(mailBucket).Bucket(id[:])
		if queue == nil {
			return nil
		}
		c := queue.Cursor()
		place, item := c.Seek(key(after + 1))
		for n := 0; place != nil && n < maxItems && len(items) < maxAnswer; n++ {
			items = appendFrame(items, place, item)
			place, item = c.Next()
		}
		return nil
	})
	return id, bell, items, err
}

// deleteMail takes items out of the queue of the device that asks.
func (s *Server) deleteMail(r *http.Request) ([]byte, error) {
	upto, err := number(r, "upto")
	if err != nil {
		return nil, err
	}
	return nil, s.db.Update(func(tx *bbolt.Tx) error {
		id, err := s.device(tx, r)
		if err != nil {
			return err
		}
		queue := tx.Bucket(mailBucket).Bucket(id[:])
		if queue == nil {
			return nil
		}
		c := queue.Cursor()
		for place, _ := c.First(); place != nil && binary.BigEndian.Uint64(place) <= upto; place, _ = c.First() {
			if err := c.Delete(); err != nil {
				return err
			}
		}
		return nil
	})
}

// bell returns a channel that is closed when mail comes for a device.
func (s *Server) bell(id device.ID) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bells[id] == nil {
		s.bells[id] = make(chan struct{})
	}
	return s.bells[id]
}

func (s *Server) ring(id device.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if bell := s.bells[id]; bell != nil {
		close(bell)
		delete(s.bells, id)
	}
}
